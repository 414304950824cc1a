#pragma once

#include <fastqueue/policy/time_zones.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

namespace fastqueue::time_zones {

/// Zones whose clocks are never changed: `UTC` and `Z`, and offsets from it as ISO 8601 writes them, `+02:00`, `-0530` and
/// `+02`, up to 23:59 either way. Needs no database. Safe from any thread.
class utc {
public:
    [[nodiscard]] std::optional<policy::zone_period> period(std::string_view zone,
                                                            std::chrono::sys_seconds) const noexcept {
        auto const offset = zone == "UTC" || zone == "Z" ? std::chrono::minutes{0} : offset_of(zone);
        if (!offset) return std::nullopt;
        return policy::zone_period{*offset, std::chrono::sys_seconds::min(), std::chrono::sys_seconds::max()};
    }

private:
    [[nodiscard]] static std::optional<std::chrono::minutes> offset_of(std::string_view text) noexcept {
        bool const west = text.starts_with('-');
        if (!west && !text.starts_with('+')) return std::nullopt;
        text.remove_prefix(1);
        bool const colon = text.size() == 5 && text[2] == ':';
        if (!colon && text.size() != 4 && text.size() != 2) return std::nullopt;
        auto const hours = two_digits(text.substr(0, 2));
        auto const minutes = text.size() == 2 ? 0 : two_digits(text.substr(text.size() - 2));
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
        auto const offset = std::chrono::hours{hours} + std::chrono::minutes{minutes};
        return west ? -offset : offset;
    }
    // -1: they are none.
    [[nodiscard]] static int two_digits(std::string_view text) noexcept {
        auto const digit = [](char c) { return c >= '0' && c <= '9'; };
        return std::ranges::all_of(text, digit) ? (text[0] - '0') * 10 + (text[1] - '0') : -1;
    }
};

static_assert(policy::time_zones<utc>);

}  // namespace fastqueue::time_zones
