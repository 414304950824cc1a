#include <fastqueue/balancing/round_robin.hpp>

#include "laws/balancing_laws.hpp"
#include "support/catch.hpp"

using fastqueue::balancing::round_robin;

TEST_CASE("round_robin: keeps the laws of balancing", "[balancing]") { laws::balancing_laws<round_robin>(); }

TEST_CASE("round_robin: goes round in the order of joining, whatever the load", "[balancing]") {
    round_robin policy{0};
    policy.joined(7, 1, 0);
    policy.joined(2, 1, 900);
    policy.joined(4, 1, 0);
    for (int turn = 0; turn < 2; ++turn) {
        CHECK(policy.pick(0) == 7);
        CHECK(policy.pick(0) == 2);
        CHECK(policy.pick(0) == 4);
    }
}

TEST_CASE("round_robin: who leaves is left out, and who joins waits for a whole turn", "[balancing]") {
    round_robin policy{0};
    for (fastqueue::policy::worker_slot w = 0; w < 3; ++w) policy.joined(w, 1, 0);
    CHECK(policy.pick(0) == 0);
    policy.left(1);  // it was next
    policy.joined(1, 1, 0);
    CHECK(policy.pick(0) == 2);
    CHECK(policy.pick(0) == 0);
    CHECK(policy.pick(0) == 1);
    for (fastqueue::policy::worker_slot w = 0; w < 3; ++w) policy.left(w);
    policy.joined(1, 1, 0);
    CHECK(policy.pick(0) == 1);
    CHECK(policy.pick(0) == 1);
}
