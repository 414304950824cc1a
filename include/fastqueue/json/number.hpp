#pragma once

#include <charconv>
#include <concepts>
#include <limits>
#include <string_view>
#include <system_error>

namespace fastqueue::json {

/// Reads a JSON number as an integer. False, with `out` untouched, if it is written with a fraction or an
/// exponent
/// (`5.0` is not an integer here) or does not fit `Integer`. O(n), never throws; safe from any thread.
template <std::integral Integer>
[[nodiscard]] bool read_number(std::string_view text, Integer& out) noexcept {
    Integer value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
    out = value;
    return true;
}

/// Reads a JSON number as a floating-point value. False, with `out` untouched, if its magnitude is too large
/// or too small for `Real`. O(n), never throws; safe from any thread.
template <std::floating_point Real>
[[nodiscard]] bool read_number(std::string_view text, Real& out) noexcept {
    Real value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
    out = value;
    return true;
}

/// As `std::isfinite`, whose header has 5,000 lines of other functions. Never throws; safe from any thread.
template <std::floating_point Real>
[[nodiscard]] constexpr bool is_finite(Real value) noexcept {
    return value >= std::numeric_limits<Real>::lowest() && value <= std::numeric_limits<Real>::max();
}

}  // namespace fastqueue::json
