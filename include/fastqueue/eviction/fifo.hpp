#pragma once

#include <fastqueue/eviction/slot_ring.hpp>
#include <fastqueue/policy/eviction.hpp>

#include <cstdint>

namespace fastqueue::eviction {

/// Evicts the slot that came first; only arrival counts. Keeps every result for about the same time, whoever
/// looks at it: for callers who must be able to count on how long that is. O(1) a call, 8 octets a slot, no
/// allocation after construction.
class fifo {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit fifo(policy::slot capacity) : ring_{capacity} {}

    void inserted(policy::slot s, std::uint64_t) noexcept { ring_.push_front(s); }
    void used(policy::slot) noexcept {}
    void erased(policy::slot s) noexcept { ring_.unlink(s); }
    [[nodiscard]] policy::slot victim() const noexcept { return ring_.back(); }

private:
    detail::slot_ring ring_;  // newest first
};

static_assert(policy::eviction<fifo>);

}  // namespace fastqueue::eviction
