#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/measure.hpp"
#include "benchmarks/numbers.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What was measured, as a table or as JSON.
namespace bench {

/// By tasks in flight and system, one for each repetition.
using results = std::map<std::pair<std::uint32_t, std::string_view>, std::vector<figures>>;

template <class Member>
[[nodiscard]] double median(std::vector<figures> const& all, Member&& member) {
    std::vector<double> values;
    for (auto const& f : all) values.push_back(member(f));
    return median(std::move(values));
}
[[nodiscard]] inline figures medians(std::vector<figures> const& all) {
    figures f;
    f.rate = median(all, [](figures const& x) { return x.rate; });
    f.p50_us = median(all, [](figures const& x) { return x.p50_us; });
    f.p99_us = median(all, [](figures const& x) { return x.p99_us; });
    f.cpu_us = median(all, [](figures const& x) { return x.cpu_us; });
    for (std::size_t i = 0; i < 3; ++i)
        f.cpu_parts[i] = median(all, [i](figures const& x) { return x.cpu_parts[i]; });
    return f;
}

/// Octets of tasks alone, or of results: one way.
[[nodiscard]] inline double megabytes_a_second(figures const& f, demand const& d) {
    return f.rate * static_cast<double>(d.payload) / 1e6;
}

/// How many times as good as `other`: over 1 is faster. None: that was not measured.
[[nodiscard]] inline std::optional<double> ratio(results const& found, std::uint32_t in_flight,
                                                 figures const& mine, std::string_view other) {
    auto const at = found.find({in_flight, other});
    if (at == found.end()) return {};
    auto const theirs = medians(at->second);
    return theirs.p50_us > 0 && mine.p50_us > 0 ? theirs.p50_us / mine.p50_us : mine.rate / theirs.rate;
}
[[nodiscard]] inline std::string text_of(std::optional<double> value, char const* none) {
    char text[32];
    if (!value) return none;
    std::snprintf(text, sizeof text, "%.3f", *value);
    return text;
}

inline constexpr std::string_view yardsticks[] = {"libzmq", "redis", "raw tcp"};

inline void print_table(results const& found, demand const& d) {
    std::printf("%u octets a task and a result, %u client(s), %u worker(s)\n",
                static_cast<unsigned>(d.payload), d.clients, d.workers);
    if (auto const& on = d.processors)
        std::printf("server on processor %u, workers on %u, clients on %u\n", (*on)[0], (*on)[1], (*on)[2]);
    std::printf("%-9s %-16s %10s %8s %8s %8s %8s  %-22s %9s %9s %9s\n", "in flight", "system", "tasks/s",
                "MB/s", "p50 us", "p99 us", "cpu us", "server/workers/clients", "x libzmq", "x redis",
                "x raw tcp");
    for (auto const& [key, all] : found) {
        auto const f = medians(all);
        char parts[64];
        std::snprintf(parts, sizeof parts, "%.2f/%.2f/%.2f", f.cpu_parts[0], f.cpu_parts[1], f.cpu_parts[2]);
        std::printf("%9u %-16s %10.0f %8.1f %8.1f %8.1f %8.2f  %-22s", key.first,
                    std::string{key.second}.c_str(), f.rate, megabytes_a_second(f, d), f.p50_us, f.p99_us,
                    f.cpu_us, parts);
        for (auto const other : yardsticks)
            std::printf(" %9s", text_of(ratio(found, key.first, f, other), "-").c_str());
        std::puts("");
    }
    std::puts(
        "MB/s: one way; cpu: of all processes, a task; x: how many times as good, by p50 at 1 in flight for "
        "each client and by tasks/s else");
}

inline void print_json(results const& found, demand const& d) {
    char const* separator = "[";
    for (auto const& [key, all] : found) {
        auto const f = medians(all);
        auto const times = [&](std::string_view other) {
            return text_of(ratio(found, key.first, f, other), "null");
        };
        std::printf(
            "%s\n {\"in_flight\": %u, \"system\": \"%s\", \"payload\": %zu, \"clients\": %u, \"workers\": "
            "%u, "
            "\"repetitions\": %zu, \"tasks_per_second\": %.1f, \"megabytes_per_second\": %.3f, "
            "\"p50_us\": %.2f, \"p99_us\": %.2f, \"cpu_us\": %.3f, \"cpu_server_us\": %.3f, "
            "\"cpu_worker_us\": %.3f, \"cpu_client_us\": %.3f, "
            "\"times_libzmq\": %s, \"times_redis\": %s, \"times_raw_tcp\": %s}",
            separator, key.first, std::string{key.second}.c_str(), d.payload, d.clients, d.workers,
            all.size(), f.rate, megabytes_a_second(f, d), f.p50_us, f.p99_us, f.cpu_us, f.cpu_parts[0],
            f.cpu_parts[1], f.cpu_parts[2], times(yardsticks[0]).c_str(), times(yardsticks[1]).c_str(),
            times(yardsticks[2]).c_str());
        separator = ",";
    }
    std::puts("\n]");
}

}  // namespace bench
