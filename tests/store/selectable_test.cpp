#include <fastqueue/store/selectable.hpp>

#include <fastqueue/store/memory.hpp>
#include <fastqueue/testing/simulated_store.hpp>

#include "laws/store_laws.hpp"
#include "support/catch.hpp"

#include <memory>
#include <utility>

using fastqueue::store::memory;
using fastqueue::testing::durable_disk;
using fastqueue::testing::simulated_store;
using either = fastqueue::store::selectable<memory, simulated_store>;

static_assert(fastqueue::policy::durable_store<either>);
static_assert(fastqueue::policy::durable_store<fastqueue::store::selectable<memory>>);

namespace {

struct selected_world {
    using store = either;
    std::unique_ptr<either> open() const {
        return std::make_unique<either>(std::make_unique<simulated_store>(disk));
    }
    static void settle(either& s) { s.get<simulated_store>()->commit_all(); }
    static void crash(std::unique_ptr<either> s) { s.reset(); }
    static void close(std::unique_ptr<either> s) { settle(*s); }

    std::shared_ptr<durable_disk> disk = std::make_shared<durable_disk>();
};

}  // namespace

TEST_CASE("selectable: is the first kind unless another is chosen", "[store]") {
    either store;
    REQUIRE(store.get<memory>() != nullptr);
    CHECK(store.get<simulated_store>() == nullptr);
    CHECK(store.epoch() == store.get<memory>()->epoch());
}

TEST_CASE("selectable: keeps the laws of stores over a volatile one", "[store]") {
    laws::store_laws([] { return std::make_unique<either>(); }, [](either&) {});
}

TEST_CASE("selectable: keeps the laws of durable stores over a durable one", "[store]") {
    laws::durable_store_laws([] { return std::make_unique<selected_world>(); }, 60);
}

TEST_CASE("selectable: over a volatile store it keeps nothing, and does nothing when it is asked to",
          "[store]") {
    either store;
    CHECK_FALSE(store.keeps());
    laws::image kept;
    store.restore(kept, 1000);
    CHECK(kept == laws::image{});
    store.fetch(1);
    store.backup("/nowhere");
    store.flush(0);
    fastqueue::policy::store_news news;
    store.poll(news);
    CHECK(news.fetched.empty());
    CHECK(news.backups.empty());
}

TEST_CASE("selectable: a backup is handed on, and its news come back", "[store]") {
    either store{std::make_unique<simulated_store>(std::make_shared<durable_disk>())};
    CHECK(store.keeps());
    int woken = 0;
    store.attach([&] { ++woken; });
    store.backup("copy");
    store.flush(0);
    store.get<simulated_store>()->commit_all();
    CHECK(woken == 1);
    fastqueue::policy::store_news news;
    store.poll(news);
    REQUIRE(news.backups.size() == 1);
    CHECK(news.backups[0].path == "copy");
    CHECK(news.backups[0].failure.empty());
}
