#pragma once

#include <fastqueue/json/reader.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/wire/run_message.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::wire {

/// `register <worker> ...`: a worker says who it is, what it can do and what it holds. Owns what it shows: a
/// registration is rare, and is kept.
struct registration {
    std::string worker;
    uuid incarnation;
    std::uint32_t concurrency = 1;  ///< 1 to 1024
    std::uint32_t window = 0;       ///< runs that may be outstanding; 0: as many as the concurrency
    std::uint32_t weight = 1;       ///< 1 to 1000
    bool packed = false;            ///< wants what it did not ask for packed
    std::optional<endpoint> address;
    std::optional<std::array<std::uint16_t, 4>> ports;
    std::vector<std::string> tasks;
    std::vector<lease_name> runs;
    std::vector<std::string> contents;
    std::vector<std::pair<std::string, std::string>>
        defaults;  ///< of tasks, by name: options as a header has them
    std::string version;
    std::string host;
    std::uint64_t pid = 0;
};

namespace detail {

[[nodiscard]] inline bool read_ports(std::string_view text, std::array<std::uint16_t, 4>& out) noexcept {
    for (std::size_t i = 0; i < 4; ++i) {
        auto const comma = text.find(',');
        auto const port = read_number(text.substr(0, comma), 65535);
        if (!port || *port == 0 || (comma == std::string_view::npos) != (i == 3)) return false;
        out[i] = static_cast<std::uint16_t>(*port);
        if (i < 3) text.remove_prefix(comma + 1);
    }
    return true;
}

[[nodiscard]] inline std::optional<problem> read_registration_field(field const& f, registration& out) {
    auto const number = [&](std::uint32_t least, std::uint32_t most,
                            std::uint32_t& into) -> std::optional<problem> {
        auto const value = read_number(f.value, most);
        if (!value || *value < least) return problem{errc::bad_request, "the number is out of range", f.key};
        into = static_cast<std::uint32_t>(*value);
        return std::nullopt;
    };
    if (f.key == "concurrency") return number(1, 1024, out.concurrency);
    if (f.key == "window") return number(1, 65'536, out.window);
    if (f.key == "weight") return number(1, 1000, out.weight);
    if (f.key == "pack") {
        if (f.value != "0" && f.value != "1")
            return problem{errc::bad_request, "the value is neither 0 nor 1", f.key};
        out.packed = f.value == "1";
    }
    if (f.key == "incarnation") {
        auto const id = uuid::parse(f.value);
        if (!id) return problem{errc::bad_request, "the incarnation is not a UUID", f.key};
        out.incarnation = *id;
    }
    if (f.key == "address") {
        endpoint at;
        if (auto const why = parse_endpoint(f.value, at); !why.empty())
            return problem{errc::bad_request, why, f.key};
        if (at.is_wildcard()) return problem{errc::bad_request, "a wildcard cannot be dialled", f.key};
        out.address = at;
    }
    if (f.key == "ports") {
        std::array<std::uint16_t, 4> ports{};
        if (!read_ports(f.value, ports))
            return problem{errc::bad_request, "the ports are four numbers with commas", f.key};
        out.ports = ports;
    }
    return std::nullopt;
}

/// `["a", "b"]`, the reader standing before the array. At most `most` strings are kept: more is malformed.
[[nodiscard]] inline bool read_strings(json::reader& in, std::size_t most, std::vector<std::string>& out) {
    if (in.next() != json::token::begin_array) return false;
    for (auto t = in.next(); t != json::token::end_array; t = in.next()) {
        if (t != json::token::string || out.size() == most) return false;
        out.emplace_back(in.text());
    }
    return true;
}

/// `{"add": "retries=3", ...}`
[[nodiscard]] inline bool read_texts(json::reader& in, std::size_t most,
                                     std::vector<std::pair<std::string, std::string>>& out) {
    if (in.next() != json::token::begin_object) return false;
    for (auto t = in.next(); t != json::token::end_object; t = in.next()) {
        if (t != json::token::key || out.size() == most) return false;
        out.emplace_back(in.text(), std::string{});
        if (in.next() != json::token::string || in.text().size() > 512) return false;
        out.back().second = in.text();
    }
    return true;
}

/// `[["<id>", <attempt>], ...]`
[[nodiscard]] inline bool read_leases(json::reader& in, std::size_t most, std::vector<lease_name>& out) {
    if (in.next() != json::token::begin_array) return false;
    for (auto t = in.next(); t != json::token::end_array; t = in.next()) {
        if (t != json::token::begin_array || out.size() == most || in.next() != json::token::string)
            return false;
        auto const id = uuid::parse(in.text());
        std::uint64_t attempt = 0;
        if (!id || in.next() != json::token::number || !in.to(attempt) || attempt == 0 ||
            attempt > 0xffffffffU)
            return false;
        if (in.next() != json::token::end_array) return false;
        out.push_back({*id, static_cast<std::uint32_t>(attempt)});
    }
    return true;
}

inline void write_leases(json::writer& out, std::vector<lease_name> const& leases) {
    out.begin_array();
    for (auto const& lease : leases) {
        out.begin_array().value(lease.id.text()).value(lease.attempt).end_array();
    }
    out.end_array();
}

}  // namespace detail

inline constexpr std::size_t max_announced_runs = 65'536;

/// Reads the header of a `register`.
[[nodiscard]] inline std::optional<problem> read_registration(header const& h, registration& out) {
    if (h.positional().size() != 1)
        return problem{errc::bad_request, "register takes the worker's name", h.verb()};
    if (!is_valid_name(h.positional()[0])) {
        return problem{errc::bad_request, "the worker's name is not 1 to 255 of A-Z a-z 0-9 . _ : -",
                       "worker"};
    }
    out.worker = h.positional()[0];
    for (auto const& f : h.fields()) {
        if (auto bad = detail::read_registration_field(f, out)) return bad;
    }
    if (out.incarnation.empty())
        return problem{errc::bad_request, "the incarnation is missing", "incarnation"};
    if (h.get("concurrency").empty())
        return problem{errc::bad_request, "the concurrency is missing", "concurrency"};
    if (out.ports && !out.address)
        return problem{errc::bad_request, "ports stand with an address only", "ports"};
    if (out.address && !out.ports && (out.address->port == 0 || !out.address->plus(3)))
        return problem{errc::bad_request, "its four ports are not all from 1 to 65535", "address"};
    if (out.window < out.concurrency) out.window = out.concurrency;
    return std::nullopt;
}

/// Reads the document of a `register`. Unknown members are ignored.
/// \param max_tasks  more tasks than that are refused
[[nodiscard]] inline std::optional<problem> read_registration_document(std::string_view text,
                                                                       std::size_t max_tasks,
                                                                       registration& out) {
    json::reader in{text};
    if (in.next() != json::token::begin_object)
        return problem{errc::bad_request, "the document is not a JSON object"};
    for (auto t = in.next(); t != json::token::end_object; t = in.next()) {
        if (t != json::token::key) return problem{errc::bad_request, "the document is not JSON"};
        std::string const key{in.text()};
        bool good = true;
        if (key == "tasks")
            good = detail::read_strings(in, max_tasks, out.tasks);
        else if (key == "runs")
            good = detail::read_leases(in, max_announced_runs, out.runs);
        else if (key == "content")
            good = detail::read_strings(in, 16, out.contents);
        else if (key == "defaults")
            good = detail::read_texts(in, max_tasks, out.defaults);
        else if (key == "version" || key == "host") {
            good = in.next() == json::token::string;
            if (good) (key == "host" ? out.host : out.version) = in.text().substr(0, 255);
        } else if (key == "pid")
            good = in.next() == json::token::number && in.to(out.pid);
        else
            good = in.skip();
        if (!good)
            return problem{errc::bad_request, "the registration's document has a member of a wrong shape"};
    }
    if (in.next() != json::token::end)
        return problem{errc::bad_request, "something stands behind the document"};
    for (auto const& name : out.tasks) {
        if (!is_valid_name(name))
            return problem{errc::bad_request, "a task's name is not 1 to 255 of A-Z a-z 0-9 . _ : -"};
    }
    return std::nullopt;
}

/// Writes the header's tokens behind the verb.
inline void write_registration(header_writer& out, registration const& r) {
    out.token(r.worker)
        .field("incarnation", r.incarnation)
        .field("concurrency", std::uint64_t{r.concurrency});
    if (r.window > r.concurrency) out.field("window", std::uint64_t{r.window});
    if (r.weight != 1) out.field("weight", std::uint64_t{r.weight});
    if (r.address) out.field("address", r.address->text());
    if (r.ports) {
        auto const& p = *r.ports;
        out.field("ports", std::to_string(p[0]) + ',' + std::to_string(p[1]) + ',' + std::to_string(p[2]) +
                               ',' + std::to_string(p[3]));
    }
    if (r.packed) out.field("pack", "1");
}

/// The document that goes with it.
inline void write_registration_document(std::string& out, registration const& r) {
    json::writer w{out};
    w.begin_object().key("tasks").begin_array();
    for (auto const& name : r.tasks) w.value(name);
    w.end_array().key("runs");
    detail::write_leases(w, r.runs);
    w.key("version")
        .value(r.version)
        .key("host")
        .value(r.host)
        .key("pid")
        .value(r.pid)
        .key("content")
        .begin_array();
    for (auto const& content : r.contents) w.value(content);
    w.end_array();
    if (!r.defaults.empty()) {
        w.key("defaults").begin_object();
        for (auto const& [name, options] : r.defaults) w.key(name).value(options);
        w.end_object();
    }
    w.end_object();
}

/// `registered`'s document: runs that the worker announced and that are not its any more.
inline void write_drop_document(std::string& out, std::vector<lease_name> const& dropped) {
    json::writer w{out};
    w.begin_object().key("drop");
    detail::write_leases(w, dropped);
    w.end_object();
}

[[nodiscard]] inline bool read_drop_document(std::string_view text, std::vector<lease_name>& out) {
    if (text.empty()) return true;
    json::reader in{text};
    if (in.next() != json::token::begin_object) return false;
    for (auto t = in.next(); t != json::token::end_object; t = in.next()) {
        if (t != json::token::key) return false;
        if (in.text() == "drop" ? !detail::read_leases(in, max_announced_runs, out) : !in.skip())
            return false;
    }
    return in.next() == json::token::end;
}

}  // namespace fastqueue::wire
