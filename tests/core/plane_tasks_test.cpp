#include <fastqueue/core/task_life.hpp>

#include "core/plane_fixture.hpp"

using namespace plane_test;

namespace {

std::uint64_t us(fq::wall_instant t) { return fq::to_epoch_us(t); }

}  // namespace

TEST_CASE("plane: a countdown holds a task until it is over, to the microsecond", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add countdown_ms=1000");
    w.pass(999'999us);
    CHECK(w.take(worker).empty());
    w.pass(1us);
    CHECK(w.take(worker).size() == 1);
    w.ask1(c, "submit " + text(2) + " add countdown_ms=9007199254740992");  // fault 29: no overflow
    w.pass(1h);
    CHECK(w.ask1(c, "get " + text(2)).line == "result " + text(2) + " scheduled");
}

TEST_CASE("plane: predecessor 5: fault 36: an eta follows the wall clock, and its task runs once", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    auto const at = us(w.now.wall) + 3'600'000'000U;
    w.ask1(c, "submit " + text(1) + " add eta_us=" + std::to_string(at));
    w.ask1(c, "submit " + text(2) + " add eta_us=" + std::to_string(us(w.now.wall) - 1));
    auto runs = w.take(worker);
    REQUIRE(runs.size() == 1);  // in the past: now
    w.done(worker, runs[0], "success");
    auto const live = [&](int beats) {
        for (int i = 0; i < beats; ++i) {
            CHECK(w.ask1(worker, "heartbeat w1 incarnation=" + text(1000)).line == "registered w1");
            w.pass(20s);
        }
    };
    SECTION("half of the time, back and forth") {
        live(90);
        w.now.wall -= 1h;  // back: nothing expires, nothing runs
        live(10);
        CHECK(w.core.state().counters.redelivered == 0);
        CHECK(w.take(worker).empty());
        w.now.wall += 2h;  // forward: within a second it is seen
        w.pass(1s);
        runs = w.take(worker);
        REQUIRE(runs.size() == 1);
        w.now.wall -= 2h;
        w.pass(2s);
        w.done(worker, runs[0], "success");
        w.now.wall += 2h;
        w.pass(2s);
        CHECK(w.take(worker).empty());
    }
    SECTION("to 1970 and to 2040: leases stay") {
        w.now.wall = {};
        w.pass(5s);
        w.now.wall = fq::from_epoch_us(2'240'000'000'000'000);
        w.pass(1s);
        CHECK(w.take(worker).size() == 1);
        CHECK(w.observer.workers == std::vector<std::string>{"w1 joined"});
    }
}

TEST_CASE("plane: what has not begun by its expiry never runs", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add expires_ms=1000");
    w.ask1(c, "submit " + text(2) + " add expires_us=" + std::to_string(us(w.now.wall) + 1'000'000));
    w.ask1(c, "submit " + text(3) + " add expires_ms=1000 countdown_ms=5000");
    w.ask(c, "call " + text(4) + " add expires_ms=0");
    auto const expired = w.take(c);
    w.ask1(c, "submit " + text(5) + " add expires_us=1");
    w.pass(2s);
    auto const worker = w.worker("w1");
    w.pass(10s);
    CHECK(w.take(worker).empty());
    for (std::uint64_t n = 1; n <= 5; ++n) {
        auto const r = w.ask1(c, "get " + text(n));
        CHECK(r.line == "result " + text(n) + " expired");
        CHECK(r.field("code") == "expired");
    }
    CHECK(w.core.state().counters.expired == 5);
}

TEST_CASE(
    "plane: what has begun in time is not touched by its expiry; what only lay at a worker is when it comes "
    "back",
    "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    SECTION("begun") {
        auto const worker = w.worker("w1");
        w.ask1(c, "submit " + text(1) + " add expires_ms=1000 retries=1");
        auto run = w.take(worker).at(0);
        w.pass(2s);
        w.done(worker, run, "failure");
        w.pass(2s);
        run = w.take(worker).at(0);
        w.done(worker, run, "success");
        CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " success");
    }
    SECTION("returned after it expired") {
        auto const worker = w.worker("w1", "concurrency=1 window=2");
        w.ask1(c, "submit " + text(1) + " add expires_ms=1000");
        auto const run = w.take(worker).at(0);
        w.pass(2s);
        CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " assigned");
        w.done(worker, run, "returned");
        CHECK(w.take(worker).empty());
        CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " expired");
    }
    SECTION("returned before it expired") {
        auto const worker = w.worker("w1", "concurrency=1 window=2");
        w.ask1(c, "submit " + text(1) + " add expires_ms=1000");
        w.done(worker, w.take(worker).at(0), "returned");
        CHECK(w.take(worker).empty());  // nobody asked for it back: the worker is let alone for a moment
        w.pass(100ms);
        CHECK(w.take(worker).at(0).line == "run " + text(1) + " 2 add");
        w.pass(2s);
        CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " assigned");
    }
}

TEST_CASE("plane: fault 22: a failure is tried again after a growing, capped delay", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) +
                 " add retries=4 retry_delay_ms=100 retry_backoff=3 retry_max_ms=500 retry_jitter=0");
    std::vector<std::chrono::milliseconds> const waits{100ms, 300ms, 500ms, 500ms};
    std::uint32_t attempt = 1;
    for (auto const wait : waits) {
        auto const run = w.take(worker).at(0);
        CHECK(run.line == "run " + text(1) + ' ' + std::to_string(attempt++) + " add");
        w.done(worker, run, "failure", "no " + std::to_string(attempt));
        w.pass(wait - 1us);
        CHECK(w.take(worker).empty());
        w.pass(1us);
    }
    w.done(worker, w.take(worker).at(0), "failure", "last");
    auto const end = w.take(c).at(0);
    CHECK(end.line == "result " + text(1) + " failure");
    CHECK(end.payload == "last");
    CHECK(w.core.state().counters.retried == 4);
}

TEST_CASE("plane: jitter takes a part of each wait, and no more than was allowed", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    std::vector<std::int64_t> waits;
    for (std::uint64_t n = 1; n <= 40; ++n) {
        w.ask1(c, "submit " + text(n) + " add retries=1 retry_delay_ms=1000 retry_jitter=0.5");
        w.done(worker, w.take(worker).at(0), "failure");
        auto const from = w.now.steady;
        auto const due = w.core.next_deadline();
        waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(due - from).count());
        w.ask1(c, "cancel " + text(n));
        w.ask(worker, "heartbeat w1 incarnation=" + text(1000));
        w.take(worker);
    }
    auto const [least, most] = std::ranges::minmax(waits);
    CHECK(least >= 500);
    CHECK(most <= 1000);
    CHECK(most - least > 100);
}

TEST_CASE("plane: a delay of 0 stays 0, however often and however steep", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add retries=1000 retry_delay_ms=0 retry_backoff=100");
    for (int i = 0; i <= 1000; ++i) {
        w.turn();
        auto const runs = w.take(worker);
        REQUIRE(runs.size() == 1);
        w.done(worker, runs[0], "failure");
        w.turn();
    }
    CHECK(w.take(c).at(0).line == "result " + text(1) + " failure");
}

TEST_CASE("plane: retry_after_ms overrides the delay; final and other codes end the task", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add retries=9");
    w.done(worker, w.take(worker).at(0), "failure retry_after_ms=50");
    w.pass(50ms);
    w.done(worker, w.take(worker).at(0), "failure final=1", "enough");
    CHECK(w.take(c).at(0).payload == "enough");
    std::uint64_t n = 2;
    for (auto const* code : {"bad_arguments", "unsupported_content", "too_large"}) {
        w.ask(c, "call " + text(n) + " add retries=9");
        w.done(worker, w.take(worker).at(0), std::string{"failure code="} + code);
        auto const r = w.take(c).at(0);
        CHECK(r.line == "result " + text(n) + " failure");
        CHECK(r.field("code") == code);
        ++n;
    }
    w.ask(c, "call " + text(n) + " add retries=1");
    w.done(worker, w.take(worker).at(0), "failure code=timeout");
    CHECK(w.take(c).empty());  // a timeout is tried again
}

TEST_CASE(
    "plane: fault 9: the plane ends an attempt a second after its limit; the slot stays taken until its done",
    "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add timeout_ms=2000 soft_timeout_ms=1500");
    w.ask1(c, "submit " + text(2) + " add");
    auto const run = w.take(worker).at(0);
    CHECK(run.field("timeout_ms") == "2000");
    CHECK(run.field("soft_timeout_ms") == "1500");
    w.pass(2'999'999us);
    CHECK(w.take(c).empty());
    w.pass(1us);
    auto const end = w.take(c).at(0);
    CHECK(end.line == "result " + text(1) + " failure");
    CHECK(end.field("code") == "timeout");
    auto sent = w.take(worker);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].line == "cancel " + text(1) + " 1");  // and not the next run
    w.done(worker, run, "success", "too late");
    CHECK(w.core.state().counters.stale_answers == 1);
    sent = w.take(worker);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].line == "run " + text(2) + " 1 add");
    CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " failure");
}

TEST_CASE("plane: a worker that comes back still running what went over its limit keeps its slot taken",
          "[core]") {
    world w;
    auto const management = w.connect(port_role::management);
    auto const fields = "concurrency=1 address=tcp://127.0.0.1:5561";
    w.ask(management, world::registration("w1", 1000, fields), world::document(R"("add")"));
    auto const links = w.accept_dials();
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add timeout_ms=1000");
    w.ask1(c, "submit " + text(2) + " add");
    auto const run = w.take(links[2]).at(1);
    REQUIRE(run.line == "run " + text(1) + " 1 add");
    w.pass(2s);
    CHECK(w.take(c).at(0).field("code") == "timeout");
    auto const again =
        w.connect(port_role::management);  // its management connection had broken: that means nothing
    auto const runs = "[\"" + text(1) + "\",1]";
    auto const answer =
        w.ask1(again, world::registration("w1", 1000, fields), world::document(R"("add")", runs));
    CHECK(answer.payload.find(text(1)) ==
          std::string::npos);  // not to be dropped, or its slot would never be freed
    w.take(links[2]);
    w.say(links[0], "done " + text(1) + " 1 failure");
    w.turn();
    CHECK(w.take(links[2]).at(0).line == "run " + text(2) + " 1 add");
}

TEST_CASE("plane: priorities are strict, whatever port and order, and equals keep their order", "[core]") {
    world w;
    auto const low = w.connect(port_role::low);
    auto const critical = w.connect(port_role::critical);
    std::vector<std::string> expected;
    for (std::uint64_t n = 1; n <= 24; ++n) w.ask1(low, "submit " + text(n) + " add");
    w.ask1(critical, "submit " + text(100) + " mul");
    w.ask1(low, "submit " + text(101) + " add priority=critical");
    w.ask1(low, "submit " + text(102) + " mul priority=high");
    auto const worker = w.worker("w1", "concurrency=1", R"("add","mul")");
    for (std::uint64_t n = 100; n <= 102; ++n) expected.push_back(text(n));
    for (std::uint64_t n = 1; n <= 24; ++n) expected.push_back(text(n));
    for (auto const& id_text : expected) {
        auto const run = w.take(worker).at(0);  // predecessor 12
        CHECK(run.line.substr(4, 36) == id_text);
        w.done(worker, run, "success");
    }
}

TEST_CASE("plane: fault 29: hostile numbers in options neither overflow nor crash", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    auto const max = std::string{"9007199254740992"};
    w.ask1(c, "submit " + text(1) + " add timeout_ms=" + max + " soft_timeout_ms=" + max +
                  " expires_ms=" + max + " expires_us=" + max + " retries=1000 retry_delay_ms=" + max +
                  " retry_max_ms=" + max + " retry_backoff=100 retry_jitter=1");
    auto const run = w.take(worker).at(0);
    w.done(worker, run, "failure retry_after_ms=" + max + " took_us=" + max);
    w.pass(10s);
    w.ask1(c, "submit " + text(2) + " add eta_us=" + max);
    CHECK(w.ask(c, "wait " + text(2) + " timeout_ms=" + max).empty());
    w.pass(10s);
    CHECK(w.take(worker).empty());
    CHECK(w.ask1(c, "get " + text(2)).line == "result " + text(2) + " scheduled");
}

TEST_CASE("plane: progress is shown to who asks, told to who watches, and gone with its attempt", "[core]") {
    world w;
    auto const worker = w.worker("w1", "concurrency=1 window=2");
    auto const c = w.connect(port_role::normal);
    auto const watcher = w.connect(port_role::results);
    w.ask1(c, "submit " + text(1) + " add retries=1 retry_delay_ms=0");
    auto run = w.take(worker).at(0);
    auto seen = w.ask(watcher, "watch " + text(1) + " ref=w");
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].line == "result " + text(1) + " assigned");
    CHECK(seen[0].field("ref") == "w");

    w.say(worker, "progress " + world::lease(run), R"({"done":1})");  // and so it has begun
    w.turn();
    seen = w.take(watcher);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].line == "result " + text(1) + " running");
    CHECK(seen[0].payload == R"({"done":1})");
    CHECK(seen[0].field("ref") == "w");
    CHECK(seen[0].field("worker") == "w1");
    CHECK(w.ask1(c, "get " + text(1)).payload == R"({"done":1})");

    w.done(worker, run, "failure", "no");
    run = w.take(worker).at(0);
    CHECK(w.ask1(c, "get " + text(1)).payload.empty());
    w.say(worker, "progress " + text(1) + " 1", "late");  // of the attempt before
    w.turn();
    CHECK(w.take(watcher).empty());
    w.done(worker, run, "success", "8");
    seen = w.take(watcher);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].line == "result " + text(1) + " success");
    CHECK(seen[0].payload == "8");
    CHECK(w.ask1(watcher, "watch " + text(1)).payload == "8");
    CHECK(w.core.state().waiting_tasks() == 0);
}

TEST_CASE("plane: progress over its limit is dropped and noticed, and a wait shows the latest", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    auto const run = w.take(worker).at(0);
    w.say(worker, "progress " + world::lease(run), "17");
    auto const before = w.observer.notices;
    w.say(worker, "progress " + world::lease(run), std::string(4097, '1'));
    CHECK(w.observer.notices == before + 1);
    w.say(c, "wait " + text(1) + " timeout_ms=500");
    w.pass(1s);
    auto const seen = w.take(c);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].payload == "17");
}

TEST_CASE("plane: who watches and goes is forgotten, and a watch counts among what a connection is owed",
          "[core]") {
    auto o = world::usual();
    o.limits.max_outstanding = 1;
    world w{o};
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    auto const watcher = w.connect(port_role::results);
    w.ask1(c, "submit " + text(1) + " add");
    auto const run = w.take(worker).at(0);
    w.ask1(watcher, "watch " + text(1));
    CHECK(w.ask1(watcher, "watch " + text(1)).line == "error " + text(1) + " queue_full");
    w.disconnect(watcher);
    w.say(worker, "progress " + world::lease(run), "1");
    w.done(worker, run, "success", "8");
    CHECK(w.ask1(c, "get " + text(1)).payload == "8");
    CHECK(w.ask1(c, "watch " + text(9)).line == "error " + text(9) + " unknown_task");
}

namespace {

/// A task that waits, with a key: nobody is there to run it.
reply hold(world& w, peer_id c, std::uint64_t n, std::string const& options = {}) {
    return w.ask1(c, "submit " + text(n) + " add unique=k" + options);
}

}  // namespace

TEST_CASE("plane: a unique key admits one task that lives, and is free again at its end", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    CHECK(hold(w, c, 1).line == "accepted " + text(1) + " queued");
    auto const refused = hold(w, c, 2);
    CHECK(refused.line == "error " + text(2) + " duplicate");
    CHECK(refused.payload == text(1));
    CHECK(hold(w, c, 1).line == "accepted " + text(1) + " queued");  // it is the same one
    CHECK(w.ask1(c, "submit " + text(3) + " add unique=other").line == "accepted " + text(3) + " queued");
    w.ask1(c, "cancel " + text(1));
    CHECK(hold(w, c, 2).line == "accepted " + text(2) + " queued");
    auto const worker = w.worker("w1", "concurrency=4");
    for (auto const& run : w.take(worker)) w.done(worker, run, "success", "8");
    CHECK(hold(w, c, 4).line == "accepted " + text(4) + " queued");
    CHECK(w.core.state().unique.size() == 1);
}

TEST_CASE("plane: who is attached gets the other's result under the id that he asked with", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    hold(w, c, 1);
    auto const accepted = hold(w, c, 2, " on_duplicate=attach ref=r");
    CHECK(accepted.line == "accepted " + text(2) + " queued");
    CHECK(accepted.field("attached") == text(1));
    CHECK(accepted.field("ref") == "r");
    CHECK(w.ask(c, "call " + text(3) + " add unique=k on_duplicate=attach ref=s").empty());
    CHECK(w.ask1(c, "submit " + text(4) + " add unique=k on_duplicate=attach reply=both ref=t").line ==
          "accepted " + text(4) + " queued");
    auto const worker = w.worker("w1");
    auto const run = w.take(worker).at(0);
    w.done(worker, run, "success", "8");
    auto const ends = w.take(c);
    REQUIRE(ends.size() == 2);
    for (auto const& end : ends) {
        bool const called = end.field("ref") == "s";
        CHECK(end.line == "result " + text(called ? 3 : 4) + " success");
        CHECK(end.field("attached") == text(1));
        CHECK(end.payload == "8");
    }
    CHECK(w.take(worker).empty());  // one run for all of them
}

TEST_CASE("plane: a task that has not begun is replaced, and one at a worker is not", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    auto const waits = w.connect(port_role::results);
    hold(w, c, 1, " countdown_ms=60000");
    w.say(waits, "wait " + text(1));
    CHECK(hold(w, c, 2, " on_duplicate=replace").line == "accepted " + text(2) + " queued");
    auto const end = w.take(waits).at(0);
    CHECK(end.line == "result " + text(1) + " cancelled");
    CHECK(end.payload == "replaced by " + text(2));
    auto const worker = w.worker("w1");
    CHECK(w.take(worker).size() == 1);
    auto const refused = hold(w, c, 3, " on_duplicate=replace");
    CHECK(refused.line == "error " + text(3) + " duplicate");
    CHECK(refused.payload == text(2));
}

TEST_CASE("plane: a batch with a key twice is refused whole, unless they may stand for one another",
          "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    auto const both = [&](std::string const& options) {
        w.frames(c, {"FQ1 submit " + text(1) + " add unique=k", "",
                     "FQ1 submit " + text(2) + " add unique=k" + options, ""});
        w.turn();
        return w.take(c);
    };
    auto replies = both("");
    REQUIRE(replies.size() == 2);
    CHECK(replies[0].line == "error " + text(1) + " batch_refused");
    CHECK(replies[1].line == "error " + text(2) + " duplicate");
    CHECK(w.core.state().tasks.used() == 0);
    replies = both(" on_duplicate=attach");
    CHECK(replies.at(1).field("attached") == text(1));
    CHECK(w.core.state().tasks.used() == 1);
}

TEST_CASE("plane: many tasks are cancelled by name, tag, priority or state, and nothing else is", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    auto const admin = w.connect(port_role::management);
    auto const worker = w.worker("w1", "concurrency=1");
    w.ask1(c, "submit " + text(1) + " add tag.customer=42 tag.kind=a");
    auto const run = w.take(worker).at(0);
    w.say(worker, "began " + world::lease(run));
    w.ask1(c, "submit " + text(2) + " add tag.customer=42 tag.kind=b countdown_ms=1000");
    w.ask1(c, "submit " + text(3) + " add tag.customer=43 priority=low");
    w.ask1(c, "submit " + text(4) + " sub priority=low");
    auto const cancel = [&](std::string const& which) { return w.ask1(admin, "cancel " + which).payload; };
    CHECK(w.ask1(admin, "cancel").line == "error - bad_request");
    CHECK(w.ask1(admin, "cancel state=success").line == "error - bad_request");
    CHECK(cancel("tag.customer=42 tag.kind=b") == R"({"cancelled":1,"asked_to_stop":0})");
    CHECK(cancel("tag.customer=42") == R"({"cancelled":0,"asked_to_stop":1})");
    auto const asked = w.take(worker);
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].line == "cancel " + world::lease(run));
    CHECK(cancel("name=sub") == R"({"cancelled":1,"asked_to_stop":0})");
    CHECK(cancel("priority=low state=queued") == R"({"cancelled":1,"asked_to_stop":0})");
    w.done(worker, run, "cancelled");
    CHECK(cancel("all=1") == R"({"cancelled":0,"asked_to_stop":0})");
    CHECK(w.core.state().counters.cancelled == 4);
}

TEST_CASE("plane: a cancel of very many goes on where the last one stopped", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    auto const admin = w.connect(port_role::management);
    for (std::uint64_t n = 1; n <= 10'001; ++n) w.say(c, "submit " + text(n) + " add");
    w.turn();
    auto const first = w.ask1(admin, "cancel name=add").payload;
    CHECK(first.starts_with(R"({"cancelled":10000,"asked_to_stop":0,"from":)"));
    auto const from = first.substr(first.rfind(':') + 1);
    CHECK(w.ask1(admin, "cancel name=add from=" + from.substr(0, from.size() - 1))
              .payload.starts_with(R"({"cancelled":1,)"));
    CHECK(w.core.state().tasks.used() == 0);
}

TEST_CASE(
    "plane: predecessor 7: a callback is pushed to its address, with meta and data, and a dead one harms "
    "nobody",
    "[core]") {
    world w;
    auto const worker = w.worker("w1", "concurrency=4");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add callback=tcp://127.0.0.1:7000 callback_data=aGk");
    w.ask1(c, "submit " + text(2) + " add callback=tcp://127.0.0.1:7001");
    CHECK(w.dials.empty());
    for (auto const& run : w.take(worker)) w.done(worker, run, "success", "8");
    REQUIRE(w.dials.size() == 2);
    CHECK(w.dials[0].to.port == 7000);
    CHECK(w.ask1(c, "get " + text(1)).payload == "8");  // no result waits for a listener
    auto const listener = w.dials[0].peer;
    w.core.at(w.now);
    w.core.opened(listener, {w.dials[0].tag, false, false, false, "127.0.0.1"});
    w.turn();
    auto const told = w.take(listener);
    REQUIRE(told.size() == 1);
    CHECK(told[0].line == "result " + text(1) + " success");
    CHECK(told[0].payload == "8");
    CHECK(told[0].field("callback_data") == "aGk");
    CHECK(told[0].field("worker") == "w1");
    CHECK(told[0].field("attempt") == "1");
    CHECK(told[0].layout == fq::wire::form::frames);
    w.core.at(w.now);
    w.core.closed(w.dials[1].peer, fq::make_error_code(fq::errc::refused));
    w.dials.clear();
    auto const before = w.observer.notices;
    w.pass(2min);  // it is tried again for a minute, and then given up
    CHECK(w.closed.size() > 3);
    CHECK(w.observer.notices == before + 1);
    CHECK(w.core.idle());
}

TEST_CASE("plane: a callback leaves when the end that it tells of is safe", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add callback=tcp://127.0.0.1:7000");
    w.commits = false;
    w.done(worker, w.take(worker).at(0), "success", "8");
    auto const listener = w.dials.at(0);
    w.core.opened(listener.peer, {listener.tag, false, false, false, "127.0.0.1"});
    w.turn();
    CHECK(w.take(listener.peer).empty());
    w.commits = true;
    w.turn();
    w.turn();
    CHECK(w.take(listener.peer).size() == 1);
}

TEST_CASE("plane: strangers cannot have it dial whom they like", "[core]") {
    auto o = world::usual();
    o.callback_allow = {"hooks.example"};
    world w{o};
    auto const c = w.connect(port_role::normal);
    auto const refused = w.ask1(c, "submit " + text(1) + " add callback=tcp://10.0.0.1:80");
    CHECK(refused.line == "error " + text(1) + " not_authorized");
    CHECK(refused.payload ==
          "a callback to '10.0.0.1' is not allowed here: only to this machine, and to hosts of "
          "--callback-allow");
    for (auto const* address :
         {"tcp://hooks.example:80", "tcp://127.0.0.1:80", "tcp://[::1]:80", "tcp://localhost:80"})
        CHECK(w.ask1(c, "submit " + text(2) + " add callback=" + address).line ==
              "accepted " + text(2) + " queued");
}

TEST_CASE("plane: a definition's retries and limits hold for tasks that do not say them", "[core]") {
    world w;
    auto const worker = w.connect(port_role::management);
    w.ask(
        worker, world::registration("w1", 1000, "concurrency=4"),
        R"({"tasks":["add","sub"],"runs":[],"defaults":{"add":"retries=2 retry_delay_ms=0 timeout_ms=5000 key=x","sub":"retries=x"}})");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    auto run = w.take(worker).at(0);
    CHECK(run.field("timeout_ms") == "5000");
    for (int i = 0; i < 2; ++i) {
        w.done(worker, run, "failure", "no");
        run = w.take(worker).at(0);
    }
    w.done(worker, run, "failure", "no");
    CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " failure");

    w.ask1(c, "submit " + text(2) + " add retries=0 timeout_ms=70");  // what a task says goes before it
    run = w.take(worker).at(0);
    CHECK(run.field("timeout_ms") == "70");
    w.done(worker, run, "failure", "no");
    CHECK(w.ask1(c, "get " + text(2)).line == "result " + text(2) + " failure");

    w.ask1(c, "submit " + text(3) + " sub");  // what cannot be read says nothing
    w.done(worker, w.take(worker).at(0), "failure", "no");
    CHECK(w.ask1(c, "get " + text(3)).line == "result " + text(3) + " failure");

    auto const admin = w.connect(port_role::management);
    w.ask1(admin, "schedule tick add every_ms=1000 count=1");
    w.pass(1s);
    CHECK(w.take(worker).at(0).field("timeout_ms") == "5000");
}
