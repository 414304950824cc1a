#pragma once

#include "benchmarks/fleet.hpp"
#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"
#include "benchmarks/sweep.hpp"

#include <fastqueue/batch.hpp>
#include <fastqueue/client.hpp>
#include <fastqueue/model/limits.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

// Many tasks handed over in as few messages as the limits allow, over the real thing: a control plane, a subworker and a client,
// each a process.
namespace bench::waiting::batches {

namespace fq = fastqueue;

/// Mebioctets that a process has taken at most so far.
[[nodiscard]] inline double peak_mebioctets(process const& p) {
    std::ifstream told{"/proc/" + std::to_string(p.id()) + "/status"};
    for (std::string word; told >> word;) {
        double kib = 0;
        if (word == "VmHWM:" && told >> kib) return kib / 1024;
    }
    throw std::runtime_error{"a process has ended before its time"};
}

/// The client's process. Tells the seconds until all are accepted, until all have ended, and of the slowest message.
inline void submit(channel& talk, std::string const& addresses, std::uint64_t count) {
    fq::client client{own::client_at(addresses)};
    own::until("the client is connected", 10,
               [&] { return own::number_in(client.document("stats"), "succeeded") == 0; });
    double slowest = 0;
    auto const begin = steady::now();
    auto const since = [](steady::time_point when) {
        return std::chrono::duration<double>(steady::now() - when).count();
    };
    for (std::uint64_t sent = 0; sent < count;) {
        auto const part = std::min<std::uint64_t>(count - sent, fq::limits{}.max_pairs);
        fq::batch tasks;
        tasks.reserve(part);
        for (std::uint64_t i = 0; i < part; ++i) tasks.add(fq::invocation<int>{"add", "[5, 3]"});
        auto const asked = steady::now();
        if (client.delay(tasks).size() != part) throw std::runtime_error{"batch: some were not accepted"};
        slowest = std::max(slowest, since(asked));
        sent += part;
    }
    auto const accepted = since(begin);
    own::until("all have ended", 120,
               [&] { return own::number_in(client.document("stats"), "succeeded") == count; });
    talk.say(sweep::told({accepted, since(begin), slowest}));
    static_cast<void>(talk.hear(60));
}

inline sweep::row measure(std::uint64_t count) {
    own::fleet const all{{own::worker_settings{"w"}}};
    process client{[&](channel& talk) { submit(talk, all.addresses(), count); }};
    auto const seconds = sweep::heard(client.talk().hear(150));
    auto const tasks = static_cast<double>(count);
    return {tasks / seconds.at(0), tasks / seconds.at(1), seconds.at(2) * 1000,
            peak_mebioctets(all.server())};
}

inline sweep run(sweep_settings const& s) {
    sweep found{"batch",
                "Batches, in messages of 65,536 tasks at most",
                "tasks",
                {{"accepted", "a second", "flat"},
                 {"ended", "a second", "flat"},
                 {"slowest message", "ms", "linear"},
                 {"control plane's peak", "MiB", "linear"}}};
    for (auto const count : steps(10'000, 10, 100'000, s)) {
        std::vector<sweep::row> rows;
        for (int i = 0; i < s.repetitions; ++i) rows.push_back(measure(count));
        found.add(count, rows);
    }
    return found;
}

}  // namespace bench::waiting::batches
