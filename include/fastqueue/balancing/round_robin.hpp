#pragma once

#include <fastqueue/policy/balancing.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastqueue::balancing {

/// Picks one worker after the other; who joins waits for a whole turn. Load and weight don't count. For
/// workers that are alike and tasks that are alike, and where it must be foreseeable who gets what. O(1) a
/// call, 8 octets a worker.
class round_robin {
public:
    /// The seed is not used: nothing here is left to chance.
    explicit round_robin(std::uint64_t) noexcept {}

    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t, policy::load) {
        if (w >= links_.size()) links_.resize(w + std::size_t{1});
        if (next_ == nobody) {
            links_[w] = link{w, w};
            next_ = w;
            return;
        }
        auto const last = links_[next_].previous;
        links_[w] = link{last, next_};
        links_[last].next = w;
        links_[next_].previous = w;
    }
    void left(policy::worker_slot w) noexcept {
        auto const [previous, next] = links_[w];
        links_[previous].next = next;
        links_[next].previous = previous;
        if (next_ == w) next_ = next == w ? nobody : next;
    }
    void load_changed(policy::worker_slot, policy::load) noexcept {}
    [[nodiscard]] policy::worker_slot pick(std::uint64_t) noexcept {
        assert(next_ != nobody);  // the fleet never asks without a candidate
        auto const picked = next_;
        next_ = links_[picked].next;
        return picked;
    }

private:
    static constexpr policy::worker_slot nobody = ~policy::worker_slot{0};
    struct link {
        policy::worker_slot previous = nobody;
        policy::worker_slot next = nobody;
    };

    std::vector<link> links_;  // the candidates are a ring within it
    policy::worker_slot next_ = nobody;
};

static_assert(policy::balancing<round_robin>);

}  // namespace fastqueue::balancing
