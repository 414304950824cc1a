#pragma once

#include <fastqueue/json/reader.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/limits.hpp>
#include <fastqueue/model/task_id.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::wire {

/// One entry of the discovery document `nodes`.
struct node {
    std::string id;
    std::string role;  ///< `control-plane` or `subworker`
    std::string base;
    std::string management;            ///< of a control plane
    std::string results;               ///< of a control plane
    std::string state;                 ///< of a subworker
    std::vector<std::uint16_t> ports;  ///< of a control plane: those for tasks, critical to low
    uuid epoch;                        ///< of a control plane
    std::uint32_t max_payload = 0;
};

/// Writes the limits as members of an object that is open.
inline void write_limits(json::writer& out, limits const& l) {
    out.key("max_header").value(l.max_header).key("max_payload").value(l.max_payload);
    out.key("max_message").value(l.max_message).key("max_pairs").value(l.max_pairs);
    out.key("max_outstanding").value(l.max_outstanding);
}

namespace detail {

[[nodiscard]] inline bool read_node_limits(json::reader& in, node& out) {
    if (in.next() != json::token::begin_object) return false;
    for (auto t = in.next(); t != json::token::end_object; t = in.next()) {
        if (t != json::token::key) return false;
        bool const payload = in.text() == "max_payload";
        if (!payload) {
            if (!in.skip()) return false;
            continue;
        }
        std::uint64_t number = 0;
        if (in.next() != json::token::number || !in.to(number)) return false;
        out.max_payload = static_cast<std::uint32_t>(std::min<std::uint64_t>(number, 0xffffffffU));
    }
    return true;
}

[[nodiscard]] inline bool read_ports_of_node(json::reader& in, node& out) {
    if (in.next() != json::token::begin_array) return false;
    for (auto t = in.next(); t != json::token::end_array; t = in.next()) {
        std::uint64_t port = 0;
        if (t != json::token::number || !in.to(port) || port > 65535 || out.ports.size() == 4) return false;
        out.ports.push_back(static_cast<std::uint16_t>(port));
    }
    return true;
}

[[nodiscard]] inline bool read_node(json::reader& in, node& out) {
    for (auto t = in.next(); t != json::token::end_object; t = in.next()) {
        if (t != json::token::key) return false;
        std::string const key{in.text()};
        if (key == "limits" || key == "ports") {
            if (key == "limits" ? !read_node_limits(in, out) : !read_ports_of_node(in, out)) return false;
            continue;
        }
        std::string* const into = key == "id"           ? &out.id
                                  : key == "role"       ? &out.role
                                  : key == "base"       ? &out.base
                                  : key == "management" ? &out.management
                                  : key == "results"    ? &out.results
                                  : key == "state"      ? &out.state
                                                        : nullptr;
        if (into == nullptr && key != "epoch") {
            if (!in.skip()) return false;
            continue;
        }
        if (in.next() != json::token::string) return false;
        if (into != nullptr)
            *into = in.text();
        else
            out.epoch = uuid::parse(in.text()).value_or(uuid{});
    }
    return true;
}

}  // namespace detail

/// Reads a `nodes` document; empty where it is none.
[[nodiscard]] inline std::optional<std::vector<node>> read_nodes(std::string_view text) {
    json::reader in{text};
    std::vector<node> out;
    if (in.next() != json::token::begin_array) return std::nullopt;
    for (auto t = in.next(); t != json::token::end_array; t = in.next()) {
        if (t != json::token::begin_object || !detail::read_node(in, out.emplace_back())) return std::nullopt;
    }
    if (in.next() != json::token::end) return std::nullopt;
    return out;
}

}  // namespace fastqueue::wire
