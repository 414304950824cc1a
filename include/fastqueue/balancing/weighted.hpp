#pragma once

#include <fastqueue/model/indexed_heap.hpp>
#include <fastqueue/policy/balancing.hpp>

#include <algorithm>
#include <cassert>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastqueue::balancing {

/// Gives workers their share of the tasks: one of weight 3 gets three for each that one of weight 1 gets, in an even mix and
/// whatever their load. For workers whose speeds are known, and where it must be foreseeable who gets what. O(log n) a call,
/// about 40 octets a worker.
/// \source Waldspurger, Weihl: Stride scheduling, MIT/LCS/TM-528, 1995
class weighted {
public:
    /// The seed is not used: nothing here is left to chance.
    explicit weighted(std::uint64_t) noexcept {}

    /// Who was away goes on where it stood, but is not given what it missed.
    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t weight, policy::load) {
        if (w >= workers_.size()) workers_.resize(w + std::size_t{1});
        auto& [stride, pass] = workers_[w];
        stride = one_turn / std::clamp(weight, 1U, 1000U);
        pass = std::max(pass, pass_);
        heap_.set(w, rank{pass, ++joins_});
    }
    void left(policy::worker_slot w) noexcept { heap_.erase(w); }
    void load_changed(policy::worker_slot, policy::load) noexcept {}
    [[nodiscard]] policy::worker_slot pick(std::uint64_t) noexcept {
        assert(!heap_.empty());  // the fleet never asks without a candidate
        auto const w = heap_.top();
        auto& [stride, pass] = workers_[w];
        pass_ = pass;
        pass += stride;
        heap_.set(w, rank{pass, heap_.top_key().joined});
        return w;
    }

private:
    static constexpr std::uint64_t one_turn = 1U << 20U;
    struct rank {
        std::uint64_t pass;
        std::uint64_t joined;
        friend auto operator<=>(rank const&, rank const&) noexcept = default;
    };
    struct worker {
        std::uint64_t stride = one_turn;
        std::uint64_t pass = 0;  // when its next task is due, on a clock of tasks
    };

    indexed_heap<rank> heap_;
    std::vector<worker> workers_;
    std::uint64_t pass_ = 0;  // of the latest pick
    std::uint64_t joins_ = 0;
};

static_assert(policy::balancing<weighted>);

}  // namespace fastqueue::balancing
