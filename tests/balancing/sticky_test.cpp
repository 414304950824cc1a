#include <fastqueue/balancing/sticky.hpp>
#include <fastqueue/model/hash.hpp>

#include "laws/balancing_laws.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <vector>

using fastqueue::balancing::sticky;
using fastqueue::policy::worker_slot;

namespace {

constexpr std::uint64_t keys = 10'000;

std::uint64_t key(std::uint64_t n) { return fastqueue::mix(n + 1, 0x9e3779b97f4a7c15U) | 1U; }

std::vector<worker_slot> homes(sticky& policy) {
    std::vector<worker_slot> found;
    for (std::uint64_t n = 0; n < keys; ++n) found.push_back(policy.pick(key(n)));
    return found;
}
std::ptrdiff_t moved(std::vector<worker_slot> const& before, std::vector<worker_slot> const& after) {
    std::ptrdiff_t count = 0;
    for (std::size_t i = 0; i < before.size(); ++i) count += before[i] != after[i] ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("sticky: keeps the laws of balancing", "[balancing]") { laws::balancing_laws<sticky>(); }

TEST_CASE("sticky: a key stays with its worker whatever the loads, and keys spread evenly", "[balancing]") {
    sticky policy{9};
    for (worker_slot w = 0; w < 10; ++w) policy.joined(w, 1, 0);
    auto const before = homes(policy);
    for (worker_slot w = 0; w < 10; ++w) policy.load_changed(w, w * 5000);
    CHECK(homes(policy) == before);
    for (worker_slot w = 0; w < 10; ++w) CHECK(std::abs(std::ranges::count(before, w) - 1000) < 150);
}

TEST_CASE("sticky: who joins takes its share of the keys and moves no others", "[balancing]") {
    sticky policy{9};
    for (worker_slot w = 0; w < 9; ++w) policy.joined(w, 1, 0);
    auto const before = homes(policy);
    policy.joined(9, 1, 0);
    auto const after = homes(policy);
    CHECK(moved(before, after) == std::ranges::count(after, worker_slot{9}));
    CHECK(std::abs(moved(before, after) - 1000) < 150);
}

TEST_CASE("sticky: while a worker is full its keys have second homes, and come back", "[balancing]") {
    sticky policy{9};
    for (worker_slot w = 0; w < 10; ++w) policy.joined(w, 1, 0);
    auto const before = homes(policy);
    policy.left(4);
    auto const meanwhile = homes(policy);
    CHECK(meanwhile == homes(policy));
    CHECK(moved(before, meanwhile) == std::ranges::count(before, worker_slot{4}));
    CHECK(std::set(meanwhile.begin(), meanwhile.end()).size() == 9);
    policy.joined(4, 1, 0);
    CHECK(homes(policy) == before);
}

TEST_CASE("sticky: tasks without a key go to the least loaded", "[balancing]") {
    sticky policy{9};
    for (worker_slot w = 0; w < 3; ++w) policy.joined(w, 1, w == 1 ? 0 : 1024);
    CHECK(policy.pick(0) == 1);
}

TEST_CASE("sticky: workers with few numbers among many that never were here are found", "[balancing]") {
    sticky policy{9};
    for (worker_slot w = 1200; w < 1220; ++w) policy.joined(w, 1, 0);
    auto const before = homes(policy);
    for (worker_slot w = 1200; w < 1220; ++w) policy.load_changed(w, w * 100);
    CHECK(homes(policy) == before);
    CHECK(std::set(before.begin(), before.end()).size() == 20);
}

TEST_CASE("sticky: where nearly all are full, anybody does", "[balancing]") {
    sticky policy{9};
    for (worker_slot w = 0; w < 1000; ++w) policy.joined(w, 1, 0);
    for (worker_slot w = 0; w < 999; ++w) policy.left(w);
    for (std::uint64_t n = 0; n < 100; ++n) REQUIRE(policy.pick(key(n)) == 999);
}
