#include <fastqueue/core/admin_desk.hpp>

#include "core/plane_fixture.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace plane_test;
using namespace std::chrono_literals;

/// A control plane, a client and an operator.
struct office : world {
    peer_id client = connect(port_role::normal);
    peer_id operators = connect(port_role::management);

    std::string submit(std::uint64_t n, std::string const& rest = "add") {
        CHECK(ask1(client, "submit " + text(n) + ' ' + rest, "[1, 2]").line.starts_with("accepted"));
        return text(n);
    }
    std::string ask_for(std::string const& tokens) { return ask1(operators, tokens).payload; }
    /// What `why` says: the token, and the sentence in `said`.
    std::string why(std::uint64_t n) {
        said = ask_for("why " + text(n));
        auto const begin = said.find("\"reason\":\"") + 10;
        return said.substr(begin, said.find('"', begin) - begin);
    }
    bool says(std::string const& words) const { return said.find(words) != std::string::npos; }
    std::string said;
};

std::size_t count(std::string const& all, std::string const& part) {
    std::size_t n = 0;
    for (auto at = all.find(part); at != all.npos; at = all.find(part, at + 1)) ++n;
    return n;
}

}  // namespace

TEST_CASE("admin: tasks lists what has not ended, the oldest first, and no more than asked for", "[core]") {
    office o;
    auto const worker = o.worker("w1", "concurrency=1", R"("add","slow")");
    for (std::uint64_t n = 1; n <= 5; ++n) {
        o.submit(n, n == 4 ? "other" : "add");
        o.pass(10ms);
    }
    o.submit(6, "add countdown_ms=5000");
    auto const all = o.ask_for("tasks");
    CHECK(count(all, "\"id\"") == 6);
    CHECK(all.find(text(1)) < all.find(text(2)));
    CHECK(all.find(text(5)) < all.find(text(6)));
    CHECK(all.find(
              R"("state":"running","priority":"normal","attempt":1,"failures":0,"deaths":0,"worker":"w1")") !=
          all.npos);
    CHECK(count(all, "\"in_ms\":5000") == 1);
    CHECK(count(o.ask_for("tasks state=queued"), "\"id\"") == 4);
    CHECK(count(o.ask_for("tasks state=queued name=add"), "\"id\"") == 3);
    auto const two = o.ask_for("tasks limit=2");
    CHECK(count(two, "\"id\"") == 2);
    CHECK(two.find(text(1)) != two.npos);
    CHECK(two.find(text(2)) != two.npos);

    auto const runs = o.take(worker);
    REQUIRE(runs.size() == 1);
    o.done(worker, runs[0], "success", "3");
    CHECK(count(o.ask_for("tasks"), "\"id\"") == 5);
    CHECK(count(o.ask_for("tasks state=success name=add"), text(1)) == 1);
    CHECK(o.ask_for("tasks state=success name=other") == "[]");
    CHECK(o.ask_for("tasks state=failure") == "[]");
}

TEST_CASE("admin: a list that cannot be is refused with the reason", "[core]") {
    office o;
    CHECK(o.ask1(o.operators, "tasks state=sleeping").line == "error - bad_request");
    CHECK(o.ask1(o.operators, "tasks limit=0").line == "error - bad_request");
    CHECK(o.ask1(o.operators, "tasks limit=10001").line == "error - bad_request");
    CHECK(o.ask1(o.operators, "tasks x").line == "error - bad_request");
    CHECK(o.ask1(o.operators, "why").line == "error - bad_request");
    CHECK(o.ask1(o.operators, "why 7").line == "error - bad_request");
    CHECK(o.ask1(o.operators, "why " + text(9)).line == "error " + text(9) + " unknown_task");
    CHECK(o.ask1(o.operators, "inspect " + text(9)).line == "error " + text(9) + " unknown_task");
    CHECK(o.ask1(o.operators, "drain").line == "error - bad_request");
    CHECK(o.ask1(o.operators, "drain nobody").line == "error - unknown_worker");
}

TEST_CASE("admin: inspect shows what a task asked for, and how it ended", "[core]") {
    office o;
    o.submit(1, "add retries=3 timeout_ms=2000 delivery=at_most_once");
    auto const waiting = o.ask_for("inspect " + text(1));
    CHECK(count(waiting, R"("retries":3,"timeout_ms":2000)") == 1);
    CHECK(count(waiting, R"("delivery":"at_most_once")") == 1);
    CHECK(count(waiting, R"("payload_octets":6)") == 1);
    auto const worker = o.worker("w1");
    auto const run = o.take(worker);
    REQUIRE(run.size() == 1);
    o.done(worker, run[0], "failure final=1", "it rained");
    auto const ended = o.ask_for("inspect " + text(1));
    CHECK(count(ended,
                R"("name":"add","state":"failure","code":"handler_error","attempt":1,"worker":"w1")") == 1);
    CHECK(count(ended, R"("result_octets":9)") == 1);
}

TEST_CASE("admin: why names what a task waits for", "[core]") {
    office o;
    o.submit(1, "adx");
    auto const worker = o.worker("w1");
    CHECK(o.why(1) == "no_worker");
    CHECK(o.says("no worker knows 'adx'; near are add"));

    o.submit(2, "add countdown_ms=2500");
    CHECK(o.why(2) == "countdown");
    CHECK(o.says("in 2.5 s"));

    o.submit(3, "add retries=2 retry_delay_ms=4000 retry_jitter=0 timeout_ms=60000");
    CHECK(o.why(3) == "running");
    CHECK(o.says("at w1 since 0.0 s; its limit is 60.0 s"));
    o.submit(4);
    o.submit(5, "add priority=high");
    CHECK(o.why(4) == "all_busy");
    CHECK(
        o.says("there wait 1 tasks of higher priority and 1 others of its own, 0 of them of its kind and "
               "before it"));

    auto const run = o.take(worker);
    REQUIRE(run.size() == 1);
    o.done(worker, run[0], "failure", "no");
    CHECK(o.why(3) == "retry_delay");
    CHECK(o.says("attempt 1 failed; try 1 of 2 comes in 4.0 s"));

    o.ask(o.client, "cancel " + text(4));
    CHECK(o.why(4) == "ended");
    CHECK(o.says("cancelled"));
}

TEST_CASE("admin: why tells of workers that are there and get nothing", "[core]") {
    office o;
    auto const worker = o.worker("w1");
    CHECK(o.ask_for("drain w1") == R"({"worker":"w1","state":"drained","outstanding":0})");
    o.submit(1);
    CHECK(o.take(worker).empty());
    CHECK(o.why(1) == "workers_away");
    CHECK(o.says("w1 is drained"));
    o.core.stop();
    CHECK(o.why(1) == "stopping");
}

TEST_CASE("admin: a drained worker ends what it has, gets no more, and can be taken back", "[core]") {
    office o;
    auto const worker = o.worker("w1");
    o.submit(1);
    o.submit(2);
    auto const first = o.take(worker);
    REQUIRE(first.size() == 1);
    CHECK(o.ask_for("drain w1") == R"({"worker":"w1","state":"draining","outstanding":1})");
    o.done(worker, first[0], "success", "3");
    o.ask(worker, "heartbeat w1 incarnation=" + text(1000) + " running=0");
    CHECK(
        o.ask(worker, world::registration("w1", 1000, "concurrency=1"), world::document(R"("add")")).size() ==
        1);
    o.pass(1s);
    CHECK(o.take(worker).empty());
    CHECK(count(o.ask_for("workers"), R"("state":"drained")") == 1);
    CHECK(o.ask_for("drain w1 undo=1") == R"({"worker":"w1","state":"active","outstanding":0})");
    CHECK(o.take(worker).size() == 1);
}

TEST_CASE("admin: what was sent ahead to a worker that is drained is called back", "[core]") {
    office o;
    auto const worker = o.worker("w1", "concurrency=1 window=8");
    o.submit(1);
    auto const known = o.take(worker);
    REQUIRE(known.size() == 1);
    o.done(worker, known[0], "success took_us=5", "3");  // from now on it is known to be short
    for (std::uint64_t n = 2; n <= 4; ++n) o.submit(n);
    REQUIRE(o.take(worker).size() == 3);
    o.ask_for("drain w1");
    auto const recalls = o.take(worker);
    CHECK(recalls.size() == 3);
    for (auto const& r : recalls) CHECK(r.line.starts_with("recall "));
}

TEST_CASE("admin: queues tells how many tasks of each priority end a second", "[core]") {
    office o;
    auto const worker = o.worker("w1");
    for (std::uint64_t n = 1; n <= 20; ++n) {
        o.submit(n, "add priority=high");
        auto const run = o.take(worker);
        REQUIRE(run.size() == 1);
        o.done(worker, run[0], "success", "3");
    }
    o.pass(1s);
    CHECK(count(o.ask_for("queues"), R"("high":{"waiting":0,"oldest_ms":0,"rate":2,)") == 1);
}

TEST_CASE("plane: what runs at most once and is handed back after it began does not run again", "[core]") {
    office o;
    auto const worker = o.worker("w1", "concurrency=1 window=8");
    o.submit(1, "add delivery=at_most_once");
    o.submit(2);
    auto const runs = o.take(worker);
    REQUIRE(runs.size() == 1);
    o.say(worker, "began " + world::lease(runs[0]));
    o.done(worker, runs[0], "returned");
    auto const end = o.ask1(o.client, "get " + text(1));
    CHECK(end.line == "result " + text(1) + " failure");
    CHECK(end.field("code") == "worker_lost");
}

TEST_CASE(
    "admin: a priority that is paused is taken and waits, the others go on, and it goes on in its order",
    "[core]") {
    office o;
    CHECK(o.ask_for("pause priority=high") == R"({"priorities":["high"],"names":[]})");
    auto const worker = o.worker("w1", "concurrency=2");
    o.submit(1, "add priority=high");
    o.submit(2, "add priority=high");
    o.submit(3, "add priority=low");
    auto runs = o.take(worker);
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].line == "run " + text(3) + " 1 add");
    CHECK(o.why(1) == "paused");
    CHECK(o.says("fastqueue resume --priority high"));
    CHECK(count(o.ask_for("queues"), "\"paused\":true") == 1);
    CHECK(o.ask_for("resume priority=low") == R"({"priorities":["high"],"names":[]})");
    CHECK(o.take(worker).empty());
    CHECK(o.ask_for("resume priority=high") == R"({"priorities":[],"names":[]})");
    runs = o.take(worker);
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].line == "run " + text(1) + " 1 add");
    CHECK(o.why(2) == "all_busy");
}

TEST_CASE("admin: a task's name that is paused holds nobody else up, also one that comes to be known later",
          "[core]") {
    office o;
    auto const worker = o.worker("w1", "concurrency=1", R"("add","slow")");
    CHECK(o.ask_for("pause name=add") == R"({"priorities":[],"names":["add"]})");
    o.submit(1);
    o.submit(2, "slow");
    CHECK(o.take(worker).at(0).line == "run " + text(2) + " 1 slow");
    CHECK(o.why(1) == "paused");
    CHECK(o.says("fastqueue resume --task-name add"));
    auto const another = o.worker("w2", "concurrency=1", R"("add")", 2000);
    CHECK(o.take(another).empty());
    CHECK(count(o.ask_for("names"), "\"paused\":true") == 1);
    o.ask_for("resume name=add");
    CHECK(o.take(another).at(0).line == "run " + text(1) + " 1 add");
}

TEST_CASE("admin: what was sent ahead and is paused comes back; what runs is not touched", "[core]") {
    office o;
    auto const worker = o.worker("w1", "concurrency=1 window=4");
    o.submit(1);
    o.done(worker, o.take(worker).at(0), "success took_us=10");
    for (std::uint64_t n = 2; n <= 4; ++n) o.submit(n);
    CHECK(o.take(worker).size() == 3);
    o.ask_for("pause name=add");
    auto const recalls = o.take(worker);
    REQUIRE(recalls.size() == 3);
    o.say(worker, "began " + text(2) + " 1");  // it had begun when the word came
    for (auto const& n : {3, 4})
        o.say(worker, "done " + text(static_cast<std::uint64_t>(n)) + " 1 returned unbegun=1");
    o.say(worker, "done " + text(2) + " 1 success");
    o.turn();
    CHECK(o.take(worker).empty());
    CHECK(o.why(3) == "paused");
    o.ask_for("resume name=add");
    CHECK(o.take(worker).size() == 2);
}

TEST_CASE("admin: a pause of what is not there is refused", "[core]") {
    office o;
    for (auto const* const wrong : {"pause", "pause add", "pause priority=urgent", "resume", "resume low"}) {
        CAPTURE(wrong);
        CHECK(o.ask1(o.operators, wrong).line == "error - bad_request");
    }
    CHECK(o.ask1(o.operators, "pause name=ad").line == "error - unknown_task_name");
}

namespace {

/// The names of the events that came, and for each its document.
std::vector<std::pair<std::string, std::string>> events_in(std::vector<reply> const& replies) {
    std::vector<std::pair<std::string, std::string>> found;
    for (auto const& r : replies) {
        if (r.line.starts_with("event ")) found.emplace_back(r.line.substr(6), r.payload);
    }
    return found;
}
std::vector<std::string> names_of(std::vector<std::pair<std::string, std::string>> const& events) {
    std::vector<std::string> names;
    for (auto const& e : events) names.push_back(e.first);
    return names;
}
using names = std::vector<std::string>;

}  // namespace

TEST_CASE("admin: events tell of tasks and workers to who asked for them, and to nobody else", "[core]") {
    office o;
    auto const watcher = o.connect(port_role::management);
    CHECK(o.ask1(watcher, "watch events").line == "watch events");
    auto const worker = o.worker("w1", "concurrency=1 window=4");
    CHECK(names_of(events_in(o.take(watcher))) == names{"worker.joined"});
    o.submit(1);
    CHECK(names_of(events_in(o.take(watcher))) == names{"task.submitted", "task.queued"});
    o.done(worker, o.take(worker).at(0), "success took_us=10");
    auto const ended = events_in(o.take(watcher));
    CHECK(names_of(ended) ==
          names{"task.started", "task.succeeded"});  // too short to be told of while it ran
    CHECK(ended[1].second.find(
              R"("id":")" + text(1) +
              R"(","name":"add","priority":"normal","state":"success","attempt":1,"worker":"w1"})") !=
          std::string::npos);
    CHECK(events_in(o.take(o.operators)).empty());
    o.disconnect(watcher);
    o.submit(2);
}

TEST_CASE("admin: events tell of retries, failures, cancels and what expires, with the reason", "[core]") {
    office o;
    auto const worker = o.worker("w1");
    o.ask_for("watch events");
    o.submit(1, "add retries=1 retry_delay_ms=10");
    o.say(worker, "began " + text(1) + " 1");
    o.done(worker, o.take(worker).at(0), "failure");
    o.pass(20ms);
    o.turn();
    o.done(worker, o.take(worker).at(0), "failure final=1");
    auto const events = events_in(o.take(o.operators));
    CHECK(names_of(events) == names{"task.submitted", "task.queued", "task.started", "task.retrying",
                                    "task.queued", "task.started", "task.failed"});
    CHECK(events[3].second.find(R"("code":"handler_error")") != std::string::npos);
    CHECK(events[6].second.find(R"("code":"handler_error")") != std::string::npos);
    o.submit(2, "add countdown_ms=60000");
    o.ask1(o.client, "cancel " + text(2));
    o.submit(3, "other expires_ms=10");
    o.pass(20ms);
    o.turn();
    CHECK(names_of(events_in(o.take(o.operators))) == names{"task.submitted", "task.scheduled",
                                                            "task.cancelled", "task.submitted", "task.queued",
                                                            "task.expired"});
}

TEST_CASE("admin: an end is told as an event when it is on the disk, and not before", "[core]") {
    office o;
    auto const worker = o.worker("w1");
    o.ask_for("watch events");
    o.submit(1);
    o.say(worker, "began " + text(1) + " 1");
    o.turn();
    o.take(o.operators);
    o.commits = false;
    o.done(worker, o.take(worker).at(0), "success");
    CHECK(events_in(o.take(o.operators)).empty());
    o.store.commit_all();
    o.turn();
    CHECK(names_of(events_in(o.take(o.operators))) == names{"task.succeeded"});
}

TEST_CASE("admin: only events can be watched, and by so many only", "[core]") {
    office o;
    CHECK(o.ask1(o.operators, "watch").line == "error - bad_request");
    CHECK(o.ask1(o.operators, "watch tasks").line == "error - bad_request");
    for (std::size_t i = 0; i < fq::core::event_stream::most; ++i)
        CHECK(o.ask1(o.connect(port_role::management), "watch events").line == "watch events");
    CHECK(o.ask1(o.operators, "watch events").line.starts_with("error - queue_full"));
}
