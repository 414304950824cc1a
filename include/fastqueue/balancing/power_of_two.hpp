#pragma once

#include <fastqueue/model/hash.hpp>
#include <fastqueue/policy/balancing.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastqueue::balancing {

/// Draws two workers and picks the one with the lesser load for its weight. Nearly as even as looking for the
/// least, and O(1); and several control planes that see the same loads don't all run to the same worker.
/// About 24 octets a worker.
class power_of_two {
public:
    explicit power_of_two(std::uint64_t seed) noexcept : random_{seed} {}

    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t weight, policy::load l) {
        if (w >= place_.size()) place_.resize(w + std::size_t{1});
        candidates_.push_back(candidate{w, weight > 0 ? weight : 1, l});
        place_[w] = candidates_.size() - 1;
    }
    void left(policy::worker_slot w) noexcept {
        auto const hole = place_[w];
        candidates_[hole] = candidates_.back();
        place_[candidates_[hole].slot] = hole;
        candidates_.pop_back();
    }
    void load_changed(policy::worker_slot w, policy::load l) noexcept { candidates_[place_[w]].load = l; }
    [[nodiscard]] policy::worker_slot pick(std::uint64_t) noexcept {
        assert(!candidates_.empty());  // the fleet never asks without a candidate
        auto const n = candidates_.size();
        if (n == 1) return candidates_.front().slot;
        auto const one = below(n);
        auto const other = (one + 1 + below(n - 1)) % n;  // never the same
        auto const& a = candidates_[one];
        auto const& b = candidates_[other];
        return std::uint64_t{b.load} * a.weight < std::uint64_t{a.load} * b.weight ? b.slot : a.slot;
    }

private:
    struct candidate {
        policy::worker_slot slot;
        std::uint32_t weight;
        policy::load load;
    };

    // Own, since the same seed must give the same picks with every standard library.
    std::size_t below(std::size_t n) noexcept {
        random_ += 0x9e3779b97f4a7c15U;
        return static_cast<std::size_t>(mix(random_, 0xd6e8feb86659fd93U) % n);
    }

    std::uint64_t random_;
    std::vector<candidate> candidates_;  // dense
    std::vector<std::size_t> place_;     // of each worker in candidates_
};

static_assert(policy::balancing<power_of_two>);

}  // namespace fastqueue::balancing
