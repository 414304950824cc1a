#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fastqueue {

/// Strict: while a task of a higher priority waits and can run, none of a lower one is begun.
enum class priority : std::uint8_t { critical = 0, high = 1, normal = 2, low = 3 };

inline constexpr std::size_t priority_count = 4;
inline constexpr std::array<std::string_view, priority_count> priority_names{"critical", "high", "normal",
                                                                             "low"};

[[nodiscard]] constexpr std::size_t index_of(priority p) noexcept { return static_cast<std::size_t>(p); }
[[nodiscard]] constexpr std::string_view name_of(priority p) noexcept { return priority_names[index_of(p)]; }

/// Reads a lower-case name; empty for anything else.
[[nodiscard]] constexpr std::optional<priority> parse_priority(std::string_view name) noexcept {
    for (std::size_t i = 0; i < priority_count; ++i) {
        if (priority_names[i] == name) return static_cast<priority>(i);
    }
    return std::nullopt;
}

}  // namespace fastqueue
