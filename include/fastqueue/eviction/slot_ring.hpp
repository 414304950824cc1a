#pragma once

#include <fastqueue/policy/eviction.hpp>

#include <cassert>
#include <cstddef>
#include <vector>

namespace fastqueue::eviction::detail {

/// Slots in an order, as a doubly linked ring within one array: every call is O(1), and only the constructor
/// allocates (8 octets a slot).
class slot_ring {
public:
    explicit slot_ring(policy::slot capacity)
        : links_(capacity + std::size_t{1}, link{capacity, capacity}), end_{capacity} {}

    void push_front(policy::slot s) noexcept {
        assert(s < end_);
        auto const second = links_[end_].next;
        links_[s] = link{end_, second};
        links_[second].previous = s;
        links_[end_].next = s;
    }
    void unlink(policy::slot s) noexcept {
        assert(s < end_);
        auto const [previous, next] = links_[s];
        links_[previous].next = next;
        links_[next].previous = previous;
    }
    [[nodiscard]] policy::slot back() const noexcept {
        assert(links_[end_].previous != end_);  // the cache never asks an empty policy
        return links_[end_].previous;
    }

private:
    struct link {
        policy::slot previous;
        policy::slot next;
    };

    std::vector<link> links_;  // the last one is the ring's anchor
    policy::slot end_;
};

}  // namespace fastqueue::eviction::detail
