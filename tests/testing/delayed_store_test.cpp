#include <fastqueue/testing/delayed_store.hpp>

#include "laws/store_laws.hpp"
#include "support/catch.hpp"

#include <memory>

using fastqueue::task_state;
using fastqueue::testing::delayed_store;

namespace {

fastqueue::policy::task_record task(fastqueue::task_id id, std::uint64_t fingerprint = 0) {
    fastqueue::policy::task_record record{};
    static std::uint64_t number = 0;
    record.number = ++number;
    record.id = id;
    record.fingerprint = fingerprint;
    return record;
}

}  // namespace

TEST_CASE("delayed_store: keeps the laws of stores", "[testing]") {
    laws::store_laws([] { return std::make_unique<delayed_store>(); },
                     [](delayed_store& s) { s.commit_up_to(s.committed() + 3); });
}

TEST_CASE("delayed_store: commits as far as it is told, and no further than was flushed", "[testing]") {
    delayed_store store;
    int woken = 0;
    store.attach([&] { ++woken; });
    fastqueue::policy::store_news news;
    for (int i = 0; i < 3; ++i) store.put(task(fastqueue::uuid::make_v4()));
    store.commit_all();
    store.poll(news);
    CHECK(news.committed == 0);
    CHECK(woken == 0);
    store.flush(0);
    store.poll(news);
    CHECK(news.committed == 0);
    store.commit_up_to(2);
    store.poll(news);
    CHECK(news.committed == 2);
    CHECK(woken == 1);
    store.commit_up_to(1);
    store.commit_all();
    store.commit_all();
    store.poll(news);
    CHECK(news.committed == 3);
    CHECK(woken == 2);
}

TEST_CASE("delayed_store: tells of a taken id at the commit of its put, once", "[testing]") {
    delayed_store store;
    auto const id = fastqueue::uuid::make_v4();
    store.hold({id, task_state::success, 77});
    store.put(task(fastqueue::uuid::make_v4()));
    store.put(task(id, 78));
    store.flush(0);
    fastqueue::policy::store_news news;
    store.commit_up_to(1);
    store.poll(news);
    CHECK(news.existing.empty());
    store.commit_up_to(2);
    store.poll(news);
    REQUIRE(news.existing.size() == 1);
    CHECK(news.existing[0].id == id);
    CHECK(news.existing[0].state == task_state::success);
    CHECK(news.existing[0].fingerprint == 77);
    store.poll(news);
    CHECK(news.existing.empty());
}

TEST_CASE("delayed_store: the first end of a task stands, and a forgotten id stays used", "[testing]") {
    delayed_store store;
    auto const id = fastqueue::uuid::make_v4();
    auto const first = task(id);
    store.put(first);
    store.claim(first.number, 1);
    fastqueue::policy::result_record result{};
    result.number = first.number;
    result.id = id;
    result.state = task_state::failure;
    store.finish(result);
    result.state = task_state::success;
    store.finish(result);
    store.forget(first.number);
    store.put(task(id));
    store.flush(0);
    store.commit_all();
    fastqueue::policy::store_news news;
    store.poll(news);
    REQUIRE(news.existing.size() == 1);
    CHECK(news.existing[0].state == task_state::failure);
}

TEST_CASE("delayed_store: after a failure nothing is committed any more", "[testing]") {
    delayed_store store;
    int woken = 0;
    store.attach([&] { ++woken; });
    store.put(task(fastqueue::uuid::make_v4()));
    store.flush(0);
    store.fail("no space left on device");
    CHECK(woken == 1);
    store.commit_all();
    fastqueue::policy::store_news news;
    store.poll(news);
    CHECK(news.committed == 0);
    CHECK(news.failure == "no space left on device");
}
