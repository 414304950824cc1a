#pragma once

#include <cstddef>
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

namespace detail {

inline constexpr std::uint64_t hash_k1 = 0x9e3779b97f4a7c15U;
inline constexpr std::uint64_t hash_k2 = 0xd6e8feb86659fd93U;

[[nodiscard]] inline std::uint64_t word_at(char const* at) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    return word;
}

/// Takes blocks of 32 octets off the front. Four products at a time, since each waits for the one before it.
[[nodiscard]] inline std::uint64_t hash_blocks(std::string_view& bytes, std::uint64_t state) noexcept {
    std::uint64_t lanes[4] = {state, state ^ hash_k1, state ^ hash_k2, ~state};
    for (; bytes.size() >= 32; bytes.remove_prefix(32)) {
        for (std::size_t i = 0; i < 4; ++i) lanes[i] = mix(lanes[i] ^ word_at(bytes.data() + 8 * i), hash_k1);
    }
    return mix(lanes[0] ^ mix(lanes[1], hash_k2), hash_k1) ^ mix(lanes[2] ^ mix(lanes[3], hash_k1), hash_k2);
}

}  // namespace detail

/// A fast hash for tables and fingerprints; not a cryptographic one.
/// \param seed  a secret where a peer chooses the bytes, so that it can't choose collisions
/// \complexity linear, eight octets a step, allocates nothing
[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) noexcept {
    constexpr auto k1 = detail::hash_k1;
    constexpr auto k2 = detail::hash_k2;
    constexpr std::size_t large = 128;
    std::uint64_t state = seed ^ mix(bytes.size() ^ k1, k2);
    if (bytes.size() >= large) state = detail::hash_blocks(bytes, state);
    auto const* at = bytes.data();
    auto left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) state = mix(state ^ detail::word_at(at), k1);
    std::uint64_t tail = 0;
    if (left > 0) std::memcpy(&tail, at, left);
    return mix(state ^ tail ^ k2, k1 ^ left);
}

}  // namespace fastqueue
