#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fastqueue::json::detail {

/// Steps over octets that stand for themselves in a string: ASCII but for control characters, quotes and backslashes. Eight at
/// a time, so it may stop up to seven octets before the first that does not.
/// \return where it stopped, `from` and up
[[nodiscard]] inline std::size_t skip_plain_words(std::string_view text, std::size_t from) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    constexpr std::uint64_t tops = 0x80 * ones;
    for (; text.size() - from >= 8; from += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + from, 8);
        auto const quotes = word ^ std::uint64_t{'"'} * ones;
        auto const backslashes = word ^ std::uint64_t{'\\'} * ones;
        // The highest bit of an octet: over 0x7f, under 0x20, or equal. A carry can only set it too often.
        auto const special =
            word | (word - 0x20 * ones) | ((quotes - ones) & ~quotes) | ((backslashes - ones) & ~backslashes);
        if ((special & tops) != 0) break;
    }
    return from;
}

}  // namespace fastqueue::json::detail
