#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fastqueue::json::detail {

/// Whether 64 octets all stand for themselves, by the vectors that GCC and Clang make of what a processor has.
[[nodiscard]] inline bool is_plain_block(char const* octets) noexcept {
    using vector = unsigned char __attribute__((vector_size(16)));
    vector special{};
    for (int i = 0; i < 64; i += 16) {
        vector v;
        std::memcpy(&v, octets + i, sizeof v);
        special |= static_cast<vector>((v < 0x20) | (v > 0x7f) | (v == '"') | (v == '\\'));
    }
    std::uint64_t halves[2];
    std::memcpy(halves, &special, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

/// Steps over octets that stand for themselves in a string: ASCII but for control characters, quotes and backslashes. Eight or
/// more at a time, so it may stop up to seven octets before the first that does not.
/// \return where it stopped, `from` and up
[[nodiscard]] inline std::size_t skip_plain_words(std::string_view text, std::size_t from) noexcept {
    while (text.size() - from >= 64 && is_plain_block(text.data() + from)) from += 64;
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
