#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace fastqueue::detail {

// Eight hexadecimal digits at a time, as the eight octets of a word: a UUID is read and written for each task at each
// hop. The first digit is the word's lowest octet, so this is for little-endian machines.
inline constexpr bool has_fast_hex = std::endian::native == std::endian::little;

/// Reads eight digits, in either case.
/// \param out  four octets, the first in the lowest
/// \return not 0: something else stands there
[[nodiscard]] constexpr std::uint64_t read_hex8(std::uint64_t text, std::uint32_t& out) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    auto const letters = (text >> 6U) & ones;  // both cases have that bit, digits have not
    auto const values = (text & 0x0f * ones) + 9 * letters;
    // What these values are written as must be what was read, but for its case; and none may be over 15.
    auto const over_nine = ((values + 6 * ones) >> 4U) & ones;
    auto const written = values + 0x30 * ones + 39 * over_nine;
    auto const bad = (written ^ (text | letters << 5U)) | (values & 0x10 * ones);
    auto packed = (values << 4U | values >> 8U) & 0x00ff00ff00ff00ffU;
    packed = (packed | packed >> 8U) & 0x0000ffff0000ffffU;
    out = static_cast<std::uint32_t>(packed | packed >> 16U);
    return bad;
}

/// Eight lower-case digits of four octets.
[[nodiscard]] constexpr std::uint64_t write_hex8(std::uint32_t octets) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    std::uint64_t spread = octets;
    spread = (spread | spread << 16U) & 0x0000ffff0000ffffU;
    spread = (spread | spread << 8U) & 0x00ff00ff00ff00ffU;
    auto const values = ((spread >> 4U) & 0x000f000f000f000fU) | (spread & 0x000f000f000f000fU) << 8U;
    auto const over_nine = ((values + 6 * ones) >> 4U) & ones;
    return values + 0x30 * ones + 39 * over_nine;
}

}  // namespace fastqueue::detail
