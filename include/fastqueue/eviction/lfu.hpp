#pragma once

#include <fastqueue/model/indexed_heap.hpp>
#include <fastqueue/policy/eviction.hpp>

#include <compare>
#include <cstdint>

namespace fastqueue::eviction {

/// Evicts the slot that was used least; among equals, the one whose last use is oldest. For a few results
/// that many ask for again and again, beside many that are asked for once: a flood of new ones can't wash out
/// the old.
///
/// It ages: a newcomer starts at the count of the last victim, not at zero, so that what was popular once and
/// is not any more goes in the end. O(log n) a call, 28 octets a slot, no allocation after construction.
class lfu {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit lfu(policy::slot capacity) {
        // The heap grows with what is put in and never shrinks: filled once, it never allocates again.
        for (policy::slot s = 0; s < capacity; ++s) heap_.set(s, rank{});
        for (policy::slot s = 0; s < capacity; ++s) heap_.erase(s);
    }

    void inserted(policy::slot s, std::uint64_t) noexcept { heap_.set(s, rank{floor_ + 1, ++now_}); }
    void used(policy::slot s) noexcept { heap_.set(s, rank{heap_.key(s).uses + 1, ++now_}); }
    void erased(policy::slot s) noexcept { heap_.erase(s); }
    [[nodiscard]] policy::slot victim() noexcept {
        floor_ = heap_.top_key().uses;
        return heap_.top();
    }

private:
    struct rank {
        std::uint64_t uses = 0;
        std::uint64_t last = 0;
        friend auto operator<=>(rank const&, rank const&) noexcept = default;
    };

    indexed_heap<rank> heap_;
    std::uint64_t floor_ = 0;  // uses of the last victim
    std::uint64_t now_ = 0;    // counts calls
};

static_assert(policy::eviction<lfu>);

}  // namespace fastqueue::eviction
