#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastqueue::eviction::detail {

/// Remembers which keys left a cache not long ago: about the latest `capacity` of them. By 32 bits of their hashes, so that
/// one of four thousand million is mistaken for another; that costs a hit, no more. Only the constructor allocates (32 to 64
/// octets a key).
class ghost_list {
public:
    explicit ghost_list(std::uint32_t capacity)
        : capacity_{capacity}, sets_(std::bit_ceil(capacity / 2 + std::size_t{1})) {}

    void add(std::uint64_t hash) noexcept {
        auto& set = set_of(hash);
        auto const oldest = std::ranges::min_element(set, {}, &ghost::left_at);
        *oldest = {tag_of(hash), ++now_};
    }
    [[nodiscard]] bool has(std::uint64_t hash) const noexcept {
        auto const& set = sets_[hash & (sets_.size() - 1)];
        return std::ranges::any_of(set, [&](ghost const& g) {
            return g.left_at != 0 && g.tag == tag_of(hash) && now_ - g.left_at < capacity_;
        });
    }

private:
    static constexpr std::uint32_t ways = 4;
    struct ghost {
        std::uint32_t tag = 0;
        std::uint64_t left_at = 0;  // counts those that left; 0: nobody
    };
    using ghost_set = std::array<ghost, ways>;

    static std::uint32_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash >> 32U);
    }
    ghost_set& set_of(std::uint64_t hash) noexcept { return sets_[hash & (sets_.size() - 1)]; }

    std::uint64_t capacity_;
    std::vector<ghost_set> sets_;
    std::uint64_t now_ = 0;
};

}  // namespace fastqueue::eviction::detail
