#include <fastqueue/core/slab.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

using fastqueue::core::slab;

TEST_CASE("slab: objects stay where they are, keep their memory, and the last given is the first taken",
          "[core]") {
    slab<std::string, 4> pool;
    auto const a = pool.take();
    auto* const where = &pool[a];
    pool[a].assign(1000, 'x');
    for (int i = 0; i < 100; ++i) static_cast<void>(pool.take());
    CHECK(&pool[a] == where);
    auto const room = pool[a].capacity();
    pool.give(a);
    REQUIRE(pool.take() == a);
    CHECK(pool[a].capacity() == room);
}

TEST_CASE("slab: slots that are taken are all different and dense", "[core]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    slab<int, 16> pool;
    std::vector<std::uint32_t> taken;
    std::set<std::uint32_t> model;
    for (int i = 0; i < 5000; ++i) {
        if (taken.empty() || random() % 3 != 0) {
            auto const slot = pool.take();
            CHECK(model.insert(slot).second);
            taken.push_back(slot);
        } else {
            auto const at = random() % taken.size();
            pool.give(taken[at]);
            model.erase(taken[at]);
            taken[at] = taken.back();
            taken.pop_back();
        }
        CHECK(pool.used() == model.size());
        if (!model.empty()) CHECK(*model.rbegin() < pool.capacity());
    }
    CHECK(pool.capacity() <= 5000 + 16);
}
