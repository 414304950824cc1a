#pragma once

#include <fastqueue/eviction/slot_ring.hpp>
#include <fastqueue/policy/eviction.hpp>

#include <cstdint>

namespace fastqueue::eviction {

/// Evicts the slot whose last use is oldest. The default: a result that was just asked for is likely to be
/// asked for again. O(1) a call, 8 octets a slot, no allocation after construction.
class lru {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit lru(policy::slot capacity) : ring_{capacity} {}

    void inserted(policy::slot s, std::uint64_t) noexcept { ring_.push_front(s); }
    void used(policy::slot s) noexcept {
        ring_.unlink(s);
        ring_.push_front(s);
    }
    void erased(policy::slot s) noexcept { ring_.unlink(s); }
    [[nodiscard]] policy::slot victim() const noexcept { return ring_.back(); }

private:
    detail::slot_ring ring_;  // most recently used first
};

static_assert(policy::eviction<lru>);

}  // namespace fastqueue::eviction
