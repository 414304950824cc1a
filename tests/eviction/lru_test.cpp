#include <fastqueue/eviction/lru.hpp>

#include "laws/eviction_laws.hpp"
#include "support/catch.hpp"

using fastqueue::eviction::lru;

TEST_CASE("lru: keeps the laws of eviction", "[eviction]") { laws::eviction_laws<lru>(); }

TEST_CASE("lru: evicts what was not used for the longest time", "[eviction]") {
    lru policy{3};
    policy.inserted(0, 0);
    policy.inserted(1, 0);
    policy.inserted(2, 0);
    CHECK(policy.victim() == 0);
    policy.used(0);
    CHECK(policy.victim() == 1);
    policy.used(2);
    policy.erased(1);
    CHECK(policy.victim() == 0);
    policy.inserted(1, 0);
    policy.used(0);
    CHECK(policy.victim() == 2);
}
