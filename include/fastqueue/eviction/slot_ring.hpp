#pragma once

#include <fastqueue/policy/eviction.hpp>

#include <cassert>
#include <cstddef>
#include <vector>

namespace fastqueue::eviction::detail {

/// Slots in one order or several, as doubly linked rings within one array: every call is O(1), and only the constructor
/// allocates (8 octets a slot). A slot is in one ring at most.
class slot_ring {
public:
    /// \param rings  numbered from 0
    explicit slot_ring(policy::slot capacity, policy::slot rings = 1)
        : links_(capacity + std::size_t{rings}), end_{capacity} {
        for (policy::slot r = 0; r < rings; ++r) links_[end_ + r] = link{end_ + r, end_ + r};
    }

    void push_front(policy::slot s, policy::slot ring = 0) noexcept {
        assert(s < end_);
        auto const anchor = end_ + ring;
        auto const second = links_[anchor].next;
        links_[s] = link{anchor, second};
        links_[second].previous = s;
        links_[anchor].next = s;
    }
    void unlink(policy::slot s) noexcept {
        assert(s < end_);
        auto const [previous, next] = links_[s];
        links_[previous].next = next;
        links_[next].previous = previous;
    }
    [[nodiscard]] policy::slot back(policy::slot ring = 0) const noexcept {
        assert(links_[end_ + ring].previous < end_);  // the cache never asks an empty policy
        return links_[end_ + ring].previous;
    }

private:
    struct link {
        policy::slot previous;
        policy::slot next;
    };

    std::vector<link> links_;  // the last ones are the rings' anchors
    policy::slot end_;
};

}  // namespace fastqueue::eviction::detail
