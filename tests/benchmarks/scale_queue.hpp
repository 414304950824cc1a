#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/machine_room.hpp"
#include "benchmarks/processes.hpp"
#include "benchmarks/quiet_plane.hpp"
#include "benchmarks/sweep.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

// What one more task costs while others wait. The control plane's core alone, so that the queue is measured and not the
// network: ten tasks a message, and one worker that runs ten at a time. A step has a process of its own, whose memory shows
// what a waiting task takes.
namespace bench::queue_sweep {

inline constexpr std::int64_t batch = 10;

[[nodiscard]] inline quiet_plane::setup setup_for(std::uint64_t waiting) {
    quiet_plane::setup with;
    with.capacity = "concurrency=10 window=10";
    with.options.limits.max_tasks = waiting + 1'000'000;
    with.options.limits.max_task_bytes = (waiting + 1'000'000) * add_arguments.size();
    with.options.id_ledger_size = 10'000;  // ended tasks are not to hide what waiting ones cost
    return with;
}

/// A control plane with so many tasks that wait, and what it costs to add ten and to have ten done.
class full_plane {
public:
    explicit full_plane(std::uint64_t waiting) : plane_{setup_for(waiting)} {
        add(batch);       // the worker is busy with these
        exchange(1'200);  // everything that ends is remembered for a while: from here on that grows no more
        auto const before = resident_octets();
        for (auto left = static_cast<std::int64_t>(waiting); left > 0; left -= most_a_message)
            add(std::min(left, most_a_message));
        octets_ = static_cast<double>(resident_octets() - before) / static_cast<double>(waiting);
        exchange(100);
    }
    /// Nanoseconds a task: to submit it, and from its dispatch until its result is kept.
    [[nodiscard]] sweep::row measure(double seconds) {
        using nanoseconds = std::chrono::duration<double, std::nano>;
        spent_ = {};
        std::int64_t rounds = 0;
        for (auto const begin = steady::now(); steady::now() - begin < std::chrono::duration<double>(seconds);
             rounds += 10)
            exchange(10);
        auto const tasks = static_cast<double>(rounds * batch);
        return {nanoseconds{spent_.submit}.count() / tasks, nanoseconds{spent_.run}.count() / tasks};
    }
    [[nodiscard]] double octets_a_task() const noexcept { return octets_; }
    [[nodiscard]] bool adds_up(std::uint64_t waiting) const {
        auto const& s = plane_.machine().state();
        return s.counters.refused == 0 && s.counters.failed == 0 && s.dispatch.waiting() == waiting &&
               s.counters.submitted == s.counters.succeeded + waiting + batch;
    }

private:
    static constexpr std::int64_t most_a_message = 1'000;
    struct times {
        steady::duration submit{};
        steady::duration run{};
    };

    void add(std::int64_t tasks) {
        plane_.prepare(tasks);
        plane_.submit();
    }
    void exchange(int rounds) {
        for (int i = 0; i < rounds; ++i) {
            plane_.prepare(batch);
            auto const begin = steady::now();
            plane_.submit();
            auto const middle = steady::now();
            plane_.work_off();
            spent_.submit += middle - begin;
            spent_.run += steady::now() - middle;
        }
    }

    quiet_plane plane_;
    times spent_;
    double octets_ = 0;
};

inline void serve(channel& talk, std::uint64_t waiting, sweep_settings const& s) {
    full_plane plane{waiting};
    constexpr std::uint64_t enough_to_see = 10'000;  // memory comes in pages
    for (int i = 0; i < s.repetitions; ++i) {
        auto figures = plane.measure(s.seconds);
        figures.push_back(waiting < enough_to_see ? sweep::nothing : plane.octets_a_task());
        talk.say(sweep::told(figures));
    }
    talk.say(plane.adds_up(waiting) ? "right" : "wrong");
    static_cast<void>(talk.hear(60));
}

inline void step(sweep& found, std::uint64_t waiting, sweep_settings const& s) {
    constexpr std::uint64_t octets_a_task = 300;
    if (waiting * octets_a_task + (256U << 20U) > memory_available())
        return found.skip(waiting, "there is too little memory");
    process plane{[&](channel& talk) { serve(talk, waiting, s); }};
    std::vector<sweep::row> rows;
    for (int i = 0; i < s.repetitions; ++i) rows.push_back(sweep::heard(plane.talk().hear(s.seconds + 300)));
    if (plane.talk().hear(10) != "right") throw std::runtime_error{"queue: tasks are missing, or too many"};
    found.add(waiting, rows);
}

inline sweep run(sweep_settings const& s) {
    sweep found{"queue",
                "What a task costs while others wait",
                "tasks waiting",
                {{"submit", "ns a task", "flat"},
                 {"dispatch to result", "ns a task", "flat"},
                 {"memory of a waiting task", "octets", "flat"}}};
    for (auto const waiting : steps(10, 10, 10'000'000, s)) step(found, waiting, s);
    return found;
}

}  // namespace bench::queue_sweep
