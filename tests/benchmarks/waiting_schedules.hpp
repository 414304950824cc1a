#pragma once

#include "benchmarks/waiting.hpp"

#if __has_include(<date/tz.h>)
#include <fastqueue/time_zones/tzdb.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// Schedules of which a hundred are due at a time, whatever their number: they are spread over as many minutes as that takes.
namespace bench::waiting::schedules {

inline constexpr std::uint64_t due_at_once = 100;
inline constexpr std::uint64_t minute_us = 60'000'000;
inline constexpr std::uint64_t most = 100'000;  // minutes of a day times those due at once are more
inline constexpr std::int64_t a_message = 100;

struct zoned_policies : fastqueue::default_policies {
#if __has_include(<date/tz.h>)
    using time_zone_policy = fastqueue::time_zones::tzdb;
#endif
};

/// One whose clocks are put forward and back, where this machine knows of any.
[[nodiscard]] inline std::string some_zone() {
    zoned_policies::time_zone_policy const zones;
    return zones.period("Europe/Berlin", {}) ? "Europe/Berlin" : "+01:00";
}

enum class kind : std::uint8_t { interval, cron };

/// Writes the order for one that fires in this minute: every so many minutes, or once a day.
inline void write_order(fastqueue::wire::header_writer& header, kind of, std::uint64_t number,
                        std::uint64_t minutes, std::uint64_t start_us, std::string const& zone) {
    auto const minute = number / due_at_once;
    header.token("s" + std::to_string(number)).token("add");
    if (of == kind::interval) {
        header.field("every_ms", minutes * 60'000).field("start_us", start_us + minute * minute_us);
        return;
    }
    header.field("cron", std::to_string(minute % 60) + '_' + std::to_string(minute / 60) + "_*_*_*");
    header.field("zone", zone);
}

class crowd {
public:
    crowd(kind of, std::uint64_t count) : count_{count}, zone_{some_zone()} {
        auto const before = resident_octets();
        define(of);
        octets_ = octets_each(before, count);
        auto const& state = plane_.machine().state();
        if (state.schedules.size() != count) throw std::runtime_error{"schedules: some were not taken"};
        for (std::uint64_t i = 0; i < count; i += due_at_once)
            first_of_minute_.push_back(state.schedules.find("s" + std::to_string(i)));
    }

    [[nodiscard]] sweep::row measure(double seconds) {
        auto const idle = plane_.idle_turn(seconds);
        for (int i = 0; i < 20; ++i) fire();
        return {nanoseconds{defining_}.count() / static_cast<double>(count_) / 1000, octets_, idle,
                firing(seconds), everything()};
    }

private:
    void define(kind of) {
        auto const minutes = std::max<std::uint64_t>(count_ / due_at_once, 1);
        auto const start = fastqueue::to_epoch_us(plane_.now().wall) + 1000 * minute_us;
        for (std::uint64_t done = 0; done < count_; done += a_message) {
            plane_.prepare_orders("schedule", a_message, [&](auto& header, std::int64_t i) {
                auto const number = shuffled(done + static_cast<std::uint64_t>(i), count_);
                write_order(header, of, number, minutes, start, zone_);
            });
            auto const begin = processor_clock::now();
            plane_.order();
            defining_ += processor_clock::now() - begin;
        }
    }
    /// When the next are due.
    [[nodiscard]] std::uint64_t next_us() const {
        auto soonest = std::numeric_limits<std::uint64_t>::max();
        for (auto const slot : first_of_minute_)
            soonest = std::min(soonest, plane_.machine().state().schedules[slot].next_us);
        return soonest;
    }
    processor_clock::duration fire() {
        auto const took = plane_.reach(next_us(), std::chrono::microseconds{1});
        ended_ += due_at_once;
        plane_.check(ended_, "schedules");
        return took;
    }
    /// Nanoseconds a firing.
    [[nodiscard]] double firing(double seconds) {
        processor_clock::duration spent{};
        std::uint64_t fired = 0;
        for (auto const begin = processor_clock::now();
             processor_clock::now() - begin < std::chrono::duration<double>(seconds); fired += due_at_once)
            spent += fire();
        return nanoseconds{spent}.count() / static_cast<double>(fired);
    }
    /// Milliseconds of a turn when all have become due, which they do within a day.
    [[nodiscard]] double everything() {
        ended_ += count_;
        auto const took = plane_.reach_all(std::chrono::hours{25}, ended_);
        plane_.check(ended_, "schedules that are due together");
        return milliseconds{took}.count();
    }

    std::uint64_t count_;
    std::string zone_;
    waiting_plane<zoned_policies> plane_;
    std::vector<std::uint32_t> first_of_minute_;
    processor_clock::duration defining_{};
    double octets_ = 0;
    std::uint64_t ended_ = 12'000;
};

inline sweep run(kind of, std::string name, std::string title, sweep_settings const& s) {
    sweep found{std::move(name),
                std::move(title),
                "schedules",
                {{"to define", "us", "logarithmic"},
                 {"memory", "octets", "flat"},
                 {"idle turn", "ns", "flat"},
                 {"firing, 100 at a time", "ns", "logarithmic"},
                 {"turn when all are due", "ms", "flat from 10,000 on"}}};
    constexpr std::uint64_t octets_each_takes = 2'000;
    for (auto const count : steps(100, 10, most, s))
        step(found, count, count * octets_each_takes, s, [&] { return crowd{of, count}.measure(s.seconds); });
    return found;
}
inline sweep run_intervals(sweep_settings const& s) {
    return run(kind::interval, "intervals", "Schedules by an interval", s);
}
inline sweep run_crons(sweep_settings const& s) {
    return run(kind::cron, "crons", "Schedules by a time of the day in " + some_zone(), s);
}

}  // namespace bench::waiting::schedules
