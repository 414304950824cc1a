#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue {

inline constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Octets as text that may stand in a header, without padding.
/// \source RFC 4648, section 5
[[nodiscard]] inline std::string base64url(std::string_view octets) {
    std::string out;
    out.reserve((octets.size() * 4 + 2) / 3);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (char const c : octets) {
        bits = bits << 8U | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6) out += base64url_alphabet[bits >> (count - 6) & 63U];
    }
    if (count > 0) out += base64url_alphabet[bits << (6 - count) & 63U];
    return out;
}

/// Whether it is such text; empty is.
[[nodiscard]] inline bool is_base64url(std::string_view text) noexcept {
    return text.size() % 4 != 1 && std::ranges::all_of(text, [](char c) {
               return base64url_alphabet.find(c) != std::string_view::npos;
           });
}

}  // namespace fastqueue
