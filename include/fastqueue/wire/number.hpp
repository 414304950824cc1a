#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fastqueue::wire {

/// The largest number a header may hold: what a double, and so every JSON reader, still holds exactly.
inline constexpr std::uint64_t max_number = 1ULL << 53U;

/// Reads a decimal number without sign, 0 to `max`; empty for anything else.
[[nodiscard]] inline std::optional<std::uint64_t> read_number(std::string_view text,
                                                              std::uint64_t max = max_number) noexcept {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    std::uint64_t value = 0;
    auto const* const end = text.data() + text.size();
    auto const [at, failed] = std::from_chars(text.data(), end, value);
    if (failed != std::errc{} || at != end || value > max) return std::nullopt;
    return value;
}

/// Reads a plain decimal fraction such as `0.1` or `2`, 0 to `max`; empty for anything else, exponents
/// included.
[[nodiscard]] inline std::optional<double> read_fraction(std::string_view text, double max) noexcept {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    double value = 0;
    auto const* const end = text.data() + text.size();
    auto const [at, failed] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (failed != std::errc{} || at != end || !(value <= max)) return std::nullopt;
    return value;
}

}  // namespace fastqueue::wire
