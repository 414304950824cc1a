#include <fastqueue/core/worker.hpp>

#include "core/machine_fixture.hpp"

using namespace machine_test;

namespace {

using fq::core::run_action;
using fq::core::worker_link_state;

fq::core::worker_options usual() {
    fq::core::worker_options o;
    o.id = "w1";
    o.incarnation = id(1000);
    o.concurrency = 1;
    o.window = 4;
    o.discovery = fq::endpoint{"127.0.0.1", 5550};
    o.tasks = {"add"};
    o.seed = 3;
    return o;
}
fq::core::worker_options with_ports() {
    auto o = usual();
    o.address = fq::endpoint{"127.0.0.1", 5561};
    return o;
}

class worker_rig {
public:
    explicit worker_rig(fq::core::worker_options o = usual()) : machine{std::move(o)} {
        machine.at(now);
        machine.start();
        turn();
    }
    void turn() {
        machine.at(now);
        machine.turn();
        for (auto const& a : machine.take_actions()) actions.push_back(a);
        net.perform(machine);
    }
    void pass(std::chrono::microseconds time) {
        auto const until = now.steady + time;
        int wakes = 0;
        while (now.steady < until) {
            REQUIRE(++wakes < 100'000);
            now.steady = std::clamp(machine.next_deadline(), now.steady, until);
            machine.at(now);
            machine.each_to_look_at([](std::uint32_t) {});
            turn();
        }
    }
    void open(peer_id peer, bool accepted = false, std::uint32_t tag = 0) {
        machine.at(now);
        machine.opened(peer, {tag, accepted, false, false, "127.0.0.1"});
        turn();
    }
    void close(peer_id peer) {
        machine.at(now);
        machine.closed(peer);
        turn();
    }
    void say(peer_id from, std::string const& tokens, std::string const& payload = {}) {
        auto const header = "FQ1 " + tokens;
        std::vector<std::string_view> const frames{header, payload};
        machine.at(now);
        machine.message(from, frames);
        turn();
    }
    /// Up to `registered`, over discovery.
    void enroll() {
        auto const discovery = net.dialled();
        open(discovery.peer);
        net.take();
        say(discovery.peer, "nodes", nodes("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5999", 7));
        register_at(net.dialled());
    }
    void register_at(machine_test::dial const& to) {
        management = to.peer;
        open(management);
        auto const asked = net.take();
        REQUIRE_FALSE(asked.empty());
        REQUIRE(asked[0].line == "register w1");
        say(management,
            "registered w1 epoch=" + text(7) + " heartbeat_ms=5000 inactive_ms=30000 grace_ms=1000",
            R"({"drop":[]})");
        REQUIRE(machine.registered());
    }
    /// Gives it a run. \return its slot
    std::uint32_t run(std::uint64_t n, std::string const& fields = {}, std::string const& payload = "[1]") {
        say(management, "run " + text(n) + " 1 add" + fields, payload);
        REQUIRE_FALSE(actions.empty());
        REQUIRE(actions.back().what == run_action::kind::execute);
        auto const slot = actions.back().run;
        actions.pop_back();
        return slot;
    }
    void executed(std::uint32_t slot, fq::core::run_result result = {}, std::string const& value = "8") {
        machine.at(now);
        machine.executed(slot, result, value);
        turn();
    }
    void begun(std::uint32_t slot) {
        machine.at(now);
        machine.begun(slot);
        turn();
    }

    network net;
    fq::core::worker machine;
    fq::clock_reading now{fq::instant{std::chrono::hours{1000}}, {}};
    std::vector<run_action> actions;
    peer_id management = peer_id::none;
};

bool has(std::vector<run_action> const& actions, run_action::kind what, std::uint32_t run) {
    return std::ranges::any_of(actions, [&](run_action const& a) { return a.what == what && a.run == run; });
}

}  // namespace

TEST_CASE("worker: finds the management port by discovery, and registers what it can", "[core]") {
    worker_rig r;
    auto const discovery = r.net.dialled();
    CHECK(discovery.to == fq::endpoint{"127.0.0.1", 5550});
    r.open(discovery.peer);
    auto asked = r.net.take();
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].line == "discover");
    r.say(discovery.peer, "nodes", nodes("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5999", 7));
    CHECK(std::ranges::count(r.net.closed, discovery.peer) == 1);
    auto const management = r.net.dialled();
    CHECK(management.to.port == 5999);
    r.open(management.peer);
    asked = r.net.take();
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].to == management.peer);
    CHECK(asked[0].line == "register w1");
    CHECK(asked[0].field("incarnation") == text(1000));
    CHECK(asked[0].field("window") == "4");
    fq::wire::registration document;
    CHECK_FALSE(fq::wire::read_registration_document(asked[0].payload, 9, document));
    CHECK(document.tasks == std::vector<std::string>{"add"});
    CHECK_FALSE(r.machine.registered());
}

TEST_CASE("worker: without an answer of discovery the port is five above the base", "[core]") {
    worker_rig r;
    auto const discovery = r.net.dialled();
    SECTION("nobody there") { r.close(discovery.peer); }
    SECTION("silent") {
        r.open(discovery.peer);
        r.pass(2s);
    }
    SECTION("dead") { r.pass(2s); }
    SECTION("another control plane's") {
        r.open(discovery.peer);
        r.say(discovery.peer, "nodes", nodes("tcp://127.0.0.1:7555", "tcp://127.0.0.1:7560", 7));
    }
    SECTION("nonsense") {
        r.open(discovery.peer);
        r.say(discovery.peer, "nodes", "{");
    }
    SECTION("nobody at all") {
        r.open(discovery.peer);
        r.say(discovery.peer, "nodes", "[]");
    }
    CHECK(r.net.dialled().to == fq::endpoint{"127.0.0.1", 5560});
}

TEST_CASE("worker: dials again with a growing delay while nobody is there, and at once has a small one again",
          "[core]") {
    auto o = usual();
    o.discovery.reset();
    worker_rig r{o};
    std::vector<std::int64_t> waits;
    for (int i = 0; i < 12; ++i) {
        r.close(r.net.dialled().peer);
        auto const wait =
            std::chrono::duration_cast<std::chrono::milliseconds>(r.machine.next_deadline() - r.now.steady);
        waits.push_back(wait.count());
        CHECK(wait <= 2000ms);
        r.pass(wait + 1ms);
    }
    CHECK(waits.front() <= 100);
    CHECK(waits.back() >= 1000);
    r.register_at(r.net.dialled());
    r.close(r.management);
    CHECK(r.machine.next_deadline() - r.now.steady <= 100ms);
    CHECK_FALSE(r.machine.registered());
}

TEST_CASE("worker: speaks every five seconds, and registers again when it is not known", "[core]") {
    worker_rig r;
    r.enroll();
    r.pass(5s);
    auto beats = r.net.take();
    REQUIRE(beats.size() == 1);
    CHECK(beats[0].line == "heartbeat w1");
    CHECK(beats[0].field("running") == "0");
    auto const slot = r.run(1);
    r.say(r.management, "error - unknown_worker");
    auto const again = r.net.take();
    REQUIRE(again.size() == 1);
    CHECK(again[0].line == "register w1");
    CHECK(again[0].payload.find(text(1)) != std::string::npos);  // with what it holds
    r.say(r.management, "registered w1 heartbeat_ms=1000", "");
    r.pass(1s);
    beats = r.net.take();
    REQUIRE(beats.size() == 1);
    CHECK(beats[0].field("running") == "1");
    r.executed(slot);
    CHECK(r.net.take().size() == 1);
}

TEST_CASE("worker: a control plane that is silent for too long is looked for again", "[core]") {
    worker_rig r;
    r.enroll();
    r.pass(40s);
    CHECK(std::ranges::count(r.net.closed, r.management) == 1);
    CHECK_FALSE(r.machine.registered());
    CHECK_FALSE(r.net.dials.empty());
}

TEST_CASE("worker: a registration that gets no answer is sent again", "[core]") {
    auto o = usual();
    o.management = fq::endpoint{"127.0.0.1", 9000};
    worker_rig r{o};
    auto const to = r.net.dialled();
    CHECK(to.to.port == 9000);
    r.open(to.peer);
    CHECK(r.net.take().size() == 1);
    r.pass(5s);
    CHECK(r.net.take().size() == 1);
}

TEST_CASE(
    "worker: it is patient for a while when its name is taken, and for ever when the plane is full or ending",
    "[core]") {
    auto o = usual();
    o.discovery.reset();
    worker_rig r{o};
    auto const to = r.net.dialled();
    r.open(to.peer);
    r.net.take();
    SECTION("taken") {
        for (int i = 0; i < 10; ++i) {
            r.say(to.peer, "error - worker_id_taken", "another has it");
            CHECK(r.machine.fatal().empty());
            r.pass(500ms);
            CHECK(r.net.take().size() == 1);
        }
        r.say(to.peer, "error - worker_id_taken", "another has it");
        CHECK(r.machine.fatal().find("another has it") != std::string::npos);
        CHECK(r.machine.fatal().find("w1") != std::string::npos);
    }
    SECTION("full") {
        for (int i = 0; i < 100; ++i) {
            r.say(to.peer, i % 2 == 0 ? "error - queue_full" : "error - shutting_down");
            r.pass(500ms);
            CHECK(r.net.take().size() == 1);
        }
        CHECK(r.machine.fatal().empty());
    }
    SECTION("not allowed") {
        r.say(to.peer, "error w1 not_authorized", "no");
        CHECK_FALSE(r.machine.fatal().empty());
    }
}

TEST_CASE("worker: answers each run once, in one packed message a turn", "[core]") {
    worker_rig r;
    r.enroll();
    auto const a = r.run(1, " timeout_ms=50 content=x", "[7]");
    CHECK(r.machine.run(a).name == "add");
    CHECK(r.machine.run(a).arguments == "[7]");
    CHECK(r.machine.run(a).content == "x");
    auto const b = r.run(2);
    r.machine.executed(a, {}, "8");
    fq::core::run_result failed;
    failed.end = fq::wire::run_end::failure;
    failed.code = fq::errc::bad_arguments;
    failed.final = true;
    r.machine.executed(b, failed, "no");
    r.turn();
    auto const answers = r.net.take();
    REQUIRE(answers.size() == 2);
    CHECK(answers[0].message == answers[1].message);
    CHECK(answers[0].layout == fq::wire::form::packed);
    CHECK(answers[0].line == "done " + text(1) + " 1 success");
    CHECK(answers[0].payload == "8");
    CHECK(answers[1].line == "done " + text(2) + " 1 failure");
    CHECK(answers[1].field("code") == "bad_arguments");
    CHECK(answers[1].field("final") == "1");
    CHECK(r.machine.outstanding() == 0);
}

TEST_CASE("worker: tells that a run began only if it is still running when it looks", "[core]") {
    worker_rig r;
    r.enroll();
    auto const slot = r.run(1);
    CHECK(r.machine.next_deadline() <= r.now.steady + 1ms);
    r.begun(slot);
    auto const told = r.net.take();
    REQUIRE(told.size() == 1);
    CHECK(told[0].line == "began " + text(1) + " 1");
    r.begun(slot);
    CHECK(r.net.take().empty());
    CHECK(r.machine.running() == 1);
    r.executed(slot);
    CHECK(r.net.take().size() == 1);
    CHECK(r.machine.running() == 0);
}

TEST_CASE("worker: a handler that does not return at its limit is answered for, and another takes its place",
          "[core]") {
    worker_rig r;
    r.enroll();
    auto const slot = r.run(1, " timeout_ms=300");
    r.begun(slot);
    r.net.take();
    r.pass(300ms);
    CHECK(has(r.actions, run_action::kind::end, slot));
    r.actions.clear();
    r.pass(500ms);
    REQUIRE(has(r.actions, run_action::kind::replace, slot));
    r.machine.at(r.now);
    SECTION("it is replaced") {
        r.machine.stuck(slot, true);
        r.turn();
        auto const told = r.net.take();
        REQUIRE(told.size() == 1);
        CHECK(told[0].line == "done " + text(1) + " 1 failure");
        CHECK(told[0].field("code") == "timeout");
        CHECK(told[0].payload == "the attempt exceeded its time limit");
        CHECK(r.machine.outstanding() == 0);
        CHECK(r.machine.stuck() == 1);
        CHECK(r.machine.take_trouble().find("does not return, though its time is over: another thread") !=
              std::string::npos);
        r.executed(slot);
        CHECK(r.net.take().empty());
        CHECK(r.machine.stuck() == 0);
        CHECK(r.machine.take_trouble().find("has returned") != std::string::npos);
        CHECK(r.machine.take_trouble().empty());
    }
    SECTION("it cannot be") {
        r.machine.stuck(slot, false);
        r.turn();
        CHECK(r.net.take().empty());
        CHECK(r.machine.outstanding() == 1);
        CHECK(r.machine.take_trouble().find("its place stays taken") != std::string::npos);
        r.executed(slot);
        CHECK(r.net.take().at(0).field("code") == "timeout");
    }
}

TEST_CASE("worker: a handler that does not heed a cancel is ended after a grace, and the task is cancelled",
          "[core]") {
    auto o = usual();
    o.cancel_grace = 2000ms;
    worker_rig r{o};
    r.enroll();
    auto const slot = r.run(1, " timeout_ms=60000");
    r.begun(slot);
    r.net.take();
    r.say(r.management, "cancel " + text(1) + " 1");
    CHECK(has(r.actions, run_action::kind::stop, slot));
    r.actions.clear();
    r.pass(1999ms);
    CHECK(r.actions.empty());
    r.pass(1ms);
    CHECK(has(r.actions, run_action::kind::end, slot));
    fq::core::run_result lost;
    lost.end = fq::wire::run_end::failure;
    r.executed(slot, lost, "its process was ended");
    CHECK(r.net.take().at(0).line == "done " + text(1) + " 1 cancelled");
}

TEST_CASE("worker: progress is told at once, and then ten times a second at most", "[core]") {
    worker_rig r;
    r.enroll();
    auto const slot = r.run(1);
    r.begun(slot);
    r.net.take();
    std::string latest = "1";
    auto const tell = [&] {
        r.machine.at(r.now);
        r.machine.each_to_tell([&](std::uint32_t which, std::string& out) {
            CHECK(which == slot);
            out = latest;
            return true;
        });
        r.turn();
        return r.net.take();
    };
    CHECK(tell().empty());  // nobody has anything to tell
    r.machine.progressed();
    CHECK(r.machine.next_deadline() <= r.now.steady);
    auto told = tell();
    REQUIRE(told.size() == 1);
    CHECK(told[0].line == "progress " + text(1) + " 1");
    CHECK(told[0].payload == "1");
    latest = "2";
    r.machine.progressed();
    CHECK(tell().empty());
    CHECK(r.machine.next_deadline() <= r.now.steady + 100ms);
    r.now.steady += 100ms;
    told = tell();
    REQUIRE(told.size() == 1);
    CHECK(told[0].payload == "2");
}

TEST_CASE("worker: progress that finds no way waits for one", "[core]") {
    worker_rig r;
    r.enroll();
    auto const slot = r.run(1);
    r.begun(slot);
    r.net.take();
    int asked = 0;
    auto const tell = [&] {
        r.machine.at(r.now);
        r.machine.each_to_tell([&](std::uint32_t, std::string& out) {
            ++asked;
            out = "1";
            return true;
        });
        r.turn();
        return r.net.take();
    };
    r.machine.queued(5U << 20U);  // the control plane does not read
    r.machine.progressed();
    CHECK(tell().empty());
    CHECK(asked == 0);
    r.machine.queued(0);
    r.now.steady += 100ms;
    CHECK(tell().size() == 1);
}

TEST_CASE("worker: a recall takes back what has not begun, and nothing else", "[core]") {
    worker_rig r;
    r.enroll();
    auto const a = r.run(1);
    auto const b = r.run(2);
    r.begun(a);
    r.net.take();
    r.say(r.management, "recall " + text(1) + " 1");
    CHECK(r.actions.empty());
    r.say(r.management, "recall " + text(2) + " 2");  // another attempt: not this one
    CHECK(r.actions.empty());
    r.say(r.management, "recall " + text(2) + " 1");
    REQUIRE(r.actions.size() == 1);
    CHECK(has(r.actions, run_action::kind::retract, b));
    r.machine.retracted(b);
    r.turn();
    auto const answers = r.net.take();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].line == "done " + text(2) + " 1 returned");
    CHECK(answers[0].field("unbegun") == "1");
}

TEST_CASE("worker: a cancel stops what runs, and takes back what does not", "[core]") {
    worker_rig r;
    r.enroll();
    auto const a = r.run(1);
    auto const b = r.run(2);
    r.begun(a);
    r.net.take();
    r.say(r.management, "cancel " + text(1) + " 1");
    CHECK(has(r.actions, run_action::kind::stop, a));
    CHECK_FALSE(has(r.actions, run_action::kind::retract, a));
    r.say(r.management, "cancel " + text(2) + " 1");
    CHECK(has(r.actions, run_action::kind::retract, b));
    r.machine.retracted(b);
    fq::core::run_result failed;
    failed.end = fq::wire::run_end::failure;
    r.executed(a, failed, "stopped");
    auto const answers = r.net.take();
    REQUIRE(answers.size() == 2);
    CHECK(answers[0].line == "done " + text(2) + " 1 cancelled");
    CHECK(answers[1].line == "done " + text(1) + " 1 cancelled");
}

TEST_CASE("worker: a handler that finishes in spite of a cancel has its result", "[core]") {
    worker_rig r;
    r.enroll();
    auto const a = r.run(1);
    r.begun(a);
    r.net.take();
    r.say(r.management, "cancel " + text(1) + " 1");
    r.executed(a);
    CHECK(r.net.take().at(0).line == "done " + text(1) + " 1 success");
}

TEST_CASE("worker: fault 9: at the soft limit it asks to stop, at the hard one the attempt is a timeout",
          "[core]") {
    worker_rig r;
    r.enroll();
    auto const a = r.run(1, " soft_timeout_ms=100 timeout_ms=300");
    r.pass(1s);
    CHECK(r.actions.empty());  // the limits count from the beginning
    r.begun(a);
    r.pass(99ms);
    CHECK(r.actions.empty());
    r.pass(1ms);
    CHECK(r.actions.size() == 1);
    CHECK(has(r.actions, run_action::kind::stop, a));
    r.pass(200ms);
    CHECK(r.actions.size() == 2);
    CHECK(has(r.actions, run_action::kind::end, a));
    r.net.take();
    r.executed(a, {}, "8");
    auto const answer = r.net.take().at(0);
    CHECK(answer.line == "done " + text(1) + " 1 failure");
    CHECK(answer.field("code") == "timeout");
    CHECK(answer.payload != "8");
    auto const b = r.run(2, " soft_timeout_ms=100 timeout_ms=300");
    r.begun(b);
    r.executed(b, {}, "8");
    r.actions.clear();
    r.pass(1s);
    CHECK(r.actions.empty());  // what has ended has no limits any more
}

TEST_CASE("worker: more runs than it can hold are given back at once", "[core]") {
    worker_rig r;
    r.enroll();
    std::uint64_t n = 0;
    while (r.net.take().empty()) {
        r.say(r.management, "run " + text(++n) + " 1 add");
        REQUIRE(n < 1000);
    }
    CHECK(n > 4);
    CHECK(r.machine.outstanding() == n - 1);
    r.say(r.management, "run " + text(n) + " 2 add");
    CHECK(r.net.take().at(0).line == "done " + text(n) + " 2 returned");
}

TEST_CASE(
    "worker: fault 41: what it owes is announced and answered after it is back, but for what is dropped",
    "[core]") {
    worker_rig r;
    r.enroll();
    auto const a = r.run(1);
    auto const b = r.run(2);
    auto const c = r.run(3);
    r.begun(c);
    r.net.take();
    r.close(r.management);
    r.executed(a, {}, "one");
    r.executed(b, {}, "two");
    CHECK(r.net.take().empty());
    r.pass(1s);
    auto const discovery = r.net.dialled();
    r.close(discovery.peer);
    auto const to = r.net.dialled();
    r.open(to.peer);
    auto const announced = r.net.take();
    REQUIRE(announced.size() == 1);
    for (std::uint64_t n = 1; n <= 3; ++n) CHECK(announced[0].payload.find(text(n)) != std::string::npos);
    r.say(to.peer, "registered w1 heartbeat_ms=5000",
          R"({"drop":[[")" + text(1) + R"(",1],[")" + text(3) + R"(",1]]})");
    auto const answers = r.net.take();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].line == "done " + text(2) + " 1 success");
    CHECK(answers[0].to == to.peer);
    CHECK(has(r.actions, run_action::kind::stop, c));
    r.executed(c);
    CHECK(r.net.take().empty());  // another has that lease now
    CHECK(r.machine.outstanding() == 0);
}

TEST_CASE("worker: with ports of its own it answers over the latest connections to them", "[core]") {
    worker_rig r{with_ports()};
    r.enroll();
    std::vector<peer_id> links;
    for (std::uint32_t i = 0; i < 4; ++i) {
        links.push_back(static_cast<peer_id>(900 + i));
        r.open(links.back(), true, i);
    }
    for (auto const link : links) r.say(link, "hello cp epoch=" + text(7) + " max_payload=1000");
    CHECK(r.net.take().empty());  // the first session needs no second registration
    CHECK(r.machine.max_payload() == 1000);
    r.say(links[2], "run " + text(1) + " 1 add", "[1]");
    auto const slot = r.actions.back().run;
    for (auto const link : links) r.close(link);
    r.executed(slot, {}, "8");
    CHECK(r.net.take().empty());
    for (std::uint32_t i = 0; i < 4; ++i) {
        r.open(static_cast<peer_id>(950 + i), true, i);
        CHECK(r.net.take().empty());  // who only connects is not the control plane
    }
    for (std::uint32_t i = 0; i < 4; ++i) r.say(static_cast<peer_id>(950 + i), "hello cp epoch=" + text(7));
    auto const sent = r.net.take();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].line == "done " + text(1) + " 1 success");
    CHECK(sent[0].to == static_cast<peer_id>(950));
    CHECK(sent[1].line == "register w1");  // when all are back it says what it holds
    CHECK(sent[1].to == r.management);
}

TEST_CASE(
    "worker: a run has the priority of the port it came to, and goes before lower ones of the same turn",
    "[core]") {
    worker_rig r{with_ports()};
    r.enroll();
    for (std::uint32_t i = 0; i < 4; ++i) {
        r.open(static_cast<peer_id>(900 + i), true, i);
        r.say(static_cast<peer_id>(900 + i), "hello cp epoch=" + text(7));
    }
    r.actions.clear();
    r.machine.at(r.now);
    for (auto const level : {3U, 1U, 0U, 2U}) {
        auto const header = "FQ1 run " + text(level + 1) + " 1 add";
        std::vector<std::string_view> const frames{header, "[1]"};
        r.machine.message(static_cast<peer_id>(900 + level), frames);
    }
    r.turn();
    std::vector<fq::priority> begun;
    for (auto const& a : r.actions) {
        CHECK(a.what == run_action::kind::execute);
        begun.push_back(r.machine.run(a.run).level);
    }
    CHECK(begun ==
          std::vector{fq::priority::critical, fq::priority::high, fq::priority::normal, fq::priority::low});
    // And what is to run last is taken back first.
    r.actions.clear();
    r.machine.at(r.now);
    for (auto const level : {0U, 3U, 1U}) {
        auto const header = "FQ1 recall " + text(level + 1) + " 1";
        std::vector<std::string_view> const frames{header, ""};
        r.machine.message(static_cast<peer_id>(900 + level), frames);
    }
    r.turn();
    std::vector<fq::priority> taken;
    for (auto const& a : r.actions) taken.push_back(r.machine.run(a.run).level);
    CHECK(taken == std::vector{fq::priority::low, fq::priority::high, fq::priority::critical});
}

TEST_CASE("worker: fault 73: a stranger at its port gets an answer, and no runs, answers or leases",
          "[core]") {
    worker_rig r{with_ports()};
    r.enroll();
    auto const stranger = static_cast<peer_id>(900);
    r.open(stranger, true, 0);
    auto const told = [&](std::string const& line) {
        r.say(stranger, line);
        auto const sent = r.net.take();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].to == stranger);
        return sent[0].line;
    };
    CHECK(told("run " + text(1) + " 1 add") == "error - wrong_port");
    CHECK(told("submit " + text(1) + " add") == "error - wrong_port");
    CHECK(told("dance") == "error - unknown_verb");
    CHECK(r.machine.outstanding() == 0);
}

TEST_CASE("worker: the loss of its management connection leaves its ports' runs alone", "[core]") {
    worker_rig r{with_ports()};
    r.enroll();
    for (std::uint32_t i = 0; i < 4; ++i) {
        r.open(static_cast<peer_id>(900 + i), true, i);
        r.say(static_cast<peer_id>(900 + i), "hello cp epoch=" + text(7));
    }
    r.say(static_cast<peer_id>(902), "run " + text(1) + " 1 add");
    auto const slot = r.actions.back().run;
    r.close(r.management);
    r.executed(slot, {}, "8");
    auto const sent = r.net.take();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].line == "done " + text(1) + " 1 success");
}

TEST_CASE("worker: fault 10: stop gives back what has not begun, finishes what runs, and takes its leave",
          "[core]") {
    worker_rig r;
    r.enroll();
    auto const a = r.run(1);
    auto const b = r.run(2);
    r.begun(a);
    r.net.take();
    r.machine.at(r.now);
    r.machine.stop();
    r.turn();
    CHECK(has(r.actions, run_action::kind::retract, b));
    CHECK_FALSE(has(r.actions, run_action::kind::stop, a));
    auto sent = r.net.take();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].line == "unregister w1");
    r.say(r.management, "run " + text(3) + " 1 add");
    CHECK(r.net.take().at(0).line == "done " + text(3) + " 1 returned");
    r.machine.retracted(b);
    r.say(r.management, "unregistered w1");
    CHECK_FALSE(r.machine.finished());
    r.executed(a);
    sent = r.net.take();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].line == "done " + text(2) + " 1 returned");
    CHECK(sent[1].line == "done " + text(1) + " 1 success");
    CHECK(r.machine.finished());
}

TEST_CASE("worker: fault 99: stop ends when the control plane cannot be told, too", "[core]") {
    worker_rig r;
    r.machine.at(r.now);
    r.machine.stop();
    r.turn();
    CHECK(r.machine.finished());
}

TEST_CASE("worker: what it cannot read is passed over", "[core]") {
    worker_rig r;
    r.enroll();
    for (auto const* line : {"run", "run x 1 add", "recall", "cancel x y", "dance", "registered", "hello",
                             "error", "error -", "began x 1"}) {
        CAPTURE(line);
        r.say(r.management, line, "{");
        CHECK(r.net.take().empty());
    }
    CHECK(r.machine.registered());
    CHECK(r.actions.empty());
    std::vector<std::string_view> const odd{"FQ1 run"};
    r.machine.message(r.management, odd);
    std::vector<std::string_view> const nothing;
    r.machine.message(r.management, nothing);
    CHECK(r.machine.outstanding() == 0);
}

TEST_CASE("worker: what has not ended in time goes back, and its end is told to nobody", "[core]") {
    worker_rig r;
    r.enroll();
    auto const a = r.run(1);
    auto const b = r.run(2);
    r.begun(a);
    r.machine.at(r.now);
    r.machine.stop();
    r.turn();
    r.machine.retracted(b);
    r.turn();
    r.say(r.management, "unregistered w1");
    CHECK_FALSE(r.machine.finished());
    r.net.take();
    r.actions.clear();
    CHECK(r.machine.hand_back() == 1);
    r.turn();
    auto const answers = r.net.take();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].line == "done " + text(1) + " 1 returned");
    CHECK(answers[0].field("unbegun").empty());  // it had begun, and may still run
    CHECK(has(r.actions, run_action::kind::end, a));
    CHECK(r.machine.finished());
    CHECK(r.machine.hand_back() == 0);
    r.executed(a);
    CHECK(r.net.take().empty());
    CHECK(r.machine.finished());
}

TEST_CASE("worker: more results than the way to the control plane should hold wait, in order", "[core]") {
    worker_rig r;
    r.enroll();
    std::string const large(6U << 20U, 'x');
    std::vector<std::uint32_t> slots;
    for (std::uint64_t n = 1; n <= 5; ++n) slots.push_back(r.run(n));
    r.machine.at(r.now);
    for (std::size_t i = 0; i < 4; ++i) r.machine.executed(slots[i], {}, large);
    r.machine.queued(12U << 20U);
    r.turn();
    CHECK(r.net.take().size() == 3);  // the third was begun while there was room
    r.machine.queued(18U << 20U);
    r.executed(slots[4]);
    CHECK(r.net.take().empty());
    r.machine.stop();
    r.machine.queued(0);
    r.turn();
    auto const sent = r.net.take();
    REQUIRE(sent.size() >= 2);
    CHECK(sent[sent.size() - 2].line == "done " + text(4) + " 1 success");
    CHECK(sent[sent.size() - 1].line == "done " + text(5) + " 1 success");
}

TEST_CASE("worker: what is owed is said before it leaves", "[core]") {
    worker_rig r;
    r.enroll();
    auto const slot = r.run(1);
    r.machine.queued(17U << 20U);
    r.executed(slot);
    r.machine.stop();
    r.turn();
    r.say(r.management, "unregistered w1");
    CHECK_FALSE(r.machine.finished());
}
