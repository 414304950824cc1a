#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace fastqueue::core {

/// Names nothing: no slot of a slab, no index.
inline constexpr std::uint32_t none = ~0U;

/// A pool of objects that stay where they are and are named by small dense numbers. What is given back keeps
/// its members' memory, and is the first to be taken again: steady work allocates nothing. One thread at a
/// time.
template <class T, std::uint32_t ChunkSize = 256>
class slab {
public:
    /// A slot. Its object is as it was when it was given back: the taker sets every member.
    /// \throws std::bad_alloc
    [[nodiscard]] std::uint32_t take() {
        if (free_.empty()) grow();
        auto const slot = free_.back();
        free_.pop_back();
        ++used_;
        return slot;
    }
    void give(std::uint32_t slot) noexcept {
        assert(used_ > 0);
        free_.push_back(slot);  // has room: reserved in grow()
        --used_;
    }
    [[nodiscard]] T& operator[](std::uint32_t slot) noexcept {
        return chunks_[slot / ChunkSize][slot % ChunkSize];
    }
    [[nodiscard]] T const& operator[](std::uint32_t slot) const noexcept {
        return chunks_[slot / ChunkSize][slot % ChunkSize];
    }
    [[nodiscard]] std::size_t used() const noexcept { return used_; }
    /// One past the largest slot that was ever taken.
    [[nodiscard]] std::uint32_t capacity() const noexcept {
        return static_cast<std::uint32_t>(chunks_.size()) * ChunkSize;
    }

private:
    void grow() {
        auto const first = capacity();
        free_.reserve(first + std::size_t{ChunkSize});
        chunks_.push_back(std::make_unique<T[]>(ChunkSize));
        for (std::uint32_t i = ChunkSize; i-- > 0;) free_.push_back(first + i);
    }

    std::vector<std::unique_ptr<T[]>> chunks_;
    std::vector<std::uint32_t> free_;
    std::size_t used_ = 0;
};

}  // namespace fastqueue::core
