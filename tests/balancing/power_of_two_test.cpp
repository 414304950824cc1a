#include <fastqueue/balancing/power_of_two.hpp>

#include "laws/balancing_laws.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <vector>

using fastqueue::balancing::power_of_two;
using fastqueue::policy::load;
using fastqueue::policy::worker_slot;

TEST_CASE("power_of_two: keeps the laws of balancing", "[balancing]") {
    laws::balancing_laws<power_of_two>();
}

TEST_CASE("power_of_two: of two workers it picks the lesser load, always", "[balancing]") {
    power_of_two policy{3};
    policy.joined(0, 1, 2000);
    policy.joined(1, 1, 1000);
    for (int i = 0; i < 100; ++i) REQUIRE(policy.pick(0) == 1);
    policy.load_changed(1, 3000);
    for (int i = 0; i < 100; ++i) REQUIRE(policy.pick(0) == 0);
    policy.left(1);
    policy.joined(1, 2, 3000);  // as good as 1500
    for (int i = 0; i < 100; ++i) REQUIRE(policy.pick(0) == 1);
}

TEST_CASE("power_of_two: the most loaded of many is never picked, and loads stay close", "[balancing]") {
    power_of_two policy{5};
    constexpr worker_slot workers = 100;
    std::vector<load> loads(workers, 0);
    for (worker_slot w = 0; w < workers; ++w) policy.joined(w, 1, 0);
    for (int i = 0; i < 10'000; ++i) {
        auto const w = policy.pick(0);
        policy.load_changed(w, loads[w] += 1024);
    }
    auto const [least, most] = std::ranges::minmax(loads);
    CHECK(most - least <= 8 * 1024);  // one draw alone spreads over some fifty
    policy.joined(workers, 1, ~load{0});
    for (int i = 0; i < 10'000; ++i) REQUIRE(policy.pick(0) != workers);
}
