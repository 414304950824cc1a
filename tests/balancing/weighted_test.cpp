#include <fastqueue/balancing/weighted.hpp>

#include "laws/balancing_laws.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <string>

using fastqueue::balancing::weighted;
using fastqueue::policy::worker_slot;

TEST_CASE("weighted: keeps the laws of balancing", "[balancing]") { laws::balancing_laws<weighted>(); }

TEST_CASE("weighted: shares are as the weights are, evenly mixed, whatever the load", "[balancing]") {
    weighted policy{0};
    policy.joined(0, 3, 900'000);
    policy.joined(1, 1, 0);
    std::string picks;
    for (int i = 0; i < 400; ++i) picks += std::to_string(policy.pick(0));
    CHECK(std::ranges::count(picks, '0') == 300);
    CHECK(picks.find("0000") == std::string::npos);
}

TEST_CASE("weighted: who was away is not given what it missed", "[balancing]") {
    weighted policy{0};
    policy.joined(0, 1, 0);
    policy.joined(1, 1, 0);
    policy.left(1);
    for (int i = 0; i < 1000; ++i) REQUIRE(policy.pick(0) == 0);
    policy.joined(1, 1, 0);
    std::map<worker_slot, int> picked;
    for (int i = 0; i < 100; ++i) ++picked[policy.pick(0)];
    CHECK(picked[0] >= 49);
    CHECK(picked[1] >= 49);
}

TEST_CASE("weighted: who is full for a moment after each pick gets its share and no more", "[balancing]") {
    weighted policy{0};
    std::map<worker_slot, int> picked;
    for (worker_slot w = 0; w < 3; ++w) policy.joined(w, w + 1, 0);
    for (int i = 0; i < 600; ++i) {
        auto const w = policy.pick(0);
        ++picked[w];
        policy.left(w);
        policy.joined(w, w + 1, 0);
    }
    CHECK(picked[0] == 100);
    CHECK(picked[1] == 200);
    CHECK(picked[2] == 300);
}
