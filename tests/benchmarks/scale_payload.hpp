#pragma once

#include "benchmarks/own.hpp"
#include "benchmarks/scale_network.hpp"
#include "benchmarks/sweep.hpp"

#include <fastqueue/task.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// What a task costs whose argument is a string that comes back. The size is that of the arguments' JSON, so that the largest
// step is just what the default limits take (16 MiB), and none of them is raised.
namespace bench::payload_sweep {

inline void echo(std::string const& addresses) {
    fastqueue::registry tasks;
    tasks.define(fastqueue::task<std::string(std::string)>{"echo", "text"},
                 [](std::string text) { return text; });
    own::work_on(addresses, std::move(tasks));
}

inline void step(sweep& found, std::uint64_t octets, sweep_settings const& s) {
    auto const text = '"' + std::string(octets - 4, 'x') + '"';  // beside quotes and brackets
    network::setting with;
    constexpr std::uint64_t on_the_way = 16U << 20U;
    with.in_flight = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(on_the_way / octets, 2, 100));
    with.asked = {"echo", '[' + text + ']', text};
    with.work = echo;
    std::vector<sweep::row> rows;
    for (auto const& f : network::measure(with, s))
        rows.push_back({f.rate, f.rate * static_cast<double>(octets) / 1e6, f.plane_us});
    found.add(octets, rows);
}

inline sweep run(sweep_settings const& s) {
    sweep found{"payload",
                "Tasks whose argument comes back",
                "octets of arguments",
                {{"throughput", "tasks a second", "flat, then inverse"},
                 {"arguments", "MB/s", "linear, then flat"},
                 {"control plane", "processor us a task", "constant and linear"}}};
    for (auto const octets : steps(16, 4, 16U << 20U, s)) step(found, octets, s);
    return found;
}

}  // namespace bench::payload_sweep
