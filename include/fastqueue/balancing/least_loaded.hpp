#pragma once

#include <fastqueue/model/indexed_heap.hpp>
#include <fastqueue/policy/balancing.hpp>

#include <cassert>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastqueue::balancing {

/// Picks the worker with the least load for its weight; among equals, the one that was picked longest ago, so
/// that work spreads over idle workers. The default. A worker of weight 2 is given work until it has twice
/// the load of one of weight 1. O(log n) a call, about 48 octets a worker.
class least_loaded {
public:
    /// The seed is not used: nothing here is left to chance.
    explicit least_loaded(std::uint64_t) noexcept {}

    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t weight, policy::load l) {
        if (w >= workers_.size()) workers_.resize(w + std::size_t{1});
        workers_[w].weight = weight > 0 ? weight : 1;
        load_changed(w, l);
    }
    void left(policy::worker_slot w) noexcept { heap_.erase(w); }
    /// \throws std::bad_alloc
    void load_changed(policy::worker_slot w, policy::load l) {
        auto const& [weight, picked] = workers_[w];
        heap_.set(w, rank{(std::uint64_t{l} << 10U) / weight, picked});
    }
    [[nodiscard]] policy::worker_slot pick(std::uint64_t) noexcept {
        assert(!heap_.empty());  // the fleet never asks without a candidate
        auto const w = heap_.top();
        workers_[w].picked = ++now_;
        heap_.set(w, rank{heap_.top_key().weighted_load, now_});
        return w;
    }

private:
    struct rank {
        std::uint64_t weighted_load;
        std::uint64_t picked;  // when it was picked last
        friend auto operator<=>(rank const&, rank const&) noexcept = default;
    };
    struct worker {
        std::uint32_t weight = 1;
        std::uint64_t picked =
            0;  // stays while a worker is full, or it would be first again each time it has room
    };

    indexed_heap<rank> heap_;
    std::vector<worker> workers_;
    std::uint64_t now_ = 0;  // counts picks
};

static_assert(policy::balancing<least_loaded>);

}  // namespace fastqueue::balancing
