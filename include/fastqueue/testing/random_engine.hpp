#pragma once

#include <cstdint>

namespace fastqueue::testing {

/// A small random engine that gives the same numbers on every platform, which those of the standard library
/// with their distributions do not.
class random_engine {
public:
    explicit random_engine(std::uint64_t seed) noexcept : state_{seed} {}

    /// 64 random bits.
    std::uint64_t next() noexcept {
        auto z = state_ += 0x9e3779b97f4a7c15U;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }

    /// A number from `low` to `high`, both of them possible; `low` where `high` is less.
    std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {
        if (high <= low) return low;
        auto const width = high - low + 1;
        return width == 0 ? next() : low + next() % width;  // the bias is far below what a test could see
    }

    /// Whether something that happens `per_mille` times in a thousand happens now.
    bool happens(std::uint32_t per_mille) noexcept { return between(1, 1000) <= per_mille; }

private:
    std::uint64_t state_;
};

}  // namespace fastqueue::testing
