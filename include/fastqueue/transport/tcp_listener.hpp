#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/transport/native_socket.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <cstdint>
#include <system_error>
#include <vector>

namespace fastqueue::transport {

/// A listening socket.
struct tcp_listener {
    tcp_listener(asio::io_context& io, std::uint32_t tag_of_its_connections)
        : acceptor{io}, tag{tag_of_its_connections} {}

    asio::ip::tcp::acceptor acceptor;
    std::uint32_t tag;
    peer_id id{};  // its own in the table of listeners
    bool waiting = false;
};

namespace detail {

/// Where to bind for `at`, best first. `*` is IPv6 and IPv4 in one socket where the system can do that, else
/// IPv4; a name is looked up (this may block) and its IPv4 addresses come first.
[[nodiscard]] inline std::error_code bind_candidates(asio::io_context& io, endpoint const& at,
                                                     std::vector<asio::ip::tcp::endpoint>& out) {
    using asio::ip::tcp;
    if (at.host == "*") {
        out = {tcp::endpoint{asio::ip::address_v6::any(), at.port},
               tcp::endpoint{asio::ip::address_v4::any(), at.port}};
        return {};
    }
    std::error_code ec;
    auto const numeric = asio::ip::make_address(at.host, ec);
    if (!ec) {
        out = {tcp::endpoint{numeric, at.port}};
        return {};
    }
    auto const found = tcp::resolver{io}.resolve(at.host, "", ec);
    if (ec) return ec;
    for (bool const v4 : {true, false}) {
        for (auto const& entry : found) {
            auto const address = entry.endpoint().address();
            if (address.is_v4() == v4) out.emplace_back(address, at.port);
        }
    }
    return {};
}

[[nodiscard]] inline std::error_code bind_one(asio::ip::tcp::acceptor& acceptor,
                                              asio::ip::tcp::endpoint const& where, bool both_families,
                                              int backlog) {
    if (auto const failed = open_socket(acceptor, where.protocol())) return failed;
    std::error_code ec;
    // So that a restart need not wait for old connections; a port on which somebody listens is refused still.
    acceptor.set_option(asio::socket_base::reuse_address{true}, ec);
    if (!ec && where.address().is_v6()) acceptor.set_option(asio::ip::v6_only{!both_families}, ec);
    if (!ec) acceptor.bind(where, ec);
    if (!ec) acceptor.listen(backlog, ec);
    if (ec) {
        std::error_code ignored;
        acceptor.close(ignored);
    }
    return ec;
}

}  // namespace detail

/// Binds `acceptor` and listens.
/// \param[out] bound  as `at`, with the port that it has become; written on success only
/// \return success, or the system's error (`std::errc::address_in_use` ...); then nothing is bound
[[nodiscard]] inline std::error_code open_listener(asio::io_context& io, endpoint const& at, int backlog,
                                                   asio::ip::tcp::acceptor& acceptor, endpoint& bound) {
    std::vector<asio::ip::tcp::endpoint> candidates;
    auto result = detail::bind_candidates(io, at, candidates);
    for (auto const& where : candidates) {
        result = detail::bind_one(acceptor, where, at.host == "*", backlog);
        // A taken port is taken: the next family would only hide that.
        if (!result || result == std::errc::address_in_use) break;
    }
    if (result)
        return {result.value(), result.category() == asio::error::get_system_category()
                                    ? std::system_category()
                                    : result.category()};
    std::error_code ec;
    auto const local = acceptor.local_endpoint(ec);
    if (ec) return ec;
    bound = endpoint{at.host, local.port()};
    return {};
}

}  // namespace fastqueue::transport
