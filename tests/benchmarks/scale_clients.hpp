#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/machine_room.hpp"
#include "benchmarks/scale_network.hpp"
#include "benchmarks/sweep.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

// What a task costs the control plane while many are connected. So many tasks are in flight whatever the number of
// connections, each a message of its own; from about a hundred connections on each is also read and answered on its own.
namespace bench::clients_sweep {

/// Why so many connections do not fit on this machine; empty where they do.
[[nodiscard]] inline std::string obstacle(std::uint64_t connections) {
    constexpr std::uint64_t others = 64;
    if (connections + others > raise_descriptors()) return "a process may not open so many files";
    if (connections + others > ephemeral_ports()) return "there are too few ephemeral ports";
    constexpr std::uint64_t octets_each = 64 * 1024;  // of both ends, the system's own included
    if (connections * octets_each > memory_available()) return "there is too little memory";
    return {};
}

inline void step(sweep& found, std::uint64_t connections, sweep_settings const& s) {
    if (auto const why = obstacle(connections); !why.empty()) return found.skip(connections, why);
    network::setting with;
    with.connections = connections;
    with.asked = {"add", std::string{add_arguments}, "8"};
    with.plane.spin = std::chrono::microseconds{0};  // only work is to be counted, not the looking out for it
    constexpr std::uint64_t enough_to_see = 100;     // memory comes in pages
    std::vector<sweep::row> rows;
    for (auto const& f : network::measure(with, s))
        rows.push_back({f.plane_us, connections < enough_to_see ? sweep::nothing : f.octets / 1024, f.rate});
    found.add(connections, rows);
}

inline sweep run(sweep_settings const& s) {
    sweep found{"clients",
                "What a task costs while many are connected",
                "connections",
                {{"processor time, a task", "us", "flat from 100 on"},
                 {"memory of an idle connection", "KiB", "flat"},
                 {"throughput", "tasks a second", "flat from 100 on"}}};
    for (auto const connections : steps(1, 10, 10'000, s)) step(found, connections, s);
    return found;
}

}  // namespace bench::clients_sweep
