#include <fastqueue/core/plane_state.hpp>

#include "core/plane_fixture.hpp"

using namespace plane_test;

TEST_CASE("plane: the barrier: neither accepted nor result leaves before it is stored", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.commits = false;
    CHECK(w.ask(c, "submit " + text(1) + " add").empty());
    auto const run = w.take(worker).at(0);  // at least once: it may run before it is stored
    CHECK(w.ask(c, "submit " + text(1) + " add").empty());
    CHECK(w.ask(c, "get " + text(1)).empty());
    w.store.commit_all();
    w.turn();
    CHECK(w.take(c).size() == 3);
    CHECK(w.ask(c, "wait " + text(1)).empty());
    w.done(worker, run, "success", "8");
    CHECK(w.take(c).empty());
    CHECK(w.ask(c, "get " + text(1)).empty());
    CHECK(w.ask(c, "call " + text(1) + " add").empty());
    CHECK(w.ask(c, "submit " + text(1) + " add").empty());
    CHECK(w.ask(c, "cancel " + text(1)).empty());
    CHECK(w.ask(c, "forget " + text(1)).empty());
    w.store.commit_all();
    w.turn();
    auto const replies = w.take(c);
    REQUIRE(replies.size() == 6);
    for (auto const& r : replies)
        CHECK((r.line == "result " + text(1) + " success" || r.line.find("accepted") == 0 ||
               r.line.find("error") == 0 || r.line.find("forgotten") == 0));
}

TEST_CASE("plane: the barrier: a cancel is not confirmed before it is stored", "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    w.commits = false;
    CHECK(w.ask(c, "cancel " + text(1)).empty());
    CHECK(w.ask(c, "get " + text(99)).size() == 1);  // errors rest on nothing
    w.store.commit_all();
    w.turn();
    CHECK(w.take(c).at(0).line == "cancelled " + text(1) + " cancelled");
}

TEST_CASE("plane: the barrier: what came back unbegun is sent on at once, for nothing of it is written",
          "[core]") {
    world w;
    auto const worker = w.worker("w1", "concurrency=1 window=4");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    w.done(worker, w.take(worker).at(0), "success took_us=10");
    for (std::uint64_t n = 2; n <= 4; ++n) w.ask1(c, "submit " + text(n) + " add");
    w.say(worker, "began " + text(2) + " 1");
    w.turn();
    w.take(worker);
    auto const other = w.worker("w2", "concurrency=1", R"("add")", 2000);
    w.commits = false;
    w.say(worker, "done " + text(3) + " 1 returned unbegun=1");
    w.turn();
    auto const runs = w.take(other);
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].line == "run " + text(3) + " 1 add");
}

TEST_CASE("plane: the barrier: what is to run at most once is not sent before it is stored", "[core]") {
    world w;
    auto const worker = w.worker("w1", "concurrency=2");
    auto const c = w.connect(port_role::normal);
    w.commits = false;
    w.ask(c, "submit " + text(1) + " add delivery=at_most_once");
    CHECK(w.take(worker).empty());
    w.store.commit_all();
    w.turn();
    CHECK(w.take(worker).at(0).line == "run " + text(1) + " 1 add");
}

TEST_CASE(
    "plane: fault 89: when the store fails nothing more is accepted or confirmed, and what runs is let "
    "finish",
    "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    auto const run = w.take(worker).at(0);
    w.commits = false;
    CHECK(w.ask(c, "submit " + text(2) + " add").empty());
    w.store.fail("disk full");
    w.turn();
    CHECK(w.ask1(c, "submit " + text(3) + " add").line == "error " + text(3) + " shutting_down");
    CHECK(w.ask(c, "call " + text(1) + " add").empty());
    w.done(worker, run, "success");
    CHECK(w.take(worker).empty());
    w.store.commit_all();
    w.pass(1min);
    CHECK(w.take(c).empty());
    CHECK(w.core.idle());
    CHECK(w.observer.notices == 1);
}

TEST_CASE("plane: fault 13: stop lets what runs finish, takes nothing new and tells who waits in the end",
          "[core]") {
    world w;
    auto const worker = w.worker("w1", "concurrency=1 window=4");
    auto const c = w.connect(port_role::normal);
    for (std::uint64_t n = 1; n <= 3; ++n) w.ask(c, "call " + text(n) + " add ref=" + std::to_string(n));
    auto const first = w.take(worker);
    REQUIRE(first.size() == 1);
    w.core.at(w.now);
    w.core.stop();
    w.turn();
    CHECK(w.take(worker).at(0).line == "recall " + text(1) + " 1");
    CHECK_FALSE(w.core.idle());
    CHECK(w.ask1(c, "call " + text(4) + " add").line == "error " + text(4) + " shutting_down");
    auto const late = w.connect(port_role::management);
    CHECK(w.ask1(late, world::registration("w2", 5, "concurrency=1"), "{}").line == "error w2 shutting_down");
    SECTION("it had begun") {
        w.done(worker, first[0], "success", "8");
        CHECK(w.take(c).at(0).payload == "8");
    }
    SECTION("it goes back") {
        w.done(worker, first[0], "returned");
        CHECK(w.take(c).empty());
    }
    CHECK(w.core.idle());
    w.core.farewell();
    w.turn();
    auto const last = w.take(c);
    REQUIRE_FALSE(last.empty());
    for (auto const& r : last) CHECK(r.line.ends_with(" shutting_down"));
    for (auto const& r : last) CHECK_FALSE(r.field("ref").empty());
    CHECK(w.take(worker).empty());
}

namespace {

/// The tasks 1 to `count`, called in one message.
std::string calls(std::uint64_t count) {
    std::string pack = "FQ1 pack " + std::to_string(count) + '\n';
    for (std::uint64_t n = 1; n <= count; ++n) {
        auto const header = "FQ1 call " + text(n) + " add";
        std::string length(4, '\0');
        fq::wire::detail::store_u32(length.data(), static_cast<std::uint32_t>(header.size()));
        pack += length + header + std::string(4, '\0');
    }
    return pack;
}

}  // namespace

TEST_CASE("plane: answers that come due in one turn share a message for who packs, up to 64 of them",
          "[core]") {
    world w;
    auto const worker = w.worker("w1", "concurrency=100");
    auto const c = w.connect(port_role::normal);
    w.frames(c, {calls(100)});
    w.turn();
    auto const runs = w.take(worker);
    REQUIRE(runs.size() == 100);
    CHECK(runs[0].message == runs[63].message);
    CHECK(runs[64].message == runs[99].message);
    CHECK(runs[63].message != runs[64].message);
    for (std::uint64_t n = 1; n <= 100; ++n) w.say(worker, "done " + text(n) + " 1 success");
    w.turn();
    auto const replies = w.take(c);
    REQUIRE(replies.size() == 100);
    CHECK(replies[0].message == replies[63].message);
    CHECK(replies[63].message != replies[64].message);
}

TEST_CASE("plane: a pack is answered with a pack", "[core]") {
    world w;
    auto const worker = w.worker("w1", "concurrency=2");
    auto const c = w.connect(port_role::normal);
    w.frames(c, {calls(2)});
    w.turn();
    auto const runs = w.take(worker);
    REQUIRE(runs.size() == 2);
    CHECK(runs[0].message == runs[1].message);
    w.say(worker, "done " + text(1) + " 1 success");
    w.say(worker, "done " + text(2) + " 1 success");
    w.turn();
    auto const replies = w.take(c);
    REQUIRE(replies.size() == 2);
    CHECK(replies[0].message == replies[1].message);
    CHECK(replies[0].layout == fq::wire::form::packed);
}
