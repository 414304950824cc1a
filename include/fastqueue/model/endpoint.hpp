#pragma once

#include <fastqueue/model/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>

namespace fastqueue {

/// Where something listens: `tcp://host:port`. The host is a name, an IPv4 address, an IPv6 address in
/// brackets or, for listening only, `*`; the port is 0 to 65535, where 0 (or `*`) asks the system for a free
/// one.
struct endpoint {
    std::string host;  ///< without brackets
    std::uint16_t port = 0;

    [[nodiscard]] bool is_wildcard() const noexcept {
        return host == "*" || host == "0.0.0.0" || host == "::";
    }
    /// One can connect to it.
    [[nodiscard]] bool is_destination() const noexcept { return port != 0 && !is_wildcard(); }
    [[nodiscard]] bool is_ipv6() const noexcept { return host.find(':') != std::string::npos; }
    [[nodiscard]] bool is_loopback() const noexcept {
        return host == "localhost" || host == "::1" ||
               (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
    }
    /// The same host, `offset` ports further; empty past 65535. A port of 0 stays 0: each is then taken free.
    [[nodiscard]] std::optional<endpoint> plus(std::uint32_t offset) const {
        if (port == 0) return endpoint{host, 0};
        if (offset > 65535U - port) return std::nullopt;
        return endpoint{host, static_cast<std::uint16_t>(port + offset)};
    }
    [[nodiscard]] std::string text() const {
        return "tcp://" + (is_ipv6() ? "[" + host + "]" : host) + ":" + std::to_string(port);
    }
    friend bool operator==(endpoint const&, endpoint const&) = default;
};

namespace detail {

/// Why `host` is none, or empty.
[[nodiscard]] inline std::string_view host_problem(std::string_view host) noexcept {
    if (host.empty()) return "the host is missing";
    if (host == "*") return {};
    if (host.size() > 253) return "the host name is longer than 253 characters";
    auto const plain = std::ranges::all_of(host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    });
    return plain ? std::string_view{} : "the host has a character that no host name has";
}

[[nodiscard]] inline std::string_view ipv6_problem(std::string_view host) noexcept {
    auto const zone = host.find('%');
    auto const address = host.substr(0, zone);
    char text[INET6_ADDRSTRLEN] = {};  // the system's reader wants a zero at the end
    in6_addr ignored{};
    bool const fits = address.size() < sizeof text && address.find('\0') == std::string_view::npos;
    if (fits) address.copy(text, sizeof text - 1);
    if (!fits || ::inet_pton(AF_INET6, text, &ignored) != 1)
        return "what stands in brackets is not an IPv6 address";
    if (zone == std::string_view::npos) return {};
    auto const name = host.substr(zone + 1);
    return name.empty() || name == "*" || !host_problem(name).empty() ? "the address has a malformed zone"
                                                                      : std::string_view{};
}

[[nodiscard]] inline std::string_view port_problem(std::string_view text, std::uint16_t& port) noexcept {
    if (text == "*") return {};
    if (text.empty()) return "the port is missing";
    std::uint32_t number = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool const digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || (failed == std::errc{} && end != text.data() + text.size()))
        return "the port is not a number";
    if (failed != std::errc{} || number > 65535) return "the port is over 65535";
    port = static_cast<std::uint16_t>(number);
    return {};
}

}  // namespace detail

/// Reads `tcp://host:port`, strictly: nothing is guessed, cut or wrapped.
/// \param[out] out  written on success only
/// \return empty on success, else the reason in words, fit for "... is not an address: <reason>"
[[nodiscard]] inline std::string_view parse_endpoint(std::string_view text, endpoint& out) {
    constexpr std::string_view scheme = "tcp://";
    if (!text.starts_with(scheme)) return "it does not begin with tcp://";
    auto rest = text.substr(scheme.size());
    std::string_view host;
    if (rest.starts_with('[')) {
        auto const close = rest.find(']');
        if (close == std::string_view::npos) return "the bracket is not closed";
        host = rest.substr(1, close - 1);
        rest = rest.substr(close + 1);
        if (auto const problem = detail::ipv6_problem(host); !problem.empty()) return problem;
        if (rest.empty() || rest.front() != ':') return "the port is missing";
    } else {
        auto const colon = rest.find(':');
        if (colon == std::string_view::npos) return "the port is missing";
        host = rest.substr(0, colon);
        rest = rest.substr(colon);
        if (rest.find(':', 1) != std::string_view::npos) return "an IPv6 address must stand in brackets";
        if (auto const problem = detail::host_problem(host); !problem.empty()) return problem;
    }
    std::uint16_t port = 0;
    if (auto const problem = detail::port_problem(rest.substr(1), port); !problem.empty()) return problem;
    out = endpoint{std::string{host}, port};
    return {};
}

/// The same for callers that want the endpoint or an exception.
/// \throws error (errc::bad_address) that names the address, what is wrong with it and how one looks
[[nodiscard]] inline endpoint make_endpoint(std::string_view text) {
    endpoint out;
    if (auto const problem = parse_endpoint(text, out); !problem.empty()) {
        throw error{errc::bad_address, "'" + std::string{text.substr(0, 300)} + "' is not an address: " +
                                           std::string{problem} + "; write it as tcp://127.0.0.1:5555"};
    }
    return out;
}

}  // namespace fastqueue
