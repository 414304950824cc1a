#pragma once

#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/indexed_heap.hpp>
#include <fastqueue/model/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace fastqueue::core {

/// Moments on the monotonic clock, one a slot. A tick costs what is due, not what waits. Most moments come in order, since
/// most time-outs are of one length: those wait in a list, which costs O(1), and the others in a heap. One thread at a time.
class deadlines {
public:
    void set(std::uint32_t slot, instant at) {
        clear(slot);
        if (last_ != none && at < nodes_[last_].at) return heap_.set(slot, at);
        if (slot >= nodes_.size()) nodes_.resize(slot + std::size_t{1});
        nodes_[slot] = {at, last_, none, true};
        (last_ == none ? first_ : nodes_[last_].next) = slot;
        last_ = slot;
    }
    void clear(std::uint32_t slot) noexcept {
        if (!in_list(slot)) return heap_.erase(slot);
        auto& n = nodes_[slot];
        (n.previous == none ? first_ : nodes_[n.previous].next) = n.next;
        (n.next == none ? last_ : nodes_[n.next].previous) = n.previous;
        n.listed = false;
    }
    /// A slot whose moment has come, taken out; empty when there is none.
    [[nodiscard]] std::optional<std::uint32_t> pop(instant now) noexcept {
        if (next() > now || (first_ == none && heap_.empty())) return std::nullopt;
        bool const listed = first_ != none && (heap_.empty() || nodes_[first_].at <= heap_.top_key());
        auto const slot = listed ? first_ : heap_.top();
        clear(slot);
        return slot;
    }
    [[nodiscard]] std::optional<instant> at(std::uint32_t slot) const noexcept {
        if (in_list(slot)) return nodes_[slot].at;
        return heap_.contains(slot) ? std::optional{heap_.key(slot)} : std::nullopt;
    }
    [[nodiscard]] instant next() const noexcept {
        auto const listed = first_ == none ? instant::max() : nodes_[first_].at;
        return heap_.empty() ? listed : std::min(listed, heap_.top_key());
    }

private:
    struct node {
        instant at{};
        std::uint32_t previous = none;
        std::uint32_t next = none;
        bool listed = false;
    };
    [[nodiscard]] bool in_list(std::uint32_t slot) const noexcept {
        return slot < nodes_.size() && nodes_[slot].listed;
    }

    std::vector<node> nodes_;  // by slot
    std::uint32_t first_ = none;
    std::uint32_t last_ = none;
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
