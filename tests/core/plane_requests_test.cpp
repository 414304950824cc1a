#include <fastqueue/core/plane.hpp>

#include "core/plane_fixture.hpp"

using namespace plane_test;

namespace {

std::string block(std::string_view octets) {
    std::string out(4, '\0');
    fq::wire::detail::store_u32(out.data(), static_cast<std::uint32_t>(octets.size()));
    return out.append(octets);
}

}  // namespace

TEST_CASE("plane: a submit is accepted, and the same again is the same task", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    CHECK(w.ask1(c, "submit " + text(1) + " add", "[1]").line == "accepted " + text(1) + " queued");
    CHECK(w.ask1(c, "submit " + text(1) + " add", "[1]").line == "accepted " + text(1) + " queued");
    auto upper = text(1);
    std::ranges::transform(upper, upper.begin(), [](char x) { return static_cast<char>(std::toupper(x)); });
    CHECK(w.ask1(c, "submit " + upper + " add retries=5", "[1]").line == "accepted " + text(1) + " queued");
    CHECK(w.core.state().counters.submitted == 1);
    CHECK(w.ask1(c, "submit " + text(2) + " add countdown_ms=5", "[1]").line ==
          "accepted " + text(2) + " scheduled");
}

TEST_CASE("plane: fault 4: the same id with another name, content or payload is a conflict", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add", "[1]");
    CHECK(w.ask1(c, "submit " + text(1) + " sub", "[1]").line == "error " + text(1) + " id_conflict");
    CHECK(w.ask1(c, "submit " + text(1) + " add", "[2]").line == "error " + text(1) + " id_conflict");
    CHECK(w.ask1(c, "submit " + text(1) + " add content=x", "[1]").line ==
          "error " + text(1) + " id_conflict");
    CHECK(w.ask1(c, "call " + text(1) + " add", "[1] ").line == "error " + text(1) + " id_conflict");
}

TEST_CASE("plane: predecessor 1: a call is answered once, to who asked, with the result", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const a = w.connect(port_role::normal);
    auto const b = w.connect(port_role::normal);
    w.say(a, "call " + text(1) + " add ref=ra", "[1]");
    w.say(b, "call " + text(2) + " add ref=rb meta=1", "[2]");
    w.turn();
    auto runs = w.take(worker);
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].line == "run " + text(1) + " 1 add");
    CHECK(runs[0].field("priority") == "normal");
    CHECK(runs[0].payload == "[1]");
    w.done(worker, runs[0], "success took_us=5", "one");
    runs = w.take(worker);
    REQUIRE(runs.size() == 1);
    w.done(worker, runs[0], "failure", "two");
    auto const to_a = w.take(a);
    auto const to_b = w.take(b);
    REQUIRE(to_a.size() == 1);
    REQUIRE(to_b.size() == 1);
    CHECK(to_a[0].line == "result " + text(1) + " success");
    CHECK(to_a[0].payload == "one");
    CHECK(to_a[0].field("ref") == "ra");
    CHECK(to_a[0].fields.size() == 1);
    CHECK(to_b[0].line == "result " + text(2) + " failure");
    CHECK(to_b[0].field("code") == "handler_error");
    CHECK(to_b[0].field("ref") == "rb");
    CHECK(to_b[0].field("worker") == "w1");
    CHECK(to_b[0].field("attempt") == "1");
    CHECK_FALSE(to_b[0].field("submitted_us").empty());
    CHECK_FALSE(to_b[0].field("finished_us").empty());
    CHECK(to_b[0].payload == "two");
}

TEST_CASE("plane: predecessor 6: a call of a known id waits for that task, or gets its result", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const a = w.connect(port_role::normal);
    auto const b = w.connect(port_role::high);
    w.say(a, "call " + text(1) + " add", "[]");
    w.say(b, "call " + text(1) + " add", "[]");
    w.turn();
    auto const runs = w.take(worker);
    REQUIRE(runs.size() == 1);
    w.done(worker, runs[0], "success", "8");
    CHECK(w.take(a).size() == 1);
    CHECK(w.take(b).size() == 1);
    CHECK(w.ask1(b, "call " + text(1) + " add", "[]").payload == "8");
    CHECK(w.take(worker).empty());
    CHECK(w.ask1(b, "submit " + text(1) + " add", "[]").line == "accepted " + text(1) + " success");
    CHECK(w.ask1(b, "forget " + text(1)).line == "forgotten " + text(1));
    CHECK(w.ask1(b, "call " + text(1) + " add", "[]").line == "error " + text(1) + " result_gone");
    CHECK(w.ask1(b, "get " + text(1)).line == "error " + text(1) + " unknown_task");
    CHECK(w.ask1(b, "submit " + text(1) + " add", "[]").line == "accepted " + text(1) + " success");
}

TEST_CASE("plane: fault 24: unknown names wait, are refused, or wait only while they may still come",
          "[core]") {
    auto options = world::usual();
    SECTION("wait") {
        world w{options};
        w.worker("w1");
        w.pass(60s);
        CHECK(w.ask1(w.connect(port_role::normal), "submit " + text(1) + " sub").line ==
              "accepted " + text(1) + " queued");
    }
    SECTION("refuse") {
        options.unknown_names = fq::core::unknown_tasks::refuse;
        world w{options};
        auto const c = w.connect(port_role::normal);
        CHECK(w.ask1(c, "submit " + text(1) + " add").line == "error " + text(1) + " unknown_task_name");
        w.worker("w1", "concurrency=1", R"("add","adder","zebra")");
        CHECK(w.ask1(c, "submit " + text(1) + " add").line == "accepted " + text(1) + " queued");
        auto const refused = w.ask1(c, "submit " + text(2) + " ad");
        CHECK(refused.line == "error " + text(2) + " unknown_task_name");
        CHECK(refused.payload.find("add") != std::string::npos);
        CHECK(refused.payload.find("zebra") == std::string::npos);
    }
    SECTION("automatic") {
        options.unknown_names = fq::core::unknown_tasks::automatic;
        world w{options};
        auto const c = w.connect(port_role::normal);
        w.pass(120s);
        CHECK(w.ask1(c, "submit " + text(1) + " sub").line == "accepted " + text(1) + " queued");
        auto const worker = w.worker("w1");
        CHECK(w.ask1(c, "submit " + text(2) + " mul").line == "error " + text(2) + " unknown_task_name");
        w.disconnect(worker);
        w.pass(10s);
        CHECK(w.ask1(c, "submit " + text(3) + " add").line ==
              "accepted " + text(3) + " queued");  // once known, stays known
    }
    SECTION("automatic, shortly after the start") {
        options.unknown_names = fq::core::unknown_tasks::automatic;
        world w{options};
        w.worker("w1");
        auto const c = w.connect(port_role::normal);
        CHECK(w.ask1(c, "submit " + text(1) + " mul").line == "accepted " + text(1) + " queued");
        w.pass(31s);
        CHECK(w.ask1(c, "submit " + text(2) + " mul").line == "error " + text(2) + " unknown_task_name");
    }
}

TEST_CASE(
    "plane: predecessor 2: the submits of a message are all accepted, each with its own reply, in order",
    "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    w.frames(c, {"FQ1 submit " + text(1) + " add ref=a", "1", "FQ1 get " + text(9) + " ref=g", "",
                 "FQ1 submit " + text(2) + " add ref=b", "2", "FQ1 submit " + text(1) + " add ref=c", "1"});
    w.turn();
    auto const replies = w.take(c);
    REQUIRE(replies.size() == 4);
    for (auto const& r : replies) CHECK(r.message == replies[0].message);
    CHECK(replies[0].line == "accepted " + text(1) + " queued");
    CHECK(replies[0].field("ref") == "a");
    CHECK(replies[1].line == "error " + text(9) + " unknown_task");
    CHECK(replies[1].field("ref") == "g");
    CHECK(replies[2].field("ref") == "b");
    CHECK(replies[3].field("ref") == "c");
    CHECK(w.core.state().counters.submitted == 2);
}

TEST_CASE("plane: a batch with one bad pair is refused as a whole, and the culprit is named", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    SECTION("bad option") {
        w.frames(
            c, {"FQ1 submit " + text(1) + " add", "", "FQ1 submit " + text(2) + " add retries=x ref=r", ""});
        w.turn();
        auto const replies = w.take(c);
        REQUIRE(replies.size() == 2);
        CHECK(replies[0].line == "error " + text(1) + " batch_refused");
        CHECK(replies[1].line == "error " + text(2) + " bad_request");
        CHECK(replies[1].field("ref") == "r");
    }
    SECTION("unreadable pair; calls stand for themselves") {
        w.frames(c, {"FQ1 submit " + text(1) + " add", "", "junk", "", "FQ1 call " + text(2) + " add", ""});
        w.turn();
        auto const replies = w.take(c);
        REQUIRE(replies.size() == 2);
        CHECK(replies[0].line == "error " + text(1) + " batch_refused");
        CHECK(replies[1].line == "error - bad_request");
        CHECK(w.core.state().tasks.used() == 1);
        return;
    }
    SECTION("the same id for two tasks") {
        w.frames(c, {"FQ1 submit " + text(1) + " add", "1", "FQ1 submit " + text(1) + " add", "2",
                     "FQ1 submit " + text(3) + " add", "3"});
        w.turn();
        auto const replies = w.take(c);
        REQUIRE(replies.size() == 3);
        CHECK(replies[0].line == "error " + text(1) + " batch_refused");
        CHECK(replies[1].line == "error " + text(1) + " id_conflict");
        CHECK(replies[2].line == "error " + text(3) + " batch_refused");
    }
    CHECK(w.core.state().tasks.used() == 0);
}

TEST_CASE("plane: fault 80: a batch over the limit of tasks is refused with a time to come back", "[core]") {
    auto options = world::usual();
    options.limits.max_tasks = 2;
    world w{options};
    auto const c = w.connect(port_role::normal);
    w.frames(c, {"FQ1 submit " + text(1) + " add", "", "FQ1 submit " + text(2) + " add", "",
                 "FQ1 submit " + text(3) + " add", ""});
    w.turn();
    auto const replies = w.take(c);
    REQUIRE(replies.size() == 3);
    CHECK(replies[0].line == "error " + text(1) + " batch_refused");
    CHECK(replies[2].line == "error " + text(3) + " queue_full");
    CHECK_FALSE(replies[2].field("retry_after_ms").empty());
    CHECK(w.core.state().tasks.used() == 0);
    w.frames(c, {"FQ1 submit " + text(1) + " add", "", "FQ1 submit " + text(2) + " add", "",
                 "FQ1 submit " + text(2) + " add", ""});
    w.turn();
    CHECK(w.take(c).back().line == "accepted " + text(2) + " queued");  // the same pair twice is one task
    w.frames(c, {"FQ1 submit " + text(1) + " add", "", "FQ1 submit " + text(2) + " add", ""});
    w.turn();
    CHECK(w.take(c).back().line == "accepted " + text(2) + " queued");  // known ones need no room
}

TEST_CASE("plane: fault 80: limits of tasks, octets, payload and unanswered requests", "[core]") {
    auto options = world::usual();
    options.limits.max_tasks = 3;
    options.limits.max_task_bytes = 10;
    options.limits.max_payload = 8;
    options.limits.max_outstanding = 2;
    world w{options};
    auto const c = w.connect(port_role::normal);
    auto const large = w.ask1(c, "submit " + text(1) + " add", "123456789");
    CHECK(large.line == "error " + text(1) + " too_large");
    CHECK(large.field("max_payload") == "8");
    CHECK(w.ask1(c, "submit " + text(1) + " add", "12345678").line.starts_with("accepted"));
    auto const full = w.ask1(c, "submit " + text(2) + " add", "123");
    CHECK(full.line == "error " + text(2) + " queue_full");
    CHECK_FALSE(full.field("retry_after_ms").empty());
    w.say(c, "call " + text(3) + " add");
    w.say(c, "submit " + text(4) + " add reply=both");
    w.turn();
    CHECK(w.take(c).size() == 1);
    for (auto const* request : {"call ", "wait "}) {
        auto const refused =
            w.ask1(c, request + text(1) + (*request == 'c' ? " add" : ""), *request == 'c' ? "12345678" : "");
        CHECK(refused.line == "error " + text(1) + " queue_full");
        CHECK_FALSE(refused.field("retry_after_ms").empty());
    }
    CHECK(w.ask1(c, "submit " + text(1) + " add reply=both", "12345678").line ==
          "error " + text(1) + " queue_full");
    auto const other = w.connect(port_role::normal);
    CHECK(w.ask1(other, "submit " + text(5) + " add").line == "error " + text(5) + " queue_full");
    w.ask(c, "cancel " + text(1));
    CHECK(w.ask1(other, "submit " + text(5) + " add").line == "accepted " + text(5) + " queued");
}

TEST_CASE("plane: reply=both answers a submit now and at the end", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    CHECK(w.ask1(c, "submit " + text(1) + " add reply=both ref=x").line.starts_with("accepted"));
    auto const runs = w.take(worker);
    REQUIRE(runs.size() == 1);
    w.done(worker, runs[0], "success", "8");
    auto const replies = w.take(c);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].line == "result " + text(1) + " success");
    CHECK(replies[0].field("ref") == "x");
}

TEST_CASE("plane: REQ asks for one call or wait at a time, and gets its envelope back", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal, true);
    w.frames(c, {"", "FQ1 call " + text(1) + " add", "", "FQ1 call " + text(2) + " add", ""});
    w.turn();
    auto replies = w.take(c);
    REQUIRE(replies.size() == 2);
    CHECK(replies[0].line == "error - bad_request");
    CHECK(replies[0].message == replies[1].message);
    CHECK(replies[0].envelope == std::vector<std::string>{""});
    w.frames(c, {"", "FQ1 submit " + text(3) + " add reply=both", ""});
    w.turn();
    CHECK(w.take(c).at(0).line == "error " + text(3) + " bad_request");
    w.frames(c, {"corr", "", "FQ1 call " + text(4) + " add", ""});
    w.turn();
    CHECK(w.take(c).empty());
    auto const runs = w.take(worker);
    REQUIRE(runs.size() == 1);
    w.done(worker, runs[0], "success", "8");
    replies = w.take(c);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].envelope == std::vector<std::string>{"corr", ""});
    w.frames(c, {"", "FQ1 submit " + text(5) + " add", "", "FQ1 submit " + text(6) + " add", ""});
    w.turn();
    CHECK(w.take(c).size() == 2);  // a batch has one reply message
    auto const discovery = w.connect(port_role::discovery, true);
    w.frames(discovery, {"", "FQ1 watch", ""});
    w.turn();
    CHECK(w.take(discovery).at(0).line == "error - bad_request");
}

TEST_CASE("plane: packed in is packed out, with an envelope too; a pack that does not add up is one error",
          "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    auto const pack = "FQ1 pack 2\n" + block("FQ1 submit " + text(1) + " add") + block("1") +
                      block("FQ1 get " + text(1)) + block("");
    w.frames(c, {"name", "", pack});
    w.turn();
    auto replies = w.take(c);
    REQUIRE(replies.size() == 2);
    CHECK(replies[0].layout == fq::wire::form::packed);
    CHECK(replies[0].envelope == std::vector<std::string>{"name", ""});
    CHECK(replies[0].line == "accepted " + text(1) + " queued");
    CHECK(replies[1].line == "result " + text(1) + " queued");
    w.frames(c, {pack + "x"});
    w.turn();
    replies = w.take(c);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].line == "error - bad_request");
    w.frames(c, {""});
    w.turn();
    CHECK(w.take(c).empty());  // a probe
}

TEST_CASE("plane: predecessor 8: whatever cannot be read, or is not here, is answered with the reason",
          "[core]") {
    world w;
    auto const tasks = w.connect(port_role::normal);
    auto const results = w.connect(port_role::results);
    auto const management = w.connect(port_role::management);
    auto const discovery = w.connect(port_role::discovery);
    for (auto const& frames : std::vector<std::vector<std::string>>{
             {"x"}, {"FQ1 a", "b", "c"}, {"hello", ""}, {"", "", ""}, {"FQ1 get\x01", ""}}) {
        w.frames(tasks, frames);
        w.turn();
        auto const replies = w.take(tasks);
        REQUIRE(replies.size() == 1);
        CHECK(replies[0].line == "error - bad_request");
        CHECK_FALSE(replies[0].payload.empty());
    }
    w.frames(tasks, {"FQ2 get x", ""});
    w.turn();
    CHECK(w.take(tasks).at(0).line == "error - unsupported_version");
    w.frames(tasks, {"FQ1 get " + std::string(5000, 'x'), ""});
    w.turn();
    CHECK(w.take(tasks).at(0).line == "error - too_large");
    CHECK(w.ask1(tasks, "dance ref=r").line == "error - unknown_verb");
    CHECK(w.ask1(tasks, "dance ref=r").field("ref") == "r");
    CHECK(w.ask1(tasks, "register w incarnation=x").line == "error - wrong_port");
    CHECK(w.ask1(results, "submit " + text(1) + " add").line == "error - wrong_port");
    CHECK(w.ask1(management, "discover").line == "error - wrong_port");
    CHECK(w.ask1(discovery, "get " + text(1)).line == "error - wrong_port");
    CHECK(w.ask1(discovery, "discover more").line == "error - bad_request");
    CHECK(w.ask1(management, "workers more").line == "error - bad_request");
    CHECK(w.ask1(management, "heartbeat a b").line.starts_with("error "));
    CHECK(w.ask1(tasks, "submit 123 add").line == "error - bad_request");
    CHECK(w.ask1(tasks, "submit " + text(1)).line.ends_with("bad_request"));
    CHECK(w.ask1(tasks, "submit " + text(1) + " add more").line.ends_with("bad_request"));
    CHECK(w.ask1(tasks, "submit " + text(1) + " a/b").line == "error " + text(1) + " bad_request");
    CHECK(w.ask1(tasks, "submit " + text(1) + " " + std::string(256, 'n')).line ==
          "error " + text(1) + " bad_request");
    CHECK(w.ask1(tasks, "submit " + text(1) + " add retries=x ref=r7").field("ref") == "r7");
    for (auto const* verb : {"get", "wait", "cancel", "forget"}) {
        CHECK(w.ask1(results, verb).line == "error - bad_request");
        CHECK(w.ask1(results, std::string{verb} + " 12").line.ends_with("bad_request"));
        CHECK(
            w.ask1(results, std::string{verb} + ' ' + text(1) + ' ' + text(2)).line.ends_with("bad_request"));
        auto const unknown = w.ask1(results, std::string{verb} + ' ' + text(99) + " ref=q");
        CHECK(unknown.line == "error " + text(99) + " unknown_task");
        CHECK(unknown.field("ref") == "q");
    }
    CHECK(w.ask1(results, "wait " + text(1) + " timeout_ms=x").line == "error " + text(1) + " bad_request");
}

TEST_CASE("plane: the results verbs are served on the task ports too", "[core]") {
    world w;
    auto const c = w.connect(port_role::low);
    w.ask1(c, "submit " + text(1) + " add");
    CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " queued");
    CHECK(w.ask1(c, "cancel " + text(1)).line == "cancelled " + text(1) + " cancelled");
    CHECK(w.ask1(c, "forget " + text(1)).line == "forgotten " + text(1));
}

TEST_CASE("plane: wait is answered at the end, or when its time is over with the state there then is",
          "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::results);
    auto const s = w.connect(port_role::normal);
    w.ask1(s, "submit " + text(1) + " add");
    auto const runs = w.take(worker);
    REQUIRE(runs.size() == 1);
    CHECK(w.ask(c, "wait " + text(1) + " timeout_ms=500 ref=t").empty());
    CHECK(w.ask(c, "wait " + text(1) + " ref=u").empty());
    w.pass(499ms);
    CHECK(w.take(c).empty());
    w.pass(1ms);
    auto replies = w.take(c);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].line == "result " + text(1) + " running");
    CHECK(replies[0].field("ref") == "t");
    CHECK(replies[0].field("worker") == "w1");
    w.done(worker, runs[0], "success", "8");
    replies = w.take(c);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].field("ref") == "u");
    CHECK(replies[0].payload == "8");
    CHECK(replies[0].field("attempt") == "1");
    CHECK(w.ask1(c, "wait " + text(1)).payload == "8");
    CHECK(w.ask1(c, "wait " + text(1) + " timeout_ms=0").payload == "8");
    w.ask1(s, "submit " + text(2) + " add countdown_ms=100000");
    CHECK(w.ask1(c, "wait " + text(2) + " timeout_ms=0").line == "result " + text(2) + " scheduled");
}

TEST_CASE("plane: predecessor 11: fault 30: cancel has one answer in every state", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    auto const cancel = [&](std::uint64_t n) { return w.ask(c, "cancel " + text(n)); };
    SECTION("queued, scheduled") {
        w.ask1(c, "submit " + text(1) + " add");
        CHECK(cancel(1).at(0).line == "cancelled " + text(1) + " cancelled");
        auto const twice = cancel(1).at(0);
        CHECK(twice.line == "error " + text(1) + " already_finished");
        CHECK(twice.field("state") == "cancelled");
        w.ask1(c, "submit " + text(2) + " add countdown_ms=50");
        CHECK(cancel(2).at(0).line == "cancelled " + text(2) + " cancelled");
        auto const worker = w.worker("w1");
        w.pass(1s);
        CHECK(w.take(worker).empty());
        CHECK(w.ask1(c, "call " + text(2) + " add").line == "result " + text(2) + " cancelled");
        CHECK(w.take(worker).empty());
    }
    SECTION("running: asked to stop; what the handler then says stands") {
        auto const worker = w.worker("w1");
        w.ask1(c, "submit " + text(1) + " add retries=9");
        auto const run = w.take(worker).at(0);
        CHECK(cancel(1).at(0).line == "cancelled " + text(1) + " running");
        CHECK(w.take(worker).at(0).line == "cancel " + text(1) + " 1");
        SECTION("stopped") {
            w.done(worker, run, "cancelled");
            CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " cancelled");
        }
        SECTION("too late") {
            w.done(worker, run, "success", "8");
            CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " success");
        }
        SECTION("it failed: not tried again") {
            w.done(worker, run, "failure");
            CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " failure");
        }
        SECTION("its worker was lost: not run again") {
            w.disconnect(worker);
            w.pass(2s);
            CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " cancelled");
        }
    }
    SECTION("running over its time limit: not tried again") {
        auto const worker = w.worker("w1");
        w.ask1(c, "submit " + text(1) + " add retries=9 timeout_ms=1000");
        CHECK(cancel(1).at(0).line == "cancelled " + text(1) + " running");
        w.pass(3s);
        CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " failure");
        w.take(worker);
    }
    SECTION("sent ahead: answered when it is known") {
        auto const worker = w.worker("w1", "concurrency=1 window=4");
        w.ask1(c, "submit " + text(1) + " add");
        auto const run = w.take(worker).at(0);
        CHECK(cancel(1).empty());
        CHECK(w.take(worker).at(0).line == "cancel " + text(1) + " 1");
        SECTION("not begun") {
            w.done(worker, run, "cancelled");
            CHECK(w.take(c).at(0).line == "cancelled " + text(1) + " cancelled");
        }
        SECTION("returned") {
            w.done(worker, run, "returned");
            CHECK(w.take(c).at(0).line == "cancelled " + text(1) + " cancelled");
            CHECK(w.take(worker).empty());
        }
        SECTION("begun") {
            w.say(worker, "began " + text(1) + " 1");
            w.turn();
            CHECK(w.take(c).at(0).line == "cancelled " + text(1) + " running");
        }
        SECTION("done") {
            w.done(worker, run, "success");
            auto const late = w.take(c).at(0);
            CHECK(late.line == "error " + text(1) + " already_finished");
            CHECK(late.field("state") == "success");
        }
        SECTION("its worker came back without it") {
            w.disconnect(worker);
            auto const again = w.connect(port_role::management);
            w.ask(again, world::registration("w1", 1000, "concurrency=1 window=4"),
                  world::document(R"("add")"));
            CHECK(w.take(c).at(0).line == "cancelled " + text(1) + " cancelled");
            w.turn();
            CHECK(w.take(again).empty());
        }
    }
    SECTION("retrying") {
        auto const worker = w.worker("w1");
        w.ask1(c, "submit " + text(1) + " add retries=9");
        w.done(worker, w.take(worker).at(0), "failure");
        CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " retrying");
        CHECK(cancel(1).at(0).line == "cancelled " + text(1) + " cancelled");
        w.pass(1min);
        CHECK(w.take(worker).empty());
    }
}

TEST_CASE("plane: forget is for what has ended", "[core]") {
    world w;
    auto const c = w.connect(port_role::results);
    w.ask1(w.connect(port_role::normal), "submit " + text(1) + " add");
    CHECK(w.ask1(c, "forget " + text(1)).line == "error " + text(1) + " not_finished");
    w.ask1(c, "cancel " + text(1));
    CHECK(w.ask1(c, "forget " + text(1)).line == "forgotten " + text(1));
    CHECK(w.ask1(c, "forget " + text(1)).line == "forgotten " + text(1));
}

TEST_CASE("plane: fault 35: results live so long after their end, and gets keep none alive past it",
          "[core]") {
    auto options = world::usual();
    options.result_cache_ttl = 10s;
    options.result_cache_size = 2;
    world w{options};
    auto const c = w.connect(port_role::normal);
    auto const end = [&](std::uint64_t n) {
        w.ask1(c, "submit " + text(n) + " add");
        w.ask1(c, "cancel " + text(n));
    };
    SECTION("time") {
        end(1);
        w.pass(9s);
        CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " cancelled");
        w.pass(1s);
        CHECK(w.ask1(c, "get " + text(1)).line == "error " + text(1) + " unknown_task");
        CHECK(w.core.state().cache.size() == 1);
        w.pass(1min);
        CHECK(w.core.state().cache.size() == 0);
        CHECK(w.ask1(c, "call " + text(1) + " add").line == "error " + text(1) + " result_gone");
    }
    SECTION("least recently used: get is a use, submit and cancel are none") {
        end(1);
        end(2);
        w.ask1(c, "get " + text(1));
        w.ask1(c, "submit " + text(2) + " add");
        w.ask1(c, "cancel " + text(2));
        end(3);
        CHECK(w.ask1(c, "get " + text(2)).line == "error " + text(2) + " unknown_task");
        CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " cancelled");
    }
}

TEST_CASE("plane: fault 3: a client that leaves is answered no more, and its task runs on", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const a = w.connect(port_role::normal);
    w.ask(a, "call " + text(1) + " add");
    w.ask(a, "wait " + text(1) + " timeout_ms=50");
    w.disconnect(a);
    w.pass(1s);
    auto const runs = w.take(worker);
    REQUIRE(runs.size() == 1);
    w.done(worker, runs[0], "success", "8");
    CHECK(w.take(a).empty());
    CHECK(w.ask1(w.connect(port_role::results), "get " + text(1)).payload == "8");
}

TEST_CASE("plane: discovery answers with nodes, and tells of changes who watches", "[core]") {
    world w;
    auto const d = w.connect(port_role::discovery);
    auto const nodes = w.ask1(d, "discover ref=1");
    CHECK(nodes.line == "nodes");
    CHECK(nodes.field("ref") == "1");
    auto const read = fq::wire::read_nodes(nodes.payload);
    REQUIRE(read);
    CHECK(read->front().epoch == w.store.epoch());
    CHECK(w.ask(d, "watch").size() == 1);
    auto const worker = w.worker("w1");
    auto replies = w.take(d);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].payload.find("w1") != std::string::npos);
    CHECK(replies[0].payload.find(text(1000)) == std::string::npos);  // the incarnation is a secret
    w.disconnect(worker);
    w.pass(5s);
    replies = w.take(d);
    REQUIRE_FALSE(replies.empty());
    CHECK(replies.back().payload.find("w1") == std::string::npos);
}

TEST_CASE("plane: resent: what cannot be known any more is not run at most once again", "[core]") {
    auto options = world::usual();
    options.id_ledger_size = 1;
    world w{options};
    auto const c = w.connect(port_role::normal);
    auto const here = " resent=" + w.store.epoch().text();
    auto const elsewhere = " resent=" + text(1234);
    CHECK(w.ask1(c, "submit " + text(1) + " add delivery=at_most_once" + here).line.starts_with("accepted"));
    CHECK(w.ask1(c, "submit " + text(2) + " add delivery=at_most_once" + elsewhere).line ==
          "error " + text(2) + " outcome_unknown");
    CHECK(w.ask1(c, "submit " + text(3) + " add" + elsewhere).line.starts_with("accepted"));
    w.ask1(c, "cancel " + text(1));
    w.ask1(c, "cancel " + text(3));
    CHECK(w.ask1(c, "submit " + text(4) + " add delivery=at_most_once" + here).line ==
          "error " + text(4) + " outcome_unknown");
    CHECK(w.ask1(c, "submit " + text(5) + " add" + here).line.starts_with("accepted"));
}
