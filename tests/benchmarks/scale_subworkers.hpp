#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"
#include "benchmarks/quiet_plane.hpp"
#include "benchmarks/sweep.hpp"

#include <fastqueue/task.hpp>
#include <fastqueue/testing/simulated_system.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench::subworkers_sweep {

namespace fq = fastqueue;

// What the control plane has to do for a task is measured with its core alone and workers that are no more than their
// messages: in the simulated network most of the time would be the simulator's, and that of the workers' machines. Each
// worker runs one task at a time, so that a run and its answer are a message of their own, however many workers there are.
[[nodiscard]] inline double microseconds_a_task(quiet_plane& plane, double seconds) {
    constexpr std::int64_t round = 1'000;
    std::int64_t tasks = 0;
    auto const begin = steady::now();
    for (; steady::now() - begin < std::chrono::duration<double>(seconds); tasks += round)
        plane.go_round(round);
    return std::chrono::duration<double, std::micro>(steady::now() - begin).count() /
           static_cast<double>(tasks);
}

// Whether all workers are kept busy is a question of messages and time: so whole roles, in the simulated network, where 100
// workers can sleep at once. A task takes 1 ms, a message 10 us, a commit 10 us, all of virtual time; processors are
// endlessly fast there.
class sleeping_workers {
public:
    explicit sleeping_workers(std::uint32_t workers)
        : workers_{workers}, system_{1, tasks(), options(workers)} {
        system_.run_for(std::chrono::seconds{1});  // until all are registered
    }
    /// Tasks a virtual second.
    [[nodiscard]] double rate() {
        constexpr std::uint32_t each = 50;
        std::vector<answer> answers;
        auto const begin = system_.network().now().steady;
        for (std::uint32_t i = 0; i < workers_ * each; ++i)
            answers.push_back(system_.client().call(fq::invocation<int>{"sleep", "[8]"}));
        std::size_t ended = 0;
        auto const all = [&] {
            while (ended < answers.size() && answers[ended].there()) ++ended;
            return ended == answers.size();
        };
        if (!system_.run_until(all)) throw std::runtime_error{"subworkers: tasks do not end"};
        std::chrono::duration<double> const took = system_.network().now().steady - begin;
        for (auto const& a : answers) {
            if (a.result().value() != 8) throw std::runtime_error{"subworkers: wrong answers"};
        }
        return static_cast<double>(answers.size()) / took.count();
    }

private:
    using system = fq::testing::simulated_system;
    using answer = system::client_type::answer<int>;

    static fq::registry tasks() {
        fq::registry all;
        all.define(fq::task<int(int)>{"sleep", "x"}, [](int x) { return x; });
        return all;
    }
    static fq::testing::simulated_system_options options(std::uint32_t workers) {
        fq::testing::simulated_system_options o;
        o.workers = workers;
        o.run_least = o.run_most = std::chrono::milliseconds{1};
        o.commit_least = o.commit_most = std::chrono::microseconds{10};
        o.link.least_delay = o.link.most_delay = std::chrono::microseconds{10};
        return o;
    }

    std::uint32_t workers_;
    system system_;
};

inline void serve(channel& talk, std::uint32_t workers, sweep_settings const& s) {
    auto const rate = sleeping_workers{workers}.rate();
    quiet_plane plane{{workers, "concurrency=1", {}}};
    plane.go_round(10'000);
    for (int i = 0; i < s.repetitions; ++i)
        talk.say(sweep::told({microseconds_a_task(plane, s.seconds), rate}));
    static_cast<void>(talk.hear(60));
}

inline sweep run(sweep_settings const& s) {
    sweep found{"subworkers",
                "What a task costs beside more subworkers",
                "subworkers",
                {{"processor time, a task", "us", "logarithmic"},
                 {"tasks that sleep 1 ms", "a virtual second", "linear"},
                 {"times one subworker", "times", "linear"}}};
    double one = 0;
    for (auto const workers : steps(1, 10, 1'000, s)) {
        // Of its own: memory that this process had and gave back would hide what those forked later take.
        process plane{[&](channel& talk) { serve(talk, static_cast<std::uint32_t>(workers), s); }};
        std::vector<sweep::row> rows;
        for (int i = 0; i < s.repetitions; ++i) {
            rows.push_back(sweep::heard(plane.talk().hear(s.seconds + 300)));
            if (workers == 1) one = rows.back().at(1);
            rows.back().push_back(rows.back()[1] / one);
        }
        found.add(workers, rows);
    }
    return found;
}

}  // namespace bench::subworkers_sweep
