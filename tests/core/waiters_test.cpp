#include <fastqueue/core/waiters.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <random>
#include <set>
#include <vector>

namespace fq = fastqueue;
using namespace fastqueue::core;

TEST_CASE("waiters: each is in its task's list and its peer's, and leaves both", "[core]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    slab<task> tasks;
    peer_table peers;
    waiter_pool pool{tasks, peers};
    std::vector<std::uint32_t> t;
    std::vector<std::uint32_t> p;
    for (std::uint64_t i = 0; i < 5; ++i) {
        t.push_back(tasks.take());
        p.push_back(peers.add(static_cast<fq::peer_id>(i + 1), port_role::normal, {}));
    }
    std::set<std::uint32_t> model;
    for (int i = 0; i < 3000; ++i) {
        if (model.empty() || random() % 2 == 0) {
            model.insert(pool.add(p[random() % 5], t[random() % 5], wait_kind::wait));
        } else {
            auto at = model.begin();
            std::advance(at, static_cast<std::ptrdiff_t>(random() % model.size()));
            pool.remove(*at);
            model.erase(at);
        }
        std::set<std::uint32_t> by_task;
        std::set<std::uint32_t> by_peer;
        for (auto const slot : t) {
            for (auto w = tasks[slot].waiters; w != none; w = pool[w].task_next)
                CHECK(by_task.insert(w).second);
        }
        for (auto const slot : p) {
            std::uint32_t count = 0;
            for (auto w = peers[slot].waiters; w != none; w = pool[w].peer_next, ++count)
                CHECK(by_peer.insert(w).second);
            CHECK(peers[slot].outstanding == count);
        }
        REQUIRE(by_task == model);
        REQUIRE(by_peer == model);
    }
}
