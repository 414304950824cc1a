#pragma once

#include <fastqueue/model/cron_expression.hpp>
#include <fastqueue/policy/time_zones.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

namespace fastqueue::core {

namespace detail {

/// The clock on a wall in a zone: where it shows a time, and what it has shown.
template <policy::time_zones Zones>
class zone_clock {
public:
    zone_clock(Zones const& zones, std::string_view zone) noexcept : zones_{zones}, zone_{zone} {}

    /// The first minute after `after` that matches when it is looked up as time goes by.
    [[nodiscard]] std::optional<std::chrono::sys_seconds> each_pass(
        cron_expression const& when, std::chrono::sys_seconds after) const noexcept {
        for (auto period = at(after); period; period = at(period->end)) {
            auto const wanted = when.next(shown(after, *period));
            if (!wanted) return std::nullopt;
            auto const firing = back(*wanted, *period);
            if (firing < period->end) return firing;
            after = period->end - std::chrono::seconds{1};
        }
        return std::nullopt;
    }

    /// The first moment after `after` at which the clock has reached a time that matches, and had not reached it before.
    [[nodiscard]] std::optional<std::chrono::sys_seconds> once(
        cron_expression const& when, std::chrono::sys_seconds after) const noexcept {
        auto const now = at(after);
        if (!now) return std::nullopt;
        auto const wanted = when.next(reached(after, *now));
        if (!wanted) return std::nullopt;
        // Nothing before this can show it, whatever the offset is then.
        auto const from = std::max(after, back(*wanted, *now) - widest);
        for (auto period = at(from); period; period = at(period->end)) {
            auto const firing = back(*wanted, *period);
            if (firing < period->end)
                return std::max(firing, period->begin);  // the clock may have passed over it
        }
        return std::nullopt;
    }

private:
    static constexpr std::chrono::hours widest{48};  // between two offsets

    [[nodiscard]] std::optional<policy::zone_period> at(std::chrono::sys_seconds time) const noexcept {
        auto const found = zones_.period(zone_, time);
        if (!found || found->begin > time || found->end <= time)
            return std::nullopt;  // or we would go round for ever
        return found;
    }
    [[nodiscard]] static std::chrono::local_seconds shown(std::chrono::sys_seconds time,
                                                          policy::zone_period const& period) noexcept {
        return std::chrono::local_seconds{time.time_since_epoch() + period.offset};
    }
    [[nodiscard]] static std::chrono::sys_seconds back(std::chrono::local_seconds time,
                                                       policy::zone_period const& period) noexcept {
        return std::chrono::sys_seconds{time.time_since_epoch() - period.offset};
    }
    /// The latest time that the clock has shown until now: more than it shows where it was put back.
    [[nodiscard]] std::chrono::local_seconds reached(std::chrono::sys_seconds now,
                                                     policy::zone_period period) const noexcept {
        auto latest = shown(now, period);
        while (period.begin > now - widest) {
            auto const end = period.begin - std::chrono::seconds{1};
            auto const before = at(end);
            if (!before) break;
            latest = std::max(latest, shown(end, *before));
            period = *before;
        }
        return latest;
    }

    Zones const& zones_;
    std::string_view zone_;
};

}  // namespace detail

/// When an expression fires next, by the clock on the wall in a zone.
///
/// An expression that names times of the day (`cron_expression::is_fixed_time`) fires once for each, however the clock is put.
/// `30 2 * * *` in Europe/Berlin: on 2026-03-29, when 02:00 becomes 03:00, at 03:00, the first moment after the gap, and once
/// even if several of its times are in the gap; on 2026-10-25, when 03:00 becomes 02:00, at the first 02:30 and not at the second.
/// One that says how often (`*/15 * * * *`, `0 * * * *`, `0 */2 * * *`) follows real time: on 2026-10-25 `*/15` fires in both of
/// the hours from 02:00, and on 2026-03-29 at 01:45 and then at 03:00, as the times between do not exist.
///
/// \param zone   a name that `zones` knows
/// \param after  what is found lies strictly after it
/// \return empty: the zone is not known (`zones.period` says so), or the calendar ends, in the year 32000
/// \complexity   a step for each month and each change of the offset until then; allocates nothing itself
/// \threads      as `zones`
template <policy::time_zones Zones>
[[nodiscard]] std::optional<std::chrono::sys_seconds> next_firing(cron_expression const& when,
                                                                  Zones const& zones, std::string_view zone,
                                                                  std::chrono::sys_seconds after) noexcept {
    using namespace std::chrono;
    constexpr sys_seconds first = sys_days{year{-31999} / 1 / 1};
    constexpr sys_seconds last = sys_days{year{31999} / 1 / 1};
    if (after < first || after > last) return std::nullopt;
    detail::zone_clock<Zones> const clock{zones, zone};
    return when.is_fixed_time() ? clock.once(when, after) : clock.each_pass(when, after);
}

}  // namespace fastqueue::core
