#pragma once

#include <fastqueue/policy/store.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>

namespace laws {

/// What must hold for every store: writes are numbered one by one, commits never go back or beyond what was
/// written, and a `put` that found its id taken is told once, at its commit.
/// \param make    makes an empty store, as a unique_ptr
/// \param settle  called with the store after each flush until `poll` shows all as committed; a store with a
///                thread of its own waits there, a little at a time
/// \param keeps   whether the store keeps tasks, and so must know an id again
template <class Make, class Settle>
void store_laws(Make make, Settle settle, bool keeps) {
    namespace fq = fastqueue;
    auto const seed = GENERATE(take(5, random<std::uint64_t>(0, ~0ULL >> 1U)));
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto const store = make();
    REQUIRE_FALSE(store->epoch().empty());
    store->attach([] {});

    fq::policy::store_sequence written = 0;
    fq::policy::store_news news;
    store->poll(news);
    auto before = news.committed;
    auto const first = before;
    written = before;
    std::map<fq::task_id, int> lost;  // puts that must be told as taken
    std::set<fq::task_id> known;

    for (int turn = 0; turn < 100; ++turn) {
        for (auto calls = random() % 20; calls > 0; --calls) {
            auto const id = fq::uuid::make_v7(fq::wall_instant{}, 0, random() % 50);
            fq::policy::store_sequence n = 0;
            switch (random() % 5) {
                case 0: {
                    fq::policy::task_record task{};
                    task.id = id;
                    task.name = "add";
                    task.content = "json";
                    task.arguments = "[5,3]";
                    task.fingerprint = id.hash(0);
                    n = store->put(task);
                    if (!known.insert(id).second) ++lost[id];
                    break;
                }
                case 1:
                    n = store->claim(id, 1);
                    break;
                case 2:
                    n = store->requeue(id, 1);
                    break;
                case 3: {
                    fq::policy::result_record result{};
                    result.id = id;
                    result.value = "8";
                    n = store->finish(result);
                    break;
                }
                default:
                    n = store->forget(id);
            }
            REQUIRE(n == written + 1);
            written = n;
        }
        store->flush();
        for (int tries = 0; tries < 10'000; ++tries) {
            store->poll(news);
            REQUIRE_FALSE(news.failure.has_value());
            REQUIRE(news.committed >= before);
            REQUIRE(news.committed <= written);
            before = news.committed;
            for (auto const& taken : news.existing) {
                REQUIRE(--lost[taken.id] >= 0);
                CHECK(taken.fingerprint == taken.id.hash(0));
            }
            if (before == written) break;
            settle(*store);
        }
        REQUIRE(before == written);
    }
    CHECK(written > first);
    for (auto const& [id, count] : lost) {
        CAPTURE(id.text());
        if (keeps) CHECK(count == 0);
    }
}

}  // namespace laws
