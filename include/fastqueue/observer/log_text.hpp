#pragma once

#include <fastqueue/json/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace fastqueue::observer::detail {

/// Whether the well-formed sequence is a character that a terminal or a log reader takes for a command: C0,
/// DEL, C1, or a line or paragraph separator.
[[nodiscard]] constexpr bool is_control(std::string_view c) noexcept {
    if (c.size() == 1) return static_cast<unsigned char>(c[0]) < 0x20 || c[0] == 0x7f;
    if (c.size() == 2) return c[0] == '\xc2' && static_cast<unsigned char>(c[1]) < 0xa0;
    return c == "\u2028" || c == "\u2029";
}

/// Appends what a peer may have chosen, so that it stays text on one line: controls and octets that are not
/// UTF-8 become `\xHH`, a backslash becomes two.
/// \param most  octets of `text` that are looked at; what is longer ends in `...`
inline void append_escaped(std::string& out, std::string_view text, std::size_t most = 512) {
    constexpr std::string_view digits = "0123456789abcdef";
    auto const whole = text.size() <= most;
    text = text.substr(0, most);
    while (!text.empty()) {
        auto const length = json::utf8_length(text);
        auto const c = text.substr(0, length > 0 ? length : 1);
        if (c == "\\") {
            out += "\\\\";
        } else if (length > 0 && !is_control(c)) {
            out += c;
        } else {
            for (char const octet : c) {
                auto const value = static_cast<unsigned char>(octet);
                out += "\\x";
                out += digits[value >> 4U];
                out += digits[value & 15U];
            }
        }
        text.remove_prefix(c.size());
    }
    if (!whole) out += "...";
}

}  // namespace fastqueue::observer::detail
