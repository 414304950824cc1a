#include <fastqueue/testing/simulated_store.hpp>

#include "laws/store_laws.hpp"
#include "support/catch.hpp"

#include <memory>

using fastqueue::testing::durable_disk;
using fastqueue::testing::simulated_store;

namespace {

struct simulated_world {
    using store = simulated_store;
    std::unique_ptr<store> open() const { return std::make_unique<store>(disk); }
    static void settle(store& s) { s.commit_up_to(s.committed() + 3); }
    static void crash(std::unique_ptr<store> s) { s.reset(); }
    static void close(std::unique_ptr<store> s) { s->commit_all(); }

    std::shared_ptr<durable_disk> disk = std::make_shared<durable_disk>();
};

fastqueue::policy::task_record task(std::uint64_t number, std::string_view arguments) {
    fastqueue::policy::task_record record;
    record.number = number;
    record.id = fastqueue::uuid::make_v7({}, 0, number << 8U);
    record.arguments = arguments;
    return record;
}

}  // namespace

TEST_CASE("simulated_store: keeps the laws of stores", "[testing]") {
    laws::store_laws([] { return std::make_unique<simulated_store>(std::make_shared<durable_disk>()); },
                     [](simulated_store& s) { s.commit_up_to(s.committed() + 3); });
}

TEST_CASE("simulated_store: keeps the laws of durable stores", "[testing]") {
    laws::durable_store_laws([] { return std::make_unique<simulated_world>(); }, 200);
}

TEST_CASE("simulated_store: tells up to where somebody waits", "[testing]") {
    simulated_store store{std::make_shared<durable_disk>()};
    store.put(task(1, "[]"));
    CHECK(store.awaited() == 0);
    store.flush(1);
    store.flush(0);
    CHECK(store.awaited() == 1);
    CHECK(store.committed() == 0);
}

TEST_CASE("simulated_store: arguments come at a commit, also of a task that is not older than that",
          "[testing]") {
    simulated_store store{std::make_shared<durable_disk>()};
    fastqueue::policy::store_news news;
    store.put(task(1, "[1]"));
    store.fetch(1);
    store.fetch(7);
    store.flush(0);
    store.poll(news);
    CHECK(news.fetched.empty());
    store.commit_all();
    store.poll(news);
    REQUIRE(news.fetched.size() == 2);
    CHECK(news.fetched[0].number == 1);
    CHECK(news.fetched[0].arguments == "[1]");
    CHECK(news.fetched[1].arguments.empty());
    store.poll(news);
    CHECK(news.fetched.empty());
}

TEST_CASE("simulated_store: full and no longer full are news", "[testing]") {
    simulated_store store{std::make_shared<durable_disk>()};
    int woken = 0;
    store.attach([&] { ++woken; });
    fastqueue::policy::store_news news;
    store.set_full("no room");
    store.poll(news);
    CHECK(news.full == "no room");
    store.set_full(std::nullopt);
    store.poll(news);
    CHECK_FALSE(news.full.has_value());
    CHECK(woken == 2);
}

TEST_CASE("simulated_store: a backup is a copy of the disk at that write", "[testing]") {
    simulated_store store{std::make_shared<durable_disk>()};
    store.put(task(1, "[1]"));
    store.backup("copy");
    store.put(task(2, "[2]"));
    store.backup("copy");
    store.flush(0);
    store.commit_all();
    fastqueue::policy::store_news news;
    store.poll(news);
    REQUIRE(news.backups.size() == 2);
    CHECK(news.backups[0].failure.empty());
    CHECK_FALSE(news.backups[1].failure.empty());
    laws::image copied;
    store.backups().at("copy").restore(copied, 100);
    CHECK(copied.lines.size() == 1);
}
