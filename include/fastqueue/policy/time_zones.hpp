#pragma once

#include <chrono>
#include <concepts>
#include <optional>
#include <string_view>

namespace fastqueue::policy {

/// A time in which a zone's offset from UTC stays the same: from `begin` on, and before `end`. `sys_seconds::min()` and
/// `sys_seconds::max()` are for ever.
struct zone_period {
    std::chrono::seconds offset;  ///< what the clock there shows, less UTC; east of Greenwich is positive
    std::chrono::sys_seconds begin;
    std::chrono::sys_seconds end;

    friend bool operator==(zone_period const&, zone_period const&) = default;
};

/// Knows what the clocks show where a schedule's owner lives. Asked when a schedule is made and when it has fired.
///
/// expression         | throws | law
/// Z()                | yes    | what a role makes that was given none
/// Z(std::move(z))    | yes    | knows what z did; a role keeps the one that it was given
/// z.period(zone, at) | never  | z is const. Empty: there is no zone of this name. Else begin <= at < end (at <= end where that is
///                    |        | for ever), the offset is less than 24 hours either way, the same call gives the same period, and
///                    |        | period(zone, end) begins at end. It need not be the longest: the next may have the same offset
///
/// Names come from strangers: any octets, of any length. The library promises one thread at a time.
/// Prove your own with tests/laws/time_zones_laws.hpp.
/// Implementations: time_zones/utc.hpp (the default), time_zones/tzdb.hpp.
template <class Z>
concept time_zones = std::default_initializable<Z> && std::move_constructible<Z> &&
    requires(Z const& z, std::string_view zone, std::chrono::sys_seconds at) {
    { z.period(zone, at) }
    noexcept->std::same_as<std::optional<zone_period>>;
};

}  // namespace fastqueue::policy
