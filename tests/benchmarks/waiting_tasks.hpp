#pragma once

#include "benchmarks/waiting.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

// Tasks that wait for a time, a thousand for each second to come, in no order. As many as become due are handed over anew, for a
// time behind all others.
namespace bench::waiting::tasks {

inline constexpr std::uint64_t due_at_once = 1'000;
inline constexpr std::uint64_t most = 1'000'000;  // what the default limits take
inline constexpr std::uint64_t second_us = 1'000'000;

enum class kind : std::uint8_t { eta, countdown };

class crowd {
public:
    crowd(kind of, std::uint64_t count) : kind_{of}, count_{count} {
        auto const before = resident_octets();
        for (std::uint64_t done = 0; done < count; done += due_at_once) {
            prepare([&](std::uint64_t i) { return 1 + shuffled(done + i, count_) / due_at_once; });
            accepting_ += submit();
        }
        octets_ = octets_each(before, count);
    }

    [[nodiscard]] sweep::row measure(double seconds) {
        auto const accepted = nanoseconds{accepting_}.count() / static_cast<double>(count_);
        auto const idle = plane_.idle_turn(seconds);
        for (int i = 0; i < 5; ++i) become_due();
        return {accepted, octets_, idle, becoming_due(seconds), everything()};
    }

private:
    /// Writes as many as become due at once. \param second  called as `second(i)`: for which of those to come
    template <class Second>
    void prepare(Second&& second) {
        auto const now = fastqueue::to_epoch_us(plane_.now().wall);
        plane_.prepare(due_at_once, [&](auto& header, std::int64_t i) {
            auto const us = base_ + second(static_cast<std::uint64_t>(i)) * second_us;
            if (kind_ == kind::eta)
                header.field("eta_us", us);
            else
                header.field("countdown_ms", (us - now) / 1000);
        });
    }
    processor_clock::duration submit() {
        auto const begin = processor_clock::now();
        plane_.submit();
        return processor_clock::now() - begin;
    }
    processor_clock::duration become_due() {
        base_ += second_us;
        auto const took = plane_.reach(base_, std::chrono::milliseconds{10});
        ended_ += due_at_once;
        plane_.check(ended_, "tasks that wait");
        prepare([&](std::uint64_t) { return count_ / due_at_once; });
        plane_.submit();
        return took;
    }
    /// Nanoseconds a task: to find it, and to give it out.
    [[nodiscard]] double becoming_due(double seconds) {
        processor_clock::duration spent{};
        std::uint64_t due = 0;
        for (auto const begin = processor_clock::now();
             processor_clock::now() - begin < std::chrono::duration<double>(seconds); due += due_at_once)
            spent += become_due();
        return nanoseconds{spent}.count() / static_cast<double>(due);
    }
    /// Milliseconds of a turn when all have become due.
    [[nodiscard]] double everything() {
        ended_ += count_;
        auto const all = std::chrono::microseconds{(count_ / due_at_once + 1) * second_us};
        auto const took = plane_.reach_all(all, ended_);
        plane_.check(ended_, "tasks that are due together");
        return milliseconds{took}.count();
    }

    kind kind_;
    std::uint64_t count_;
    waiting_plane<fastqueue::default_policies> plane_;
    std::uint64_t base_ =
        fastqueue::to_epoch_us(plane_.now().wall) + 100 * second_us;  // the moment before those to come
    processor_clock::duration accepting_{};
    double octets_ = 0;
    std::uint64_t ended_ = 12'000;
};

inline sweep run(kind of, std::string name, std::string title, sweep_settings const& s) {
    sweep found{std::move(name),
                std::move(title),
                "tasks waiting",
                {{"to accept", "ns", "logarithmic"},
                 {"memory", "octets", "flat"},
                 {"idle turn", "ns", "flat"},
                 {"due, 1,000 at a time", "ns", "logarithmic"},
                 {"turn when all are due", "ms", "linear"}}};
    constexpr std::uint64_t octets_each_takes = 1'000;
    for (auto const count : steps(1'000, 10, most, s))
        step(found, count, count * octets_each_takes, s, [&] { return crowd{of, count}.measure(s.seconds); });
    return found;
}
inline sweep run_etas(sweep_settings const& s) {
    return run(kind::eta, "etas", "Tasks that wait for an eta", s);
}
inline sweep run_countdowns(sweep_settings const& s) {
    return run(kind::countdown, "countdowns", "Tasks that wait for a countdown", s);
}

}  // namespace bench::waiting::tasks
