#pragma once

#include <cstddef>
#include <string_view>

namespace fastqueue::json {

/// The length in octets of the well-formed UTF-8 sequence at the front of `text`: 1 to 4, or 0 if there is
/// none (empty, cut short, overlong, a surrogate, beyond U+10FFFF). Never throws; safe from any thread.
/// \source RFC 3629, section 4
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view text) noexcept {
    auto const at = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
    };
    auto const in = [&](std::size_t i, unsigned low, unsigned high) { return at(i) >= low && at(i) <= high; };
    auto const continues = [&](std::size_t i) { return in(i, 0x80, 0xBF); };
    if (text.empty()) return 0;
    unsigned const lead = at(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {  // E0 would be overlong below A0; ED reaches the surrogates above 9F
        bool const second = in(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
        return second && continues(2) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {  // F0 would be overlong below 90; F4 leaves Unicode above 8F
        bool const second = in(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
        return second && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

/// Whether all of `text` is well-formed UTF-8. O(n), never throws; safe from any thread.
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        auto const length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace fastqueue::json
