#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace fastqueue {

/// A point on the monotonic clock. Leases, heartbeats, back-off and time limits live here: a wall clock that
/// jumps moves none of them.
using instant = std::chrono::steady_clock::time_point;

/// A point in UTC, to the microsecond. Only what people plan by the calendar lives here (eta, expiry,
/// reports).
using wall_instant = std::chrono::sys_time<std::chrono::microseconds>;

/// Both clocks, read together once a turn of the loop. Everything below `transport/` gets time as an
/// argument.
struct clock_reading {
    instant steady{};
    wall_instant wall{};
};

/// The earliest moment that `instant` can hold a duration after, without overflow.
/// \param delay  0 and up; anything that would run past the clock's end is cut to "never".
[[nodiscard]] constexpr instant saturating_add(instant from, std::chrono::microseconds delay) noexcept {
    auto const room = std::chrono::duration_cast<std::chrono::microseconds>(instant::max() - from);
    return delay >= room ? instant::max() : from + delay;
}

/// Microseconds since the Unix epoch, as FQ1 writes them; 0 for a time before it.
[[nodiscard]] constexpr std::uint64_t to_epoch_us(wall_instant t) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(t.time_since_epoch().count(), 0));
}

/// The other way; a number that no clock can hold is cut to the last moment it can.
[[nodiscard]] constexpr wall_instant from_epoch_us(std::uint64_t us) noexcept {
    constexpr std::uint64_t last = std::numeric_limits<std::int64_t>::max();
    return wall_instant{std::chrono::microseconds{static_cast<std::int64_t>(std::min(us, last))}};
}

}  // namespace fastqueue
