#pragma once

#include <fastqueue/core/slot_list.hpp>
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
        if (!in_order_.empty() && at < nodes_[in_order_.back()].at) return heap_.set(slot, at);
        if (slot >= nodes_.size()) nodes_.resize(slot + std::size_t{1});
        nodes_[slot].at = at;
        nodes_[slot].listed = true;
        in_order_.push_back(nodes_, slot);
    }
    void clear(std::uint32_t slot) noexcept {
        if (!in_list(slot)) return heap_.erase(slot);
        in_order_.erase(nodes_, slot);
        nodes_[slot].listed = false;
    }
    /// A slot whose moment has come, taken out; empty when there is none.
    [[nodiscard]] std::optional<std::uint32_t> pop(instant now) noexcept {
        if (next() > now || (in_order_.empty() && heap_.empty())) return std::nullopt;
        bool const listed = heap_.empty() || first_listed() <= heap_.top_key();
        auto const slot = listed && !in_order_.empty() ? in_order_.front() : heap_.top();
        clear(slot);
        return slot;
    }
    [[nodiscard]] std::optional<instant> at(std::uint32_t slot) const noexcept {
        if (in_list(slot)) return nodes_[slot].at;
        return heap_.contains(slot) ? std::optional{heap_.key(slot)} : std::nullopt;
    }
    [[nodiscard]] instant next() const noexcept {
        return heap_.empty() ? first_listed() : std::min(first_listed(), heap_.top_key());
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
    [[nodiscard]] instant first_listed() const noexcept {
        return in_order_.empty() ? instant::max() : nodes_[in_order_.front()].at;
    }

    std::vector<node> nodes_;  // by slot
    slot_list in_order_;
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
