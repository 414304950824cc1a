#include <fastqueue/eviction/lfu.hpp>

#include "laws/eviction_laws.hpp"
#include "support/catch.hpp"

using fastqueue::eviction::lfu;

TEST_CASE("lfu: keeps the laws of eviction", "[eviction]") { laws::eviction_laws<lfu>(); }

TEST_CASE("lfu: evicts what was used least, and among equals what was used before the others", "[eviction]") {
    lfu policy{3};
    policy.inserted(0, 0);
    policy.inserted(1, 0);
    policy.inserted(2, 0);
    CHECK(policy.victim() == 0);
    policy.used(0);
    policy.used(0);
    policy.used(1);
    CHECK(policy.victim() == 2);
    policy.used(2);
    CHECK(policy.victim() == 1);  // as often as 2, but earlier
    policy.erased(1);
    CHECK(policy.victim() == 2);
}

TEST_CASE("lfu: a flood of new ones does not wash out what is used often", "[eviction]") {
    lfu policy{3};
    policy.inserted(0, 0);
    for (int i = 0; i < 50; ++i) policy.used(0);
    policy.inserted(1, 0);
    policy.inserted(2, 0);
    for (int i = 0; i < 40; ++i) {
        auto const s = policy.victim();
        REQUIRE(s != 0);
        policy.erased(s);
        policy.inserted(s, 0);
    }
}

TEST_CASE("lfu: what was popular once goes in the end", "[eviction]") {
    lfu policy{2};
    policy.inserted(0, 0);
    for (int i = 0; i < 50; ++i) policy.used(0);
    policy.inserted(1, 0);
    int evictions = 0;
    while (policy.victim() != 0 && evictions < 1000) {
        policy.erased(1);
        policy.inserted(1, 0);
        ++evictions;
    }
    CHECK(evictions < 60);
    CHECK(evictions > 40);
}
