#include <fastqueue/balancing/least_loaded.hpp>

#include "laws/balancing_laws.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

using fastqueue::balancing::least_loaded;
using fastqueue::policy::load;
using fastqueue::policy::worker_slot;

TEST_CASE("least_loaded: keeps the laws of balancing", "[balancing]") {
    laws::balancing_laws<least_loaded>();
}

TEST_CASE("least_loaded: picks the least load", "[balancing]") {
    least_loaded policy{0};
    policy.joined(0, 1, 2048);
    policy.joined(1, 1, 512);
    policy.joined(2, 1, 1024);
    CHECK(policy.pick(0) == 1);
    CHECK(policy.pick(0) == 1);  // the fleet tells of a change, or there is none
    policy.load_changed(1, 1536);
    CHECK(policy.pick(0) == 2);
    policy.left(2);
    CHECK(policy.pick(0) == 1);
}

TEST_CASE("least_loaded: spreads work over workers that are equally idle", "[balancing]") {
    least_loaded policy{0};
    for (worker_slot w = 0; w < 5; ++w) policy.joined(w, 1, 0);
    for (int turn = 0; turn < 3; ++turn) {
        std::set<worker_slot> picked;
        for (int i = 0; i < 5; ++i) picked.insert(policy.pick(0));
        CHECK(picked.size() == 5);
    }
}

TEST_CASE("least_loaded: who was full for a moment does not come first again", "[balancing]") {
    least_loaded policy{0};
    policy.joined(0, 1, 0);
    policy.joined(1, 1, 0);
    auto const first = policy.pick(0);
    policy.left(first);
    policy.joined(first, 1, 0);
    CHECK(policy.pick(0) == 1 - first);
    CHECK(policy.pick(0) == first);
}

TEST_CASE("least_loaded: a weight of two carries twice the load", "[balancing]") {
    least_loaded policy{0};
    load loads[2] = {0, 0};
    policy.joined(0, 2, 0);
    policy.joined(1, 1, 0);
    for (int i = 0; i < 300; ++i) {
        auto const w = policy.pick(0);
        loads[w] += 1024;
        policy.load_changed(w, loads[w]);
    }
    CHECK(loads[0] == 200 * 1024);
    CHECK(loads[1] == 100 * 1024);
}

TEST_CASE("least_loaded: a million picks among ten thousand workers agree with a look at all of them",
          "[balancing]") {
    // A pick that looked at all would take 10^10 steps, and the test program's time limit would end it.
    constexpr worker_slot workers = 10'000;
    std::uint64_t const seed = 11;
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    least_loaded policy{seed};
    std::vector<load> loads(workers, 0);
    std::multiset<load> all;
    for (worker_slot w = 0; w < workers; ++w) {
        loads[w] = static_cast<load>(random() % 1'000'000);
        policy.joined(w, 1, loads[w]);
        all.insert(loads[w]);
    }
    std::uint64_t wrong = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        auto const w = policy.pick(0);
        if (loads[w] != *all.begin()) ++wrong;
        all.erase(all.begin());
        loads[w] = static_cast<load>(random() % 1'000'000);
        policy.load_changed(w, loads[w]);
        all.insert(loads[w]);
    }
    CHECK(wrong == 0);
}
