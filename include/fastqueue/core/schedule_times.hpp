#pragma once

#include <fastqueue/core/next_firing.hpp>
#include <fastqueue/core/schedule.hpp>
#include <fastqueue/policy/time_zones.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace fastqueue::core {

/// When a schedule fires next, strictly after `us` (microseconds UTC). \return 0: never again
template <policy::time_zones Zones>
[[nodiscard]] std::uint64_t fires_after(schedule const& d, Zones const& zones, std::uint64_t us) {
    using std::chrono::seconds;
    std::uint64_t at = 0;
    if (d.cron) {
        auto const start =
            d.start_us == 0 ? std::uint64_t{0} : (d.start_us - 1) / 1'000'000;  // the second before it
        auto const after =
            std::chrono::sys_seconds{seconds{static_cast<std::int64_t>(std::max(us / 1'000'000, start))}};
        auto const next = next_firing(*d.cron, zones, d.zone, after);
        if (!next) return 0;
        at = static_cast<std::uint64_t>(next->time_since_epoch().count()) * 1'000'000;
    } else {
        auto const from = d.start_us != 0 ? d.start_us : d.anchor_us + d.every_us;
        at = us < from ? from : from + ((us - from) / d.every_us + 1) * d.every_us;
    }
    return d.until_us != 0 && at > d.until_us ? 0 : at;
}

/// The last time at which a schedule that is due should have fired, up to `now_us`: `next_us` or later. Costs no more where many are
/// due: an interval is reckoned, and for cron one looks back from now, further each time.
template <policy::time_zones Zones>
[[nodiscard]] std::uint64_t latest_until(schedule const& d, Zones const& zones, std::uint64_t now_us) {
    auto const until = d.until_us == 0 ? now_us : std::min(now_us, d.until_us);
    if (!d.cron) return d.next_us + (until - std::min(until, d.next_us)) / d.every_us * d.every_us;
    auto latest = d.next_us;
    for (std::uint64_t span = 60'000'000; latest == d.next_us; span *= 4) {
        bool const far = until < d.next_us + span;  // nothing before it is of interest
        for (auto at = fires_after(d, zones, far ? d.next_us : until - span); at != 0 && at <= until;
             at = fires_after(d, zones, at))
            latest = at;
        if (far) break;
    }
    return latest;
}

}  // namespace fastqueue::core
