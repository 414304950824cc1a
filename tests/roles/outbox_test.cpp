#include <fastqueue/embedded.hpp>
#include <fastqueue/sqlite_outbox.hpp>
#include <fastqueue/sqlite_outbox_relay.hpp>

#include "roles/fixture.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace roles;

namespace {

/// The user's own connection.
class shop {
public:
    explicit shop(std::filesystem::path const& file) {
        sqlite3* opened = nullptr;
        REQUIRE(sqlite3_open(file.c_str(), &opened) == SQLITE_OK);
        db_.reset(opened);
        sqlite3_busy_timeout(opened, 10'000);
        run("CREATE TABLE IF NOT EXISTS orders(number INTEGER PRIMARY KEY)");
    }
    void run(char const* sql) {
        REQUIRE(sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    }
    [[nodiscard]] std::uint64_t count(char const* sql) {
        fq::detail::outbox_statement s{db_.get(), sql};
        return s.next() ? s.number() : 0;
    }
    [[nodiscard]] sqlite3* handle() const noexcept { return db_.get(); }

private:
    struct closes {
        void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    };
    std::unique_ptr<sqlite3, closes> db_;
};

/// Counts the runs of each task, by its id.
struct journal {
    std::mutex mutex;
    std::vector<int> order;
    std::map<fq::task_id, int> runs;

    fq::registry tasks() {
        auto r = usual_tasks();
        r.define("note", [this](fq::context& ctx, int x) {
            std::scoped_lock const lock{mutex};
            order.push_back(x);
            ++runs[ctx.id()];
            return x;
        });
        return r;
    }
};
fq::invocation<int> note(int x) { return fq::invoke<int>("note", x); }

}  // namespace

TEST_CASE("outbox: a task is committed with its transaction and handed over, or rolled back with it",
          "[roles]") {
    fq::test::temporary_folder const here;
    shop db{here / "shop.db"};
    fq::sqlite_outbox outbox{db.handle()};
    db.run("BEGIN");
    db.run("INSERT INTO orders VALUES(1)");
    auto const id = outbox.enqueue(add(5, 3).retries(3).at(fq::priority::high));
    CHECK(outbox.waiting() == 1);

    fq::embedded queue{usual_tasks()};
    fq::outbox_relay relay{here / "shop.db", queue};
    CHECK(relay.relay() == 0);  // not committed: the relay sees nothing
    db.run("COMMIT");
    CHECK(relay.relay() == 1);
    CHECK(queue.wait<int>(id, 10s)->value() == 8);
    CHECK(outbox.waiting() == 0);

    db.run("BEGIN");
    db.run("INSERT INTO orders VALUES(2)");
    auto const gone = outbox.enqueue(add(1, 1));
    db.run("ROLLBACK");
    CHECK(relay.relay() == 0);
    CHECK(db.count("SELECT count(*) FROM orders") == 1);
    try {
        static_cast<void>(queue.status(gone));
        FAIL("it is known");
    } catch (fq::error const& e) {
        CHECK(e.code() == fq::make_error_code(fq::errc::unknown_task));
    }
}

TEST_CASE("outbox: a table that was made in a transaction that is rolled back is made again", "[roles]") {
    fq::test::temporary_folder const here;
    shop db{here / "shop.db"};
    db.run("BEGIN");
    fq::sqlite_outbox outbox{db.handle()};
    outbox.enqueue(add(1, 1));
    db.run("ROLLBACK");
    outbox.enqueue(add(2, 2));
    outbox.enqueue(add(3, 3));
    CHECK(outbox.waiting() == 2);
}

TEST_CASE("outbox: tasks keep their order and their options across batches", "[roles]") {
    fq::test::temporary_folder const here;
    shop db{here / "shop.db"};
    fq::sqlite_outbox outbox{db.handle()};
    journal done;
    fq::embedded queue{done.tasks()};
    db.run("BEGIN");
    std::vector<fq::task_id> ids;
    for (int i = 0; i < 500; ++i) ids.push_back(outbox.enqueue(note(i)));
    db.run("COMMIT");
    auto const late = outbox.enqueue(add(1, 2).countdown(1h).key("k").timeout(7s).with_meta());
    auto const expired = outbox.enqueue(add(1, 2).expires_in(1ms));
    std::this_thread::sleep_for(5ms);  // expiry counts from when it was written
    fq::outbox_relay relay{here / "shop.db", queue, {.batch_tasks = 64}};
    CHECK(relay.relay() == 502);
    CHECK(queue.wait_all<int>(ids, 20s).back()->value() == 499);
    std::vector<int> expected(500);
    for (int i = 0; i < 500; ++i) expected[static_cast<std::size_t>(i)] = i;
    CHECK(done.order == expected);
    CHECK(queue.status(late).state == fq::task_state::scheduled);
    CHECK(queue.wait_status(expired, 10s).state == fq::task_state::expired);
}

namespace {

/// A client that is killed after it has handed a batch over and before it could say so.
struct killed {};
struct mortal {
    fq::embedded& queue;
    int lives;
    std::vector<fq::task_id> delay(fq::batch const& tasks) {
        auto ids = queue.delay(tasks);
        if (lives-- == 0) throw killed{};
        return ids;
    }
};

}  // namespace

TEST_CASE("outbox: a relay that dies between handing over and taking out makes no task twice", "[roles]") {
    fq::test::temporary_folder const here;
    shop db{here / "shop.db"};
    fq::sqlite_outbox outbox{db.handle()};
    journal done;
    fq::embedded queue{done.tasks()};
    std::vector<fq::task_id> ids;
    for (int i = 0; i < 10; ++i) ids.push_back(outbox.enqueue(note(i)));
    mortal client{queue, 1};
    {
        fq::outbox_relay relay{here / "shop.db", client, {.batch_tasks = 4}};
        CHECK_THROWS_AS(relay.relay(), killed);  // in its second batch
    }
    CHECK(outbox.waiting() == 6);
    fq::outbox_relay relay{here / "shop.db", queue};
    CHECK(relay.relay() == 6);
    CHECK(queue.wait_all<int>(ids, 20s).back()->value() == 9);
    REQUIRE(done.runs.size() == 10);
    for (auto const& [id, runs] : done.runs) CHECK(runs == 1);
}

TEST_CASE("outbox: one id is one task, and another task under it is refused at once", "[roles]") {
    fq::test::temporary_folder const here;
    shop db{here / "shop.db"};
    fq::sqlite_outbox outbox{db.handle()};
    auto const id = outbox.enqueue(add(1, 1));
    CHECK(outbox.enqueue(add(1, 1).id(id)) == id);
    CHECK(outbox.waiting() == 1);
    try {
        outbox.enqueue(add(1, 2).id(id));
        FAIL("it was taken");
    } catch (fq::error const& e) {
        CHECK(e.code() == fq::make_error_code(fq::errc::id_conflict));
        CHECK(e.text().find(id.text()) != std::string::npos);
    }
    CHECK(outbox.drop(id));
    CHECK_FALSE(outbox.drop(id));
    CHECK(outbox.waiting() == 0);
}

TEST_CASE("outbox: what the control plane refuses stays with its reason and holds up no other", "[roles]") {
    fq::test::temporary_folder const here;
    shop db{here / "shop.db"};
    fq::sqlite_outbox outbox{db.handle()};
    fq::embedded queue{usual_tasks()};
    CHECK(queue.call(add(1, 1)) == 2);  // so its tasks are known
    auto const first = outbox.enqueue(add(1, 2));
    auto const typo = outbox.enqueue(fq::invoke<int>("addd", 1, 2));
    db.run("INSERT INTO fastqueue_outbox(id, name, arguments) VALUES('me', 'add', '[1, 2]')");
    db.run(
        "INSERT INTO fastqueue_outbox(id, name, arguments, options) "
        "VALUES('018f4c4e-1111-7111-8111-111111111111', 'add', '[1, 2]', 'retries=many')");
    db.run(
        "INSERT INTO fastqueue_outbox(id, name, arguments, options) "  // by a program in another language
        "VALUES('018f4c4e-2222-7222-8222-222222222222', 'add', '[20, 3]', 'priority=low retries=2')");
    db.run(
        "INSERT INTO fastqueue_outbox(id, name, arguments, content) "
        "VALUES('018f4c4e-3333-7333-8333-333333333333', 'add', '[1, 2]', 'json retries=9')");
    auto const last = outbox.enqueue(add(3, 4));
    fq::outbox_relay relay{here / "shop.db", queue};
    CHECK(relay.relay() == 3);
    CHECK(queue.wait<int>(first, 10s)->value() == 3);
    CHECK(queue.wait<int>(last, 10s)->value() == 7);
    CHECK(queue.wait<int>(*fq::uuid::parse("018f4c4e-2222-7222-8222-222222222222"), 10s)->value() == 23);
    auto const refused = outbox.refused();
    REQUIRE(refused.size() == 4);
    CHECK(refused[0].id == typo);
    CHECK(refused[0].reason.find("did you mean add") != std::string::npos);
    CHECK(refused[1].reason == "the id 'me' is not a UUID");
    CHECK(refused[2].reason.find("retries=many") != std::string::npos);
    CHECK(refused[2].refusals == 1);
    CHECK(refused[3].reason.find("json retries=9") != std::string::npos);
    CHECK(relay.relay() == 0);  // not at once again
    CHECK(outbox.refused()[0].refusals == 1);
    db.run("UPDATE fastqueue_outbox SET name = 'add', next_us = 0 WHERE name = 'addd'");  // mended by hand
    CHECK(relay.relay() == 1);
    CHECK(queue.wait<int>(typo, 10s)->value() == 3);
}

TEST_CASE("outbox: a relay on a thread of its own waits for its control plane, and says what it waits for",
          "[roles]") {
    fq::test::temporary_folder const here;
    shop db{here / "shop.db"};
    fq::sqlite_outbox outbox{db.handle()};
    auto first = std::make_unique<plane>();
    auto const ports = first->same_ports();
    fq::client client{{.discovery = first->discovery(), .timeout = 20s, .retries = 0}};
    first.reset();
    auto const id = outbox.enqueue(add(5, 3));
    fq::outbox_relay relay{here / "shop.db", client, {.interval = 5ms, .pause = 20ms}};
    std::thread thread{[&] { relay.run(); }};
    CHECK(comes_true([&] { return relay.trouble().find("nobody answers") != std::string::npos; }));
    CHECK(outbox.waiting() == 1);
    {
        plane second{usual_tasks(), ports};
        CHECK(comes_true([&] { return outbox.waiting() == 0; }));
        CHECK(client.wait<int>(id, 10s)->value() == 8);
        CHECK(comes_true([&] { return relay.trouble().empty(); }));
    }
    relay.stop();
    thread.join();
}

TEST_CASE("outbox: where it cannot write it says which file and why, and the transaction is untouched",
          "[roles]") {
    fq::test::temporary_folder const here;
    shop db{here / "shop.db"};
    fq::sqlite_outbox outbox{db.handle()};
    shop other{here / "shop.db"};
    other.run("BEGIN IMMEDIATE");
    sqlite3_busy_timeout(db.handle(), 0);
    try {
        outbox.enqueue(add(1, 1));
        FAIL("it was written");
    } catch (fq::error const& e) {
        CHECK(e.code() == std::errc::device_or_resource_busy);
        CHECK(e.text().find("shop.db") != std::string::npos);
        CHECK(e.text().find("locked") != std::string::npos);
    }
    other.run("ROLLBACK");
    outbox.enqueue(add(1, 1));
    CHECK(outbox.waiting() == 1);
    fq::embedded queue{usual_tasks()};
    CHECK_THROWS_AS(fq::outbox_relay(here / "no/such/folder.db", queue), fq::error);
}
