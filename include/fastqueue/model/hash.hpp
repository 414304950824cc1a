#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace fastqueue {

/// Mixes two words by a 128-bit product: every input bit reaches every output bit.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using wide = unsigned __int128;
    auto const product = static_cast<wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// A fast hash for tables and fingerprints; not a cryptographic one.
/// \param seed  a secret where a peer chooses the bytes, so that it can't choose collisions
/// \complexity linear, eight octets a step, allocates nothing
[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) noexcept {
    constexpr std::uint64_t k1 = 0x9e3779b97f4a7c15U;
    constexpr std::uint64_t k2 = 0xd6e8feb86659fd93U;
    std::uint64_t state = seed ^ mix(bytes.size() ^ k1, k2);
    auto const* at = bytes.data();
    auto left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        state = mix(state ^ word, k1);
    }
    std::uint64_t tail = 0;
    if (left > 0) std::memcpy(&tail, at, left);
    return mix(state ^ tail ^ k2, k1 ^ left);
}

}  // namespace fastqueue
