#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace fastqueue::zmtp::detail {

// Whether a buffer that is kept between uses is worth keeping. A large one is a new mapping each time it is made, and its
// pages cost more than what is copied into them; so it stays with who is busy, and goes back after some uses that needed
// little of it.
class slack {
public:
    static constexpr std::size_t busy_bytes = 4U << 20U;  // a larger one is never kept
    static constexpr std::size_t small_bytes = 4096;      // a smaller one always

    // It was used, and is empty now. Returns whether to give it back.
    [[nodiscard]] bool after_use(std::size_t used, std::size_t capacity) noexcept {
        if (capacity <= small_bytes) return false;
        most_ = std::max(most_, used);
        if (capacity > busy_bytes) return start();
        if (++uses_ < window) return false;
        bool const idle = most_ < capacity / 4;
        start();
        return idle;
    }

private:
    static constexpr std::uint32_t window = 64;

    bool start() noexcept {
        most_ = 0;
        uses_ = 0;
        return true;
    }

    std::size_t most_ = 0;  // that was used of it
    std::uint32_t uses_ = 0;
};

}  // namespace fastqueue::zmtp::detail
