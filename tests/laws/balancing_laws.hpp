#pragma once

#include <fastqueue/policy/balancing.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <map>
#include <random>

namespace laws {

/// What must hold for every balancing policy: it picks candidates only, and the same for the same calls.
template <fastqueue::policy::balancing Balancing>
void balancing_laws() {
    using fastqueue::policy::load;
    using fastqueue::policy::worker_slot;
    auto const seed = GENERATE(take(5, random<std::uint64_t>(0, ~0ULL >> 1U)));
    auto const workers = GENERATE(worker_slot{1}, worker_slot{2}, worker_slot{50});
    CAPTURE(seed, workers);
    std::mt19937_64 random{seed};

    SECTION("under random calls a pick is a candidate, and two that were told the same pick the same") {
        Balancing one{seed};
        Balancing two{seed};
        auto const both = [&](auto call) {
            call(one);
            call(two);
        };
        std::map<worker_slot, load> candidates;
        for (int call = 0; call < 5000; ++call) {
            auto const w = static_cast<worker_slot>(random() % workers);
            auto const l = static_cast<load>(random() % 4096);
            auto const weight = static_cast<std::uint32_t>(random() % 10 == 0 ? 1 + random() % 1000 : 1);
            if (!candidates.contains(w)) {
                both([&](Balancing& b) { b.joined(w, weight, l); });
                candidates[w] = l;
            } else if (random() % 3 == 0) {
                both([&](Balancing& b) { b.left(w); });
                candidates.erase(w);
            } else {
                both([&](Balancing& b) { b.load_changed(w, l); });
                candidates[w] = l;
            }
            if (candidates.empty()) continue;
            auto const key = random();
            auto const picked = one.pick(key);
            REQUIRE(candidates.contains(picked));
            REQUIRE(two.pick(key) == picked);
        }
    }
    SECTION("everybody gets work if each run counts as load") {
        Balancing policy{seed};
        std::map<worker_slot, load> runs;
        for (worker_slot w = 0; w < workers; ++w) policy.joined(w, 1, 0);
        for (std::uint32_t task = 0; task < workers * 100; ++task) {
            auto const w = policy.pick(random());
            policy.load_changed(w, ++runs[w] * 1024);
        }
        CHECK(runs.size() == workers);
    }
}

}  // namespace laws
