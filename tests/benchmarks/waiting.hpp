#pragma once

#include "benchmarks/machine_room.hpp"
#include "benchmarks/processes.hpp"
#include "benchmarks/quiet_plane.hpp"
#include "benchmarks/sweep.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

// What the benchmarks of what waits for a time have in common.
namespace bench::waiting {

using nanoseconds = std::chrono::duration<double, std::nano>;
using milliseconds = std::chrono::duration<double, std::milli>;

/// A control plane whose worker takes a thousand small tasks at once, so that what is due has a place.
template <class Policies>
class waiting_plane : public basic_quiet_plane<Policies> {
    using base = basic_quiet_plane<Policies>;

public:
    waiting_plane() : base{setup_for()} {
        for (int i = 0; i < 120; ++i)
            this->go_round(100);  // what ends is remembered: from here on that grows no more
    }

    /// Nanoseconds of a turn in which nothing is due.
    [[nodiscard]] double idle_turn(double seconds) {
        constexpr int together = 100;
        std::int64_t turns = 0;
        auto const begin = processor_clock::now();
        for (; processor_clock::now() - begin < std::chrono::duration<double>(seconds); turns += together)
            this->idle(together);
        return nanoseconds{processor_clock::now() - begin}.count() / static_cast<double>(turns);
    }
    /// Goes to that time, and has all done that is due in the last `within` before it; nothing else may be.
    /// \return what the turn took the core in which it became due
    processor_clock::duration reach(std::uint64_t us, std::chrono::microseconds within) {
        auto const before = us - static_cast<std::uint64_t>(within.count());
        auto const now = fastqueue::to_epoch_us(this->now().wall);
        if (before <= now) throw std::runtime_error{"waiting: a time has come already"};
        this->pass(std::chrono::microseconds{before - now});  // what comes each minute is done in this turn
        if (this->machine().outstanding() != 0) throw std::runtime_error{"waiting: something was due early"};
        auto const took = this->pass(within);
        if (this->machine().outstanding() == 0) throw std::runtime_error{"waiting: nothing was due"};
        this->work_off_all();
        return took;
    }
    /// So much time goes by, and what is due may take more turns than one: until so many tasks have ended in all.
    /// \return what the first turn took the core
    processor_clock::duration reach_all(std::chrono::microseconds time, std::uint64_t ended) {
        constexpr int enough = 10'000;
        auto const took = this->pass(time);
        this->work_off_all();
        for (int turns = 0; turns < enough && counters().succeeded < ended; ++turns) {
            this->idle(1);
            this->work_off_all();
        }
        return took;
    }
    [[nodiscard]] auto const& counters() const noexcept { return this->machine().state().counters; }
    /// \throws std::runtime_error unless so many tasks have ended, all well
    void check(std::uint64_t ended, std::string const& what) const {
        auto const& c = counters();
        if (c.refused != 0 || c.failed != 0 || c.succeeded != ended)
            throw std::runtime_error{what + ": " + std::to_string(ended) + " tasks should have ended, " +
                                     std::to_string(c.succeeded) + " did"};
    }

private:
    [[nodiscard]] static typename base::setup setup_for() {
        typename base::setup with;
        with.capacity = "concurrency=10 window=4096";
        with.options.id_ledger_size = 10'000;  // ended tasks are not to hide what waiting ones cost
        return with;
    }
};

/// From 0 to `count` - 1, in an order that no heap is glad of. `count` is a power of ten.
[[nodiscard]] inline std::uint64_t shuffled(std::uint64_t i, std::uint64_t count) noexcept {
    return i * 2'654'435'761U % count;
}

/// Octets of this process' memory that came, for each of so many; of few that cannot be told, since memory comes in pages.
[[nodiscard]] inline double octets_each(std::uint64_t before, std::uint64_t count) {
    constexpr std::uint64_t enough_to_see = 10'000;
    if (count < enough_to_see) return sweep::nothing;
    return static_cast<double>(resident_octets() - before) / static_cast<double>(count);
}

/// Each repetition has a process of its own, whose memory shows what came.
inline void step(sweep& found, std::uint64_t at, std::uint64_t octets, sweep_settings const& s,
                 std::function<sweep::row()> const& measure) {
    if (octets + (256U << 20U) > memory_available()) return found.skip(at, "there is too little memory");
    std::vector<sweep::row> rows;
    for (int i = 0; i < s.repetitions; ++i) {
        process apart{[&](channel& talk) {
            talk.say(sweep::told(measure()));
            static_cast<void>(talk.hear(10));
        }};
        rows.push_back(sweep::heard(apart.talk().hear(s.seconds * 4 + 120)));
    }
    found.add(at, rows);
}

}  // namespace bench::waiting
