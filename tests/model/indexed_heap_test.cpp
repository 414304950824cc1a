#include <fastqueue/model/indexed_heap.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>

using fastqueue::indexed_heap;

TEST_CASE("indexed_heap: agrees with a multimap under random calls", "[model]") {
    auto const seed = GENERATE(take(5, random<std::uint64_t>(0, ~0ULL >> 1U)));
    auto const slots = GENERATE(1U, 3U, 40U, 1000U);
    CAPTURE(seed, slots);
    std::mt19937_64 random{seed};
    indexed_heap<std::uint64_t> heap;
    std::multimap<std::uint64_t, std::uint32_t> by_key;
    std::map<std::uint32_t, std::uint64_t> by_slot;
    auto const forget = [&](std::uint32_t s) {
        auto const [first, last] = by_key.equal_range(by_slot[s]);
        for (auto at = first; at != last; ++at) {
            if (at->second == s) {
                by_key.erase(at);
                break;
            }
        }
        by_slot.erase(s);
    };
    for (int call = 0; call < 5000; ++call) {
        auto const s = static_cast<std::uint32_t>(random() % slots);
        auto const choice = random() % 4;
        if (choice < 2) {
            if (by_slot.contains(s)) forget(s);
            auto const key = random() % 100;
            heap.set(s, key);
            by_key.emplace(key, s);
            by_slot[s] = key;
        } else if (choice == 2) {
            if (by_slot.contains(s)) forget(s);
            heap.erase(s);
        } else if (!heap.empty()) {
            auto const top = heap.top();
            REQUIRE(by_slot.at(top) == heap.top_key());
            forget(top);
            heap.erase(top);
        }
        REQUIRE(heap.size() == by_key.size());
        REQUIRE(heap.empty() == by_key.empty());
        REQUIRE(heap.contains(s) == by_slot.contains(s));
        if (heap.contains(s)) REQUIRE(heap.key(s) == by_slot[s]);
        if (!heap.empty()) REQUIRE(heap.top_key() == by_key.begin()->first);
    }
}

TEST_CASE("indexed_heap: orders as it is told, and keeps keys that only move", "[model]") {
    indexed_heap<int, std::greater<>> largest;
    for (std::uint32_t s = 0; s < 5; ++s) largest.set(s, static_cast<int>(s));
    CHECK(largest.top() == 4);

    struct less {
        bool operator()(std::unique_ptr<int> const& a, std::unique_ptr<int> const& b) const {
            return *a < *b;
        }
    };
    indexed_heap<std::unique_ptr<int>, less> heap;
    for (int i = 0; i < 10; ++i) heap.set(static_cast<std::uint32_t>(i), std::make_unique<int>(i * 7 % 10));
    for (int expected = 0; expected < 10; ++expected) {
        REQUIRE(*heap.top_key() == expected);
        heap.erase(heap.top());
    }
}

TEST_CASE("indexed_heap: a slot that is not in can be taken out, and nothing happens", "[model]") {
    indexed_heap<int> heap;
    heap.erase(5);
    heap.set(2, 1);
    heap.erase(0);
    heap.erase(9);
    CHECK(heap.size() == 1);
    heap.clear();
    CHECK(heap.empty());
    CHECK_FALSE(heap.contains(2));
    heap.set(2, 3);
    CHECK(heap.top() == 2);
}
