#include <fastqueue/core/slot_list.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <list>
#include <random>
#include <vector>

using namespace fastqueue::core;

namespace {

struct node {
    std::uint64_t sequence = 0;
    std::uint32_t previous = none;
    std::uint32_t next = none;
};
using pool_type = slab<node, 16>;

std::vector<std::uint32_t> walk(pool_type& pool, slot_list const& list) {
    std::vector<std::uint32_t> out;
    for (auto at = list.front(); at != none; at = pool[at].next) out.push_back(at);
    std::vector<std::uint32_t> back;
    for (auto at = list.back(); at != none; at = pool[at].previous) back.push_back(at);
    std::ranges::reverse(back);
    CHECK(back == out);
    CHECK(list.size() == out.size());
    CHECK(list.empty() == out.empty());
    return out;
}

}  // namespace

TEST_CASE("slot_list: does what a std::list does", "[core]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    pool_type pool;
    slot_list list;
    std::list<std::uint32_t> model;
    for (int i = 0; i < 2000; ++i) {
        auto const what = random() % 4;
        if (what == 0) {
            model.push_back(pool.take());
            list.push_back(pool, model.back());
        } else if (what == 1) {
            model.push_front(pool.take());
            list.push_front(pool, model.front());
        } else if (!model.empty()) {
            auto at = model.begin();
            std::advance(at, static_cast<std::ptrdiff_t>(random() % model.size()));
            list.erase(pool, *at);
            pool.give(*at);
            model.erase(at);
        }
        if (i % 50 == 0) CHECK(walk(pool, list) == std::vector<std::uint32_t>{model.begin(), model.end()});
    }
}

TEST_CASE("slot_list: what comes back goes to its place by sequence", "[core]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    pool_type pool;
    slot_list list;
    std::vector<std::uint64_t> sequences(100);
    for (std::size_t i = 0; i < sequences.size(); ++i) sequences[i] = i;
    std::ranges::shuffle(sequences, random);
    for (auto const s : sequences) {
        auto const slot = pool.take();
        pool[slot].sequence = s;
        list.insert_in_order(pool, slot);
    }
    auto const slots = walk(pool, list);
    REQUIRE(slots.size() == 100);
    for (std::size_t i = 0; i < slots.size(); ++i) CHECK(pool[slots[i]].sequence == i);
}
