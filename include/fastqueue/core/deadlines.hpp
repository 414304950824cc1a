#pragma once

#include <fastqueue/model/indexed_heap.hpp>
#include <fastqueue/model/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace fastqueue::core {

/// Moments on the monotonic clock, one a slot. A tick costs what is due, not what waits.
class deadlines {
public:
    void set(std::uint32_t slot, instant at) { heap_.set(slot, at); }
    void clear(std::uint32_t slot) noexcept { heap_.erase(slot); }
    /// A slot whose moment has come, taken out; empty when there is none.
    [[nodiscard]] std::optional<std::uint32_t> pop(instant now) noexcept {
        if (heap_.empty() || heap_.top_key() > now) return std::nullopt;
        auto const slot = heap_.top();
        heap_.erase(slot);
        return slot;
    }
    [[nodiscard]] std::optional<instant> at(std::uint32_t slot) const noexcept {
        return heap_.contains(slot) ? std::optional{heap_.key(slot)} : std::nullopt;
    }
    [[nodiscard]] instant next() const noexcept { return heap_.empty() ? instant::max() : heap_.top_key(); }

private:
    indexed_heap<instant> heap_;
};

/// Moments in UTC, one a slot. Who sleeps until one must look at the wall clock now and then: it may be set.
class wall_deadlines {
public:
    void set(std::uint32_t slot, wall_instant at) { heap_.set(slot, at); }
    void clear(std::uint32_t slot) noexcept { heap_.erase(slot); }
    [[nodiscard]] std::optional<std::uint32_t> pop(wall_instant now) noexcept {
        if (heap_.empty() || heap_.top_key() > now) return std::nullopt;
        auto const slot = heap_.top();
        heap_.erase(slot);
        return slot;
    }
    [[nodiscard]] std::optional<wall_instant> at(std::uint32_t slot) const noexcept {
        return heap_.contains(slot) ? std::optional{heap_.key(slot)} : std::nullopt;
    }
    /// When to look again, on the monotonic clock: at the moment as the wall clock stands now, in a second at
    /// the latest.
    [[nodiscard]] instant next(clock_reading const& now) const noexcept {
        if (heap_.empty()) return instant::max();
        auto const left = std::max(heap_.top_key() - now.wall, std::chrono::microseconds{0});
        return now.steady + std::min(left, std::chrono::microseconds{std::chrono::seconds{1}});
    }

private:
    indexed_heap<wall_instant> heap_;
};

}  // namespace fastqueue::core
