#include <fastqueue/eviction/none.hpp>

#include "laws/eviction_laws.hpp"
#include "support/catch.hpp"

using fastqueue::eviction::none;

TEST_CASE("none: keeps the laws of eviction", "[eviction]") { laws::eviction_laws<none>(); }

TEST_CASE("none: names what came last, and another when that is gone", "[eviction]") {
    none policy{3};
    policy.inserted(1, 0);
    policy.inserted(0, 0);
    policy.inserted(2, 0);
    policy.used(1);
    CHECK(policy.victim() == 2);
    policy.erased(1);  // from the middle: 2 takes its place
    CHECK(policy.victim() == 0);
    policy.erased(0);
    CHECK(policy.victim() == 2);
}
