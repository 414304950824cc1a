#pragma once

#include <fastqueue/balancing/least_loaded.hpp>
#include <fastqueue/model/hash.hpp>
#include <fastqueue/policy/balancing.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace fastqueue::balancing {

/// Keeps tasks of one `key` with one worker, which has what they need at hand: an open file, a loaded model, a warm cache.
/// While that one is full, the key's second choice gets them, always the same one, then the third; nobody waits for a worker
/// beside an idle one. Who joins or leaves moves only its share of the keys. Tasks without a key go to the least loaded.
/// Weights count for these only. O(log n) a call, about 50 octets a worker.
/// \source Lamping, Veach: A fast, minimal memory, consistent hash algorithm, 2014
class sticky {
public:
    explicit sticky(std::uint64_t seed) noexcept : seed_{seed}, others_{seed} {}

    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t weight, policy::load l) {
        if (w >= workers_.size()) workers_.resize(w + std::size_t{1});
        if (!std::exchange(workers_[w].known, true)) places_.push_back(w);
        workers_[w].present = true;
        others_.joined(w, weight, l);
    }
    void left(policy::worker_slot w) noexcept {
        workers_[w].present = false;
        others_.left(w);
    }
    /// \throws std::bad_alloc
    void load_changed(policy::worker_slot w, policy::load l) { others_.load_changed(w, l); }
    [[nodiscard]] policy::worker_slot pick(std::uint64_t key) noexcept {
        constexpr std::uint64_t choices = 8;  // where so many are full, most are: any other will do
        for (std::uint64_t choice = 0; key != 0 && choice < choices; ++choice) {
            auto const w = places_[place_of(drawn(key ^ seed_, choice))];
            if (workers_[w].present) return w;
        }
        return others_.pick(key);
    }

private:
    /// The `n`th of the random numbers that belong to `hash`.
    [[nodiscard]] static std::uint64_t drawn(std::uint64_t hash, std::uint64_t n) noexcept {
        auto const state = hash + (n + 1) * 0x9e3779b97f4a7c15U;
        return mix(state, state ^ 0xd6e8feb86659fd93U);
    }
    /// The number below `places_.size()` that belongs to `hash`: with each number more, one in that many hashes moves, and
    /// moves to the new one.
    [[nodiscard]] std::size_t place_of(std::uint64_t hash) const noexcept {
        std::uint64_t at = 0;
        // The next number to which this hash moves is drawn, rather than asked for at each: P(beyond n) = (at + 1) / n.
        for (std::uint64_t next = 0, draw = 1; next < places_.size(); ++draw) {
            at = next;
            auto const fraction = static_cast<double>((drawn(hash, draw) >> 11U) + 1) * 0x1p-53;
            next = static_cast<std::uint64_t>(static_cast<double>(at + 1) / fraction);
        }
        return static_cast<std::size_t>(at);
    }

    std::uint64_t seed_;
    least_loaded others_;
    struct worker {
        bool known = false;
        bool present = false;
    };
    std::vector<worker> workers_;
    std::vector<policy::worker_slot> places_;  // who ever joined, in that order: the fleet reuses numbers
};

static_assert(policy::balancing<sticky>);

}  // namespace fastqueue::balancing
