#include <fastqueue/core/plane_state.hpp>

#include "core/plane_fixture.hpp"

using namespace plane_test;

namespace {

std::shared_ptr<fq::testing::durable_disk> new_disk() {
    return std::make_shared<fq::testing::durable_disk>(id(4711));
}
/// A worker, and what it was sent when it registered.
struct joined {
    peer_id peer;
    std::vector<reply> first;
};
/// Registers a worker that says what it still runs.
joined worker_with(world& w, std::string const& name, std::uint64_t n, std::string const& runs,
                   std::string const& fields = "concurrency=2") {
    auto const peer = w.connect(port_role::management);
    auto const got = w.ask(peer, "register " + name + " incarnation=" + text(n) + " " + fields,
                           R"({"tasks":["add"],"runs":[)" + runs + "]}");
    return {peer, got};
}
std::string lease(std::uint64_t task, int attempt) {
    return R"([")" + text(task) + R"(",)" + std::to_string(attempt) + "]";
}
std::size_t runs_in(std::vector<reply> const& replies) {
    return static_cast<std::size_t>(
        std::ranges::count_if(replies, [](reply const& r) { return r.line.starts_with("run "); }));
}

}  // namespace

TEST_CASE("restore: fault 11: what was accepted waits again after a restart, in its order", "[core]") {
    auto const disk = new_disk();
    {
        world w{disk};
        auto const c = w.connect(port_role::normal);
        w.ask1(c, "submit " + text(1) + " add priority=low", "[1]");
        w.ask1(c, "submit " + text(2) + " add", "[2]");
        w.ask1(c, "submit " + text(3) + " add priority=critical", "[3]");
    }
    world w{disk};
    CHECK(w.core.state().counters.restored == 3);
    auto const c = w.connect(port_role::normal);
    CHECK(w.ask1(c, "get " + text(2)).line == "result " + text(2) + " queued");
    CHECK(w.ask1(c, "submit " + text(2) + " add", "[2]").line == "accepted " + text(2) + " queued");
    CHECK(w.ask1(c, "submit " + text(2) + " add", "[9]").line == "error " + text(2) + " id_conflict");
    auto const runs = worker_with(w, "w1", 50, "", "concurrency=3").first;
    std::vector<std::string> payloads;
    for (auto const& r : runs) {
        if (r.line.starts_with("run ")) payloads.push_back(r.payload);
    }
    CHECK(payloads == std::vector<std::string>{"[3]", "[2]", "[1]"});
}

TEST_CASE("restore: what a worker still runs is adopted, and given to nobody else", "[core]") {
    auto const disk = new_disk();
    {
        world w{disk};
        auto const worker = worker_with(w, "w1", 50, "").peer;
        auto const c = w.connect(port_role::normal);
        w.ask1(c, "submit " + text(1) + " add", "[1]");
        CHECK(runs_in(w.take(worker)) == 1);
    }
    world w{disk};
    CHECK(runs_in(worker_with(w, "w2", 60, "").first) == 0);  // w1 may have it, and has a moment to say so
    auto const [worker, first] = worker_with(w, "w1", 50, lease(1, 1));
    CHECK(runs_in(first) == 0);
    CHECK(w.core.state().counters.adopted == 1);
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add", "[1]");
    w.ask(worker, "done " + text(1) + " 1 success", "8");
    auto const answers = w.take(c);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].line == "result " + text(1) + " success");
    CHECK(w.core.state().tasks.used() == 0);
}

TEST_CASE("restore: a worker that does not come back is waited for, and no longer than that", "[core]") {
    auto const disk = new_disk();
    {
        world w{disk};
        worker_with(w, "w1", 50, "");
        w.ask1(w.connect(port_role::normal), "submit " + text(1) + " add", "[1]");
        w.ask1(w.connect(port_role::normal), "submit " + text(2) + " add delivery=at_most_once", "[2]");
    }
    world w{disk};
    auto const [other, first] = worker_with(w, "w2", 60, "");
    auto const results = w.connect(port_role::results);
    CHECK(runs_in(first) == 0);
    w.pass(9s);
    CHECK(runs_in(w.take(other)) == 0);
    w.pass(2s);
    auto const runs = w.take(other);
    REQUIRE(runs_in(runs) == 1);
    CHECK(runs.back().line == "run " + text(1) + " 2 add");  // the number of its attempt is not used twice
    auto const once = w.ask1(results, "get " + text(2));
    CHECK(once.line == "result " + text(2) + " failure");
    CHECK(once.field("code") == "worker_lost");
    w.ask(other, "done " + text(1) + " 1 success", "stale");
    CHECK(w.core.state().counters.stale_answers == 1);
}

TEST_CASE("restore: what was given to nobody does not wait for anybody", "[core]") {
    auto const disk = new_disk();
    {
        world w{disk};  // no worker was ever there
        w.ask1(w.connect(port_role::normal), "submit " + text(1) + " add", "[1]");
        w.ask1(w.connect(port_role::normal), "submit " + text(2) + " add delivery=at_most_once", "[2]");
    }
    world w{disk};
    CHECK(runs_in(worker_with(w, "w2", 60, "").first) == 2);
}

TEST_CASE("restore: what was paused is paused after a restart, until it is let go on", "[core]") {
    auto const disk = new_disk();
    {
        world w{disk};
        auto const c = w.connect(port_role::normal);
        w.ask1(c, "submit " + text(1) + " add", "[1]");
        w.ask1(c, "submit " + text(2) + " add priority=low", "[2]");
        auto const o = w.connect(port_role::management);
        w.ask1(o, "pause name=add");
        w.ask1(o, "pause priority=low");
        w.ask1(o, "pause priority=high");
        w.ask1(o, "resume priority=high");
    }
    world w{disk};
    auto const worker = worker_with(w, "w1", 50, "");
    CHECK(runs_in(worker.first) == 0);
    auto const o = w.connect(port_role::management);
    CHECK(w.ask1(o, "resume name=add").payload == R"({"priorities":["low"],"names":[]})");
    auto const runs = w.take(worker.peer);
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].payload == "[1]");
}

TEST_CASE("restore: a pause is answered when it is on the disk", "[core]") {
    world w{new_disk()};
    auto const o = w.connect(port_role::management);
    w.commits = false;
    CHECK(w.ask(o, "pause priority=low").empty());
    w.store.commit_all();
    w.turn();
    CHECK(w.take(o).size() == 1);
}

TEST_CASE("restore: results, ids and ends are there after a restart", "[core]") {
    auto const disk = new_disk();
    {
        world w{disk};
        auto const worker = worker_with(w, "w1", 50, "").peer;
        auto const c = w.connect(port_role::normal);
        w.ask1(c, "submit " + text(1) + " add", "[1]");
        w.ask(worker, "done " + text(1) + " 1 success", "8");
        w.ask1(c, "submit " + text(2) + " add", "[2]");
        w.ask1(c, "submit " + text(3) + " add countdown_ms=60000", "[3]");
        w.ask1(c, "cancel " + text(3));
    }
    world w{disk};
    auto const c = w.connect(port_role::normal);
    auto const kept = w.ask1(c, "get " + text(1));
    CHECK(kept.line == "result " + text(1) + " success");
    CHECK(kept.payload == "8");
    CHECK(kept.field("worker") == "w1");
    CHECK(w.ask1(c, "call " + text(1) + " add", "[1]").payload == "8");
    CHECK(w.ask1(c, "get " + text(3)).line == "result " + text(3) + " cancelled");
}

TEST_CASE("restore: a countdown and a retry go on where they were", "[core]") {
    auto const disk = new_disk();
    {
        world w{disk};
        auto const worker = worker_with(w, "w1", 50, "").peer;
        auto const c = w.connect(port_role::normal);
        w.ask1(c, "submit " + text(1) + " add countdown_ms=5000", "[1]");
        w.ask1(c, "submit " + text(2) + " add retries=1 retry_delay_ms=4000 retry_jitter=0", "[2]");
        w.ask(worker, "done " + text(2) + " 1 failure", "no");
    }
    world w{disk};
    auto const worker = worker_with(w, "w1", 51, "").peer;
    w.pass(3s);
    CHECK(runs_in(w.take(worker)) == 0);
    w.pass(3s);
    CHECK(runs_in(w.take(worker)) == 2);
    w.ask(worker, "done " + text(2) + " 2 failure", "no again");
    auto const end = w.ask1(w.connect(port_role::results), "get " + text(2));
    CHECK(end.line == "result " + text(2) + " failure");  // its one retry was counted before the restart
}

TEST_CASE("restore: fault 21: a task that ends its own control plane is set aside, others are not charged",
          "[core]") {
    auto const disk = new_disk();
    for (int life = 0; life < 3; ++life) {
        world w{disk};
        auto const c = w.connect(port_role::normal);
        if (life == 0) {
            w.ask1(c, "submit " + text(1) + " add", "[1]");
            w.ask1(c, "submit " + text(2) + " add", "[2]");
        }
        auto const local = w.connect(port_role::management, false, "", true);
        CAPTURE(life);
        auto const runs = w.ask(
            local, "register here incarnation=" + text(70U + static_cast<unsigned>(life)) + " concurrency=1",
            R"({"tasks":["add"]})");
        REQUIRE(runs_in(runs) == 1);
        CHECK(runs.back().payload == "[1]");
    }  // and there it dies
    world w{disk};
    auto const results = w.connect(port_role::results);
    auto const end = w.ask1(results, "get " + text(1));
    CHECK(end.line == "result " + text(1) + " failure");
    CHECK(end.field("code") == "too_many_deaths");
    CHECK(w.ask1(results, "get " + text(2)).line == "result " + text(2) + " queued");
}

TEST_CASE("restore: arguments over the budget stay in the store, and come when they are needed", "[core]") {
    auto const disk = new_disk();
    auto o = world::usual();
    o.waiting_octets = 10;
    {
        world w{disk, o};
        auto const c = w.connect(port_role::normal);
        for (std::uint64_t n = 1; n <= 4; ++n)
            w.ask1(c, "submit " + text(n) + " add", R"(["argument )" + std::to_string(n) + R"("])");
        CHECK(w.core.state().task_octets <= 10);
    }
    world w{disk, o};
    CHECK(w.core.state().task_octets <= 10);
    auto const [worker, runs] = worker_with(w, "w1", 50, "", "concurrency=4");
    REQUIRE(runs_in(runs) == 4);
    for (std::uint64_t n = 1; n <= 4; ++n) {
        auto const wanted = R"(["argument )" + std::to_string(n) + R"("])";
        CHECK(std::ranges::any_of(runs, [&](reply const& r) { return r.payload == wanted; }));
        w.ask(worker, "done " + text(n) + " 2 success", "1");
    }
    CHECK(w.core.state().tasks.used() == 0);
    CHECK(w.core.state().fetching.empty());
}

TEST_CASE("restore: a full store takes no new task and still takes ends", "[core]") {
    world w{new_disk()};
    auto const worker = worker_with(w, "w1", 50, "").peer;
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add", "[1]");
    w.store.set_full("the disk is full");
    w.turn();
    auto const refused = w.ask1(c, "submit " + text(2) + " add", "[2]");
    CHECK(refused.line == "error " + text(2) + " queue_full");
    CHECK(refused.payload == "the disk is full");
    w.ask(worker, "done " + text(1) + " 1 success", "8");
    CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " success");
    w.store.set_full(std::nullopt);
    w.turn();
    CHECK(w.ask1(c, "submit " + text(2) + " add", "[2]").line == "accepted " + text(2) + " queued");
}

TEST_CASE("dead letters: fault 22: a task that failed is kept with its history, run again and purged",
          "[core]") {
    auto const disk = new_disk();
    {
        world w{disk};
        auto const worker = worker_with(w, "w1", 50, "").peer;
        auto const c = w.connect(port_role::normal);
        w.ask1(c, "submit " + text(1) + " add retries=1 retry_delay_ms=0", "[1]");
        w.ask(worker, "done " + text(1) + " 1 failure", "first");
        w.pass(10ms);
        w.ask(worker, "done " + text(1) + " 2 failure", "second");
        w.ask1(c, "submit " + text(2) + " add", "[2]");
        w.ask(worker, "done " + text(2) + " 1 failure code=bad_arguments final=1", "no such argument");
    }
    world w{disk};
    auto const admin = w.connect(port_role::management);
    auto const list = w.ask1(admin, "dead").payload;
    CHECK(list.find(text(1)) != std::string::npos);
    CHECK(list.find(text(2)) != std::string::npos);
    auto const one = w.ask1(admin, "dead " + text(1)).payload;
    CHECK(one.find("\"first\"") != std::string::npos);
    CHECK(one.find("\"second\"") != std::string::npos);
    CHECK(one.find("\"worker\":\"w1\"") != std::string::npos);
    CHECK(w.ask1(admin, "dead " + text(9)).line == "error " + text(9) + " unknown_task");
    CHECK(w.ask1(admin, "rerun " + text(1) + " as=" + text(5)).line == "rerun " + text(1));
    CHECK(w.ask1(admin, "rerun " + text(1) + " as=" + text(6)).line == "error " + text(1) + " unknown_task");
    CHECK(w.ask1(admin, "purge").payload == R"({"purged":1})");
    CHECK(w.ask1(admin, "dead").payload == "[]");
    auto const runs = worker_with(w, "w1", 51, "").first;
    REQUIRE(runs_in(runs) == 1);
    CHECK(runs.back().line == "run " + text(5) + " 1 add");
    CHECK(runs.back().payload == "[1]");
    // The first one has its end, and that stands.
    CHECK(w.ask1(w.connect(port_role::results), "get " + text(1)).field("code") == "handler_error");
}

TEST_CASE("dead letters: only so many are kept, the oldest leave first", "[core]") {
    auto o = world::usual();
    o.max_dead_letters = 2;
    world w{new_disk(), o};
    auto const worker = worker_with(w, "w1", 50, "").peer;
    auto const c = w.connect(port_role::normal);
    for (std::uint64_t n = 1; n <= 3; ++n) {
        w.ask1(c, "submit " + text(n) + " add", "[1]");
        w.ask(worker, "done " + text(n) + " 1 failure", "no");
    }
    auto const list = w.ask1(w.connect(port_role::management), "dead").payload;
    CHECK(list.find(text(1)) == std::string::npos);
    CHECK(list.find(text(2)) != std::string::npos);
    CHECK(list.find(text(3)) < list.find(text(2)));
}

TEST_CASE("restore: unique keys, tags and trace contexts are there after a restart, and with a dead letter",
          "[core]") {
    auto const disk = new_disk();
    {
        world w{disk};
        auto const c = w.connect(port_role::normal);
        w.ask1(c, "submit " + text(1) + " add unique=k tag.customer=42 traceparent=00-a-b-01", "[1]");
        w.ask1(c, "submit " + text(2) + " add countdown_ms=60000 unique=l", "[2]");
    }
    {
        world w{disk};
        auto const c = w.connect(port_role::normal);
        CHECK(w.ask1(c, "submit " + text(3) + " add unique=k").payload == text(1));
        CHECK(w.ask1(c, "submit " + text(3) + " add unique=l").payload == text(2));
        auto const admin = w.connect(port_role::management);
        CHECK(w.ask1(admin, "tasks tag.customer=42").payload.find(text(1)) != std::string::npos);
        CHECK(w.ask1(admin, "tasks tag.customer=43").payload == "[]");
        auto const worker = worker_with(w, "w1", 50, "");
        auto const run =
            std::ranges::find_if(worker.first, [](reply const& r) { return r.line.starts_with("run "); });
        REQUIRE(run != worker.first.end());
        CHECK(run->field("traceparent") == "00-a-b-01");
        CHECK_FALSE(run->fields.contains("tag.customer"));
        w.done(worker.peer, *run, "failure", "no");
    }
    world w{disk};
    auto const c = w.connect(port_role::normal);
    auto const admin = w.connect(port_role::management);
    CHECK(w.ask1(admin, "dead tag.customer=42").payload.find(R"("tags":{"customer":"42"})") !=
          std::string::npos);
    w.ask1(c, "submit " + text(4) + " add unique=k");
    auto const refused = w.ask1(admin, "rerun " + text(1) + " as=" + text(5));
    CHECK(refused.line == "error " + text(1) + " duplicate");
    CHECK(refused.payload == text(4));
    w.ask1(c, "cancel " + text(4));
    CHECK(w.ask1(admin, "rerun " + text(1) + " as=" + text(5)).line == "rerun " + text(1));
    CHECK(w.ask1(c, "submit " + text(6) + " add unique=k").payload == text(5));
}

TEST_CASE("dead letters: those of a name or a tag are purged, the others stay", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    auto const admin = w.connect(port_role::management);
    auto const worker = w.worker("w1", "concurrency=4", R"("add","sub")");
    w.ask1(c, "submit " + text(1) + " add tag.customer=42");
    w.ask1(c, "submit " + text(2) + " add");
    w.ask1(c, "submit " + text(3) + " sub");
    for (auto const& run : w.take(worker)) w.done(worker, run, "failure", "no");
    CHECK(w.ask1(admin, "purge state=failure").line == "error - bad_request");
    CHECK(w.ask1(admin, "purge tag.customer=42").payload == R"({"purged":1})");
    CHECK(w.ask1(admin, "purge name=sub").payload == R"({"purged":1})");
    CHECK(w.ask1(admin, "purge").payload == R"({"purged":1})");
}

TEST_CASE("dead letters: run again is one only where its arguments have room, and there is no end under way",
          "[core]") {
    auto options = world::usual();
    options.limits.max_task_bytes = 10;
    world w{options};
    auto const c = w.connect(port_role::normal);
    auto const admin = w.connect(port_role::management);
    auto const worker = w.worker("w1");
    w.ask1(c, "submit " + text(1) + " add", "[1, 2, 3]");
    w.done(worker, w.take(worker).at(0), "failure", "no");
    w.ask1(c, "submit " + text(2) + " add", "[1, 2]");
    auto const order = "rerun " + text(1) + " as=" + text(5);
    auto const refused = w.ask1(admin, order);
    CHECK(refused.line == "error " + text(1) + " queue_full");
    CHECK(refused.field("retry_after_ms") == "100");
    w.done(worker, w.take(worker).at(0), "success", "3");
    w.core.stop();
    CHECK(w.ask1(admin, order).line == "error " + text(1) + " shutting_down");
}
