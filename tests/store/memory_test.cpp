#include <fastqueue/store/memory.hpp>

#include "laws/store_laws.hpp"
#include "support/catch.hpp"

#include <memory>

using fastqueue::store::memory;

TEST_CASE("memory: keeps the laws of stores", "[store]") {
    laws::store_laws([] { return std::make_unique<memory>(); }, [](memory&) {});
}

TEST_CASE("memory: what is written is committed at once, even before a flush", "[store]") {
    memory store;
    fastqueue::policy::store_news news;
    store.poll(news);
    CHECK(news.committed == 0);
    CHECK(store.put({}) == 1);
    CHECK(store.forget(0) == 2);
    store.poll(news);
    CHECK(news.committed == 2);
}

TEST_CASE("memory: each has a life of its own, unless it is told which", "[store]") {
    CHECK(memory{}.epoch() != memory{}.epoch());
    auto const epoch = fastqueue::uuid::make_v4();
    CHECK(memory{epoch}.epoch() == epoch);
}

TEST_CASE("memory: clears news that stood there before", "[store]") {
    memory const store;
    fastqueue::policy::store_news news;
    news.committed = 9;
    news.existing.resize(1);
    news.fetched.resize(1);
    news.backups.resize(1);
    news.full = "disk full";
    news.failure = "disk broken";
    store.poll(news);
    CHECK(news.committed == 0);
    CHECK(news.existing.empty());
    CHECK(news.fetched.empty());
    CHECK(news.backups.empty());
    CHECK_FALSE(news.full.has_value());
    CHECK_FALSE(news.failure.has_value());
}
