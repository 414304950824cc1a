#pragma once

#include <fastqueue/policy/time_zones.hpp>
#include <fastqueue/time_zones/utc.hpp>

// The system's database: with it the library was built, by Debian as by others, and a unit that says otherwise has other classes.
#ifndef USE_OS_TZDB
#define USE_OS_TZDB 1
#endif
#include <date/tz.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fstream>
#include <functional>
#include <ios>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fastqueue::time_zones {

/// The zones of the system's database (`Europe/Berlin`; Debian's package tzdata), and all that `utc` knows. Link `fastqueue::tzdb`:
/// it is read by Howard Hinnant's date library (`date/tz.h`, libdate-tz).
///
/// The database is read once a process, when the first name is asked for that `utc` does not know: what an update of the system
/// changes is seen after a restart. Its tables end in 2037: from then on a zone's clocks are not changed any more.
/// One thread at a time for each instance.
class tzdb {
public:
    [[nodiscard]] std::optional<policy::zone_period> period(std::string_view zone,
                                                            std::chrono::sys_seconds at) const noexcept {
        if (auto const fixed = utc{}.period(zone, at)) return fixed;
        return guarded([&]() -> std::optional<policy::zone_period> {
            auto const* const found = locate(zone);
            if (found == nullptr) return std::nullopt;
            return period_of(*found, at);
        });
    }

    /// Why zones are not known that the system should have: there is no database, or a file of it cannot be used. A sentence; empty:
    /// no trouble so far. Reads the database if nothing has yet.
    [[nodiscard]] std::string const& problem() const noexcept {
        guarded([]() -> std::optional<policy::zone_period> {
            open();
            return std::nullopt;
        });
        return problem_;
    }

private:
    static constexpr std::size_t longest_name = 100;  // of the database's the longest has 32

    // What the library counts as for ever, at both ends.
    static constexpr std::chrono::sys_seconds first_known =
        std::chrono::sys_days{std::chrono::year{-32767} / 1 / 1};
    static constexpr std::chrono::sys_seconds last_known =
        std::chrono::sys_days{std::chrono::year{32767} / 12 / 31};

    static constexpr std::chrono::sys_seconds late = std::chrono::sys_days{std::chrono::year{2036} / 7 / 1};

    template <class Function>
    std::optional<policy::zone_period> guarded(Function function) const noexcept {
        try {
            try {
                return function();
            } catch (std::exception const& e) {
                problem_ = e.what();
            }
        } catch (...) {  // no memory for the sentence either
        }
        return std::nullopt;
    }

    static void open() {
        bool any = false;
        try {
            any = !date::get_tzdb().zones.empty();
        } catch (std::runtime_error const&) {  // no folder of it; it will look again
        }
        if (!any)
            throw std::runtime_error{
                "there is no time zone database: the system's package tzdata is missing"};
    }

    [[nodiscard]] date::time_zone const* locate(std::string_view zone) const {
        auto const known = located_.find(zone);
        if (known != located_.end()) return known->second;
        if (!is_name(zone)) return nullptr;
        open();
        auto const* const found = look_up(zone);
        if (found == nullptr) return nullptr;
        check(*found);
        return located_.emplace(zone, found).first->second;
    }

    [[nodiscard]] static date::time_zone const* look_up(std::string_view zone) {
        try {
            return date::locate_zone(zone);
        } catch (std::runtime_error const&) {  // so it says that there is none
            return nullptr;
        }
    }

    // Of a zone. Beside these there are tables in the database's folder, all with a dot in their names.
    [[nodiscard]] static bool is_name(std::string_view zone) noexcept {
        return zone.size() <= longest_name && std::ranges::all_of(zone, [](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '/' || c == '_' || c == '-' || c == '+';
               });
    }

    // The library ends the program at a file that is none of a zone, and knows nothing of the rule in a file's last line, which stands
    // in some systems ("slim") for the years after the last change of rules: New York would have no summer since 2007.
    static void check(date::time_zone const& zone) {
        auto const path = "/usr/share/zoneinfo/" + zone.name();
        std::ifstream file{path, std::ios::binary};
        if (!file) return;  // a system that has them elsewhere
        std::string const content{std::istreambuf_iterator<char>{file}, {}};
        auto const line = content.find_last_of('\n', content.size() - 2);
        bool const has_rule = line != std::string::npos && content.find(',', line) != std::string::npos;
        if (!content.starts_with("TZif") || !is_readable(zone))
            throw std::runtime_error{path + " cannot be read as a time zone"};
        if (has_rule && period_of(zone, late).end == std::chrono::sys_seconds::max())
            throw std::runtime_error{path + " ends too early ('slim'): it takes tables made by zic -b fat"};
    }

    [[nodiscard]] static bool is_readable(date::time_zone const& zone) {
        try {
            static_cast<void>(zone.get_info(late));
            return true;
        } catch (std::ios_base::failure const&) {
            return false;
        }
    }

    [[nodiscard]] static policy::zone_period period_of(date::time_zone const& zone,
                                                       std::chrono::sys_seconds at) {
        using std::chrono::sys_seconds;
        auto const info = zone.get_info(std::clamp(at, first_known, last_known - std::chrono::seconds{1}));
        return {info.offset, info.begin <= first_known ? sys_seconds::min() : sys_seconds{info.begin},
                info.end >= last_known ? sys_seconds::max() : sys_seconds{info.end}};
    }

    mutable std::map<std::string, date::time_zone const*, std::less<>>
        located_;  // the library's live as long as the process
    mutable std::string problem_;
};

static_assert(policy::time_zones<tzdb>);

}  // namespace fastqueue::time_zones
