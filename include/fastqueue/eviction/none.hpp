#pragma once

#include <fastqueue/policy/eviction.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastqueue::eviction {

/// Has no opinion: evicts whatever is cheapest to name, most often what came last. For results that are
/// fetched at once or never (clients that wait for each call), where the order is worth nothing; and the base
/// line that the others' cost is measured against. O(1) a call, 8 octets a slot, no allocation after
/// construction.
class none {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit none(policy::slot capacity) : tracked_(capacity), place_(capacity) {}

    void inserted(policy::slot s, std::uint64_t) noexcept { put(s, size_++); }
    void used(policy::slot) noexcept {}
    void erased(policy::slot s) noexcept {
        assert(size_ > 0);
        put(tracked_[--size_], place_[s]);
    }
    [[nodiscard]] policy::slot victim() const noexcept {
        assert(size_ > 0);  // the cache never asks an empty policy
        return tracked_[size_ - 1];
    }

private:
    void put(policy::slot s, policy::slot at) noexcept {
        tracked_[at] = s;
        place_[s] = at;
    }

    std::vector<policy::slot> tracked_;  // the first size_
    std::vector<policy::slot> place_;    // of each slot in tracked_
    policy::slot size_ = 0;
};

static_assert(policy::eviction<none>);

}  // namespace fastqueue::eviction
