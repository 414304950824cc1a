#include <fastqueue/store/sqlite.hpp>

#include "laws/store_laws.hpp"
#include "store/sqlite_fixture.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace sqlite_test;

namespace {

/// A store that crashes by having its files copied away under its hands.
struct file_world {
    using store = sqlite;
    std::unique_ptr<sqlite> open() const { return std::make_unique<sqlite>(path); }
    static void settle(sqlite&) { std::this_thread::sleep_for(500us); }
    void crash(std::unique_ptr<sqlite> s) {
        auto const copy = in / ("crash" + std::to_string(++crashes));
        copy_store(path, copy);
        s.reset();
        path = copy;
    }
    static void close(std::unique_ptr<sqlite> s) { s.reset(); }

    folder in;
    fs::path path = in / "q.db";
    int crashes = 0;
};

}  // namespace

TEST_CASE("sqlite: keeps the laws of stores", "[store]") {
    folder const in;
    int made = 0;
    laws::store_laws([&] { return std::make_unique<sqlite>(in / std::to_string(++made)); },
                     [](sqlite&) { std::this_thread::sleep_for(500us); });
}

TEST_CASE("sqlite: keeps the laws of durable stores", "[store]") {
    laws::durable_store_laws([] { return std::make_unique<file_world>(); }, 60);
}

TEST_CASE("sqlite: a write that nobody waits for goes with the next that somebody waits for", "[store]") {
    folder const in;
    sqlite store{in / "q.db", {.linger = 1h}};
    store.put(task(1));
    store.flush(0);
    fq::policy::store_news news;
    store.poll(news);
    CHECK(news.committed == 0);
    store.finish(result(1));
    store.flush(2);
    poll_until(store, [](auto const& n) {
        REQUIRE(n.committed != 1);
        return n.committed == 2;
    });
}

TEST_CASE("sqlite: a write that nobody waits for is committed all the same", "[store]") {
    folder const in;
    sqlite store{in / "q.db"};
    store.put(task(1));
    store.flush(0);
    poll_until(store, [](auto const& n) { return n.committed == 1; });
}

TEST_CASE("sqlite: to wait for what was flushed before begins its commit", "[store]") {
    folder const in;
    sqlite store{in / "q.db", {.linger = 1h}};
    store.put(task(1));
    store.flush(0);
    store.flush(1);
    poll_until(store, [](auto const& n) { return n.committed == 1; });
}

TEST_CASE("sqlite: as many writes as a batch holds wait no longer", "[store]") {
    folder const in;
    sqlite_options options{.linger = 1h};
    SECTION("counted") { options.batch_operations = 3; }
    SECTION("weighed") { options.batch_octets = 700; }
    sqlite store{in / "q.db", options};
    for (std::uint64_t n = 1; n <= 3; ++n) {
        store.put(task(n));
        store.flush(0);
    }
    poll_until(store, [](auto const& n) { return n.committed == 3; });
}

TEST_CASE("sqlite: calls its owner when there is news, and once until it asks", "[store]") {
    folder const in;
    std::atomic<int> woken = 0;
    sqlite store{in / "q.db"};
    store.attach([&] { ++woken; });
    auto const await = [&](int n) {
        for (int i = 0; i < 30'000 && woken < n; ++i) std::this_thread::sleep_for(1ms);
        CHECK(woken == n);
    };
    store.put(task(1));
    store.flush(1);
    await(1);
    store.put(task(2));
    store.flush(2);
    std::this_thread::sleep_for(20ms);  // long enough for a second call, were there one
    CHECK(woken == 1);
    fq::policy::store_news news;
    poll_until(store, [](auto const& n) { return n.committed == 2; });
    auto const before = woken.load();
    store.put(task(3));
    store.flush(3);
    await(before + 1);
    store.poll(news);
    CHECK(news.committed == 3);
}

TEST_CASE("sqlite: arguments come in order with the writes, committed or not", "[store]") {
    folder const in;
    sqlite store{in / "q.db", {.linger = 1h}};
    store.put(task(1, "[1]"));
    store.fetch(1);
    store.fetch(9);
    store.finish(result(1));
    store.fetch(1);
    store.flush(0);
    auto const news = poll_until(store, [](auto const& n) { return n.fetched.size() == 3; });
    CHECK(news.fetched[0].number == 1);
    CHECK(news.fetched[0].arguments == "[1]");
    CHECK(news.fetched[1].number == 9);
    CHECK(news.fetched[1].arguments.empty());
    CHECK(news.fetched[2].arguments.empty());
}

TEST_CASE("sqlite: what was appended is committed at the end, flushed or not", "[store]") {
    folder const in;
    { sqlite{in / "q.db"}.put(task(1)); }
    sqlite store{in / "q.db"};
    CHECK(restored(store).lines.size() == 1);
}

TEST_CASE("sqlite: its log is gone once it is closed", "[store]") {
    folder const in;
    {
        sqlite store{in / "q.db"};
        store.put(task(1));
        commit(store, 1);
        CHECK(fs::exists(in / "q.db-wal"));
    }
    CHECK_FALSE(fs::exists(in / "q.db-wal"));
}

TEST_CASE("sqlite: arguments stay in the store once those that were told fill the budget", "[store]") {
    folder const in;
    {
        sqlite store{in / "q.db"};
        for (std::uint64_t n = 1; n <= 4; ++n) store.put(task(n, n == 3 ? "" : "0123456789"));
    }
    for (auto const& [budget, told] : {std::pair{0, 0}, {9, 0}, {10, 10}, {19, 10}, {20, 20}, {30, 30}}) {
        sqlite store{in / "q.db"};
        auto const kept = restored(store, static_cast<std::uint64_t>(budget));
        CHECK(kept.lines.size() == 4);
        CHECK(kept.arguments == static_cast<std::uint64_t>(told));
        CHECK(kept.lefts == static_cast<std::uint64_t>(3 - told / 10));
        store.fetch(4);
        store.flush(0);
        CHECK(poll_until(store, [](auto const& n) { return !n.fetched.empty(); }).fetched[0].arguments ==
              "0123456789");
    }
}

TEST_CASE("sqlite: the first end stands, whichever transactions the others come with", "[store]") {
    folder const in;
    laws::store_model model;
    auto const both = [&](sqlite& store, laws::write_call const& call) {
        model.apply(call);
        return send(store, call);
    };
    for (bool const together : {true, false}) {
        sqlite store{in / (together ? "together.db" : "apart.db"), {.linger = 1h}};
        model = {};
        fq::policy::store_sequence n = both(store, task(1));
        for (auto const& call : std::initializer_list<laws::write_call>{
                 laws::claim_call{1, 1}, result(1, "first"), laws::claim_call{1, 2}, result(1, "second"),
                 fq::policy::attempt_record{1, task(1).id, 3, 1, 0, 0, "late"}}) {
            if (!together) commit(store, n);
            n = both(store, call);
        }
        commit(store, n);
    }
    for (auto const* const name : {"together.db", "apart.db"}) {
        sqlite store{in / name};
        CHECK(restored(store) == model.told(~0ULL));
    }
}

TEST_CASE("sqlite: ends are told in the order in which they came, over several openings", "[store]") {
    folder const in;
    std::uint64_t const order[] = {3, 1, 4, 2};
    {
        sqlite store{in / "q.db"};
        for (std::uint64_t n = 1; n <= 4; ++n) store.put(task(n));
    }
    for (auto const n : order) {
        sqlite store{in / "q.db"};
        restored(store);
        store.finish(result(n));
    }
    struct : fq::policy::restore_sink {
        std::vector<std::uint64_t> numbers;
        void task(fq::policy::stored_task const&) override { FAIL("all have ended"); }
        void end(fq::policy::stored_end const& e) override { numbers.push_back(e.task.number); }
        void member(std::string_view) override {}
    } ends;
    sqlite store{in / "q.db"};
    store.restore(ends, 0);
    CHECK(ends.numbers == std::vector<std::uint64_t>(std::begin(order), std::end(order)));
}

TEST_CASE("sqlite: fault 95: tasks are in the order of their numbers, whatever the clock did", "[store]") {
    folder const in;
    std::uint64_t clock = 1'000'000'000;
    laws::image expected;
    for (std::uint64_t n = 1; n <= 3; ++n) {
        sqlite store{in / "q.db"};
        restored(store);
        auto t = task(n);
        t.submitted_us = clock -= 1'000'000;
        store.put(t);
        fq::policy::stored_task stored{t, t.arguments.size(), false, {n, t.id, 0, 0, 0, 0, {}}, 0};
        expected.task(stored);
    }
    sqlite store{in / "q.db"};
    CHECK(restored(store) == expected);
}

TEST_CASE("sqlite: fault 94: 200,000 queued tasks come back in order", "[store]") {
    folder const in;
    constexpr std::uint64_t count = 200'000;
    {
        sqlite store{in / "q.db"};
        for (std::uint64_t n = 1; n <= count; ++n) {
            store.put(task(n));
            if (n % 4096 == 0) store.flush(n);
        }
    }
    struct : fq::policy::restore_sink {
        std::uint64_t last = 0;
        bool ordered = true;
        void task(fq::policy::stored_task const& t) override { ordered = ordered && t.task.number == ++last; }
        void end(fq::policy::stored_end const&) override { ordered = false; }
        void member(std::string_view) override { ordered = false; }
    } sink;
    sqlite store{in / "q.db"};
    store.restore(sink, ~0ULL);
    CHECK(sink.ordered);
    CHECK(sink.last == count);
}

TEST_CASE("sqlite: a backup made while tasks come in is a store that ends somewhere between", "[store]") {
    folder const in;
    std::string const large(3000, 'x');
    std::uint64_t number = 0;
    std::uint64_t before = 0;
    fq::uuid epoch;
    {
        sqlite store{in / "q.db"};
        epoch = store.epoch();
        for (; number < 2000; store.put(task(number, large))) ++number;
        commit(store, number);
        before = number;
        store.backup((in / "copy.db").string());
        std::vector<fq::policy::backup_done> done;
        fq::policy::store_news news;
        while (done.empty()) {
            for (int i = 0; i < 10; ++i) store.put(task(++number, large));
            store.flush(number);
            poll_until(store, [&](auto const& n) {
                done = n.backups;
                return n.committed == number;
            });
            REQUIRE(number < 100'000);
        }
        REQUIRE(done.size() == 1);
        CHECK(done[0].path == (in / "copy.db").string());
        CHECK(done[0].failure.empty());
    }
    sqlite copy{in / "copy.db"};
    CHECK(copy.epoch() == epoch);
    auto const kept = restored(copy);
    CHECK(kept.lines.size() >= before);
    CHECK(kept.lines.size() <= number);
    laws::image expected;
    for (std::uint64_t n = 1; n <= kept.lines.size(); ++n)
        expected.task({task(n, large), large.size(), false, {n, task(n).id, 0, 0, 0, 0, {}}, 0});
    CHECK(kept == expected);
    CHECK_FALSE(fs::exists(in / "copy.db.partial"));
}

TEST_CASE("sqlite: a backup is refused where there is a file, or no directory; the store goes on",
          "[store]") {
    folder const in;
    write_file(in / "mine", "precious");
    sqlite store{in / "q.db"};
    store.put(task(1));
    for (auto const* const name : {"mine", "no/copy", "good"}) store.backup((in / name).string());
    store.flush(0);
    auto const news = poll_until(store, [](auto const& n) { return n.backups.size() == 3; });
    CHECK(news.backups[0].failure.find("there is such a file already") != std::string::npos);
    CHECK(news.backups[1].failure.find("No such file") != std::string::npos);
    CHECK(news.backups[2].failure.empty());
    CHECK(news.committed == 1);
    CHECK_FALSE(news.failure.has_value());
    CHECK(read_file(in / "mine") == "precious");
    CHECK(fs::exists(in / "good"));
}

TEST_CASE("sqlite: too much that waits to be written is told, until it is written", "[store]") {
    folder const in;
    sqlite store{in / "q.db", {.linger = 1h, .max_pending_octets = 5000}};
    std::string const large(2000, 'x');
    fq::policy::store_news news;
    for (std::uint64_t n = 1; n <= 3; ++n) {
        store.poll(news);
        CHECK_FALSE(news.full.has_value());
        store.put(task(n, large));
        store.flush(0);
    }
    store.poll(news);
    REQUIRE(news.full.has_value());
    CHECK(news.full->find("too slow") != std::string::npos);
    store.flush(3);
    poll_until(store, [](auto const& n) { return n.committed == 3 && !n.full; });
}
