#pragma once

#include <fastqueue/policy/eviction.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <random>
#include <set>
#include <vector>

namespace laws {

/// What must hold for every eviction policy: whatever happens, the victim is a slot that is tracked.
template <fastqueue::policy::eviction Eviction>
void eviction_laws() {
    using fastqueue::policy::slot;
    auto const seed = GENERATE(take(5, random<std::uint64_t>(0, ~0ULL >> 1U)));
    auto const capacity = GENERATE(slot{1}, slot{2}, slot{7}, slot{100});
    CAPTURE(seed, capacity);
    std::mt19937_64 random{seed};
    auto const any_slot = [&] { return static_cast<slot>(random() % capacity); };

    SECTION("under random calls the victim is tracked") {
        Eviction policy{capacity};
        std::set<slot> tracked;
        for (int call = 0; call < 3000; ++call) {
            auto const s = any_slot();
            if (!tracked.contains(s)) {
                policy.inserted(s, random());
                tracked.insert(s);
            } else if (random() % 2 == 0) {
                policy.used(s);
            } else {
                policy.erased(s);
                tracked.erase(s);
            }
            if (!tracked.empty()) REQUIRE(tracked.contains(policy.victim()));
        }
    }
    SECTION("a full cache that evicts for each newcomer is emptied to the last slot") {
        Eviction policy{capacity};
        for (slot s = 0; s < capacity; ++s) policy.inserted(s, random());
        for (int call = 0; call < 1000; ++call) {
            policy.used(any_slot());
            auto const s = policy.victim();
            REQUIRE(s < capacity);
            policy.erased(s);
            policy.inserted(s, random());
        }
        std::set<slot> left;
        for (slot n = 0; n < capacity; ++n) {
            left.insert(policy.victim());
            policy.erased(policy.victim());
        }
        CHECK(left.size() == capacity);
    }
    SECTION("the same calls give the same victims") {
        Eviction one{capacity};
        Eviction two{capacity};
        for (slot s = 0; s < capacity; ++s) {
            one.inserted(s, s);
            two.inserted(s, s);
        }
        for (int call = 0; call < 1000; ++call) {
            auto const s = any_slot();
            one.used(s);
            two.used(s);
            REQUIRE(one.victim() == two.victim());
        }
    }
}

}  // namespace laws
