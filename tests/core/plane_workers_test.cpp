#include <fastqueue/core/worker_desk.hpp>

#include "core/plane_fixture.hpp"

using namespace plane_test;

namespace {

/// A control plane with a worker `w1` that it has dialled.
struct dialled_world : world {
    peer_id management;
    std::vector<peer_id> links;
    std::string fields;

    explicit dialled_world(std::string f = "concurrency=1 window=4 address=tcp://127.0.0.1:5561",
                           fq::core::plane_options o = usual())
        : world{o}, management{connect(port_role::management)}, fields{std::move(f)} {
        REQUIRE(enroll({}).line == "registered w1");
        links = accept_dials();
        REQUIRE(links.size() == 4);
        for (auto const link : links) REQUIRE(take(link).at(0).line == "hello control-plane");
    }
    reply enroll(std::string const& runs) {
        return ask1(management, registration("w1", 1000, fields), document(R"("add")", runs));
    }
    void beat() {
        ask(management, "heartbeat w1 incarnation=" + text(1000));
        take(management);
    }
};

std::string lease_json(std::uint64_t n, int attempt) {
    return "[\"" + text(n) + "\"," + std::to_string(attempt) + "]";
}

}  // namespace

TEST_CASE("plane: a registration is answered with what the worker must know", "[core]") {
    world w;
    auto const peer = w.connect(port_role::management);
    auto const r =
        w.ask1(peer, world::registration("w1", 1000, "concurrency=2 ref=q"), world::document(R"("add")"));
    CHECK(r.line == "registered w1");
    CHECK(r.field("epoch") == w.store.epoch().text());
    CHECK(r.field("heartbeat_ms") == "5000");
    CHECK(r.field("inactive_ms") == "30000");
    CHECK(r.field("grace_ms") == "1000");
    CHECK(r.field("ref") == "q");
    CHECK(r.payload == R"({"drop":[]})");
    CHECK(w.ask1(peer, world::registration("w1", 1000, "concurrency=2"), world::document(R"("add")")).line ==
          "registered w1");
    CHECK(w.observer.workers == std::vector<std::string>{"w1 joined"});
    CHECK(w.ask1(peer, "heartbeat w1 incarnation=" + text(1000) + " running=0").line == "registered w1");
}

TEST_CASE("plane: registrations that cannot be are refused with the reason", "[core]") {
    world w;
    auto const peer = w.connect(port_role::management);
    CHECK(w.ask1(peer, "register w1", "{}").line == "error w1 bad_request");
    CHECK(w.ask1(peer, world::registration("w1", 1, "concurrency=0"), "{}").line == "error w1 bad_request");
    CHECK(w.ask1(peer, world::registration("w1", 1, "concurrency=1"), "no JSON").line ==
          "error w1 bad_request");
    CHECK(w.ask1(peer, world::registration("w1", 1, "concurrency=1 address=tcp://0.0.0.0:5561"), "{}").line ==
          "error w1 bad_request");
    CHECK(w.ask1(peer, "heartbeat w1 incarnation=" + text(1)).line == "error - unknown_worker");
    CHECK(w.ask1(peer, "unregister w1 incarnation=" + text(1)).line == "error - unknown_worker");
}

TEST_CASE("plane: predecessor 19: an address is dialled only if it is loopback, the peer's own or allowed",
          "[core]") {
    auto options = world::usual();
    options.worker_allow = {"10.0.0.9"};
    world w{options};
    auto const peer = w.connect(port_role::management, false, "10.0.0.7");
    auto const reg = [&](std::string const& host, std::uint64_t n) {
        return w
            .ask1(peer,
                  world::registration("w" + std::to_string(n), n,
                                      "concurrency=1 address=tcp://" + host + ":5561"),
                  "{}")
            .line;
    };
    CHECK(reg("192.168.1.1", 1) == "error w1 not_authorized");
    CHECK(w.dials.empty());
    CHECK(reg("10.0.0.7", 2) == "registered w2");
    CHECK(reg("10.0.0.9", 3) == "registered w3");
    CHECK(reg("127.0.0.1", 4) == "registered w4");
    CHECK(w.dials.size() == 12);
}

TEST_CASE("plane: a worker that is started again on its ports has its name back at once", "[core]") {
    world w;
    auto const say = [&](std::uint64_t incarnation, std::string const& port) {
        return w.ask(w.connect(port_role::management),
                     world::registration("w1", incarnation, "concurrency=1 address=tcp://127.0.0.1:" + port),
                     world::document(R"("add")"));
    };
    CHECK(say(1000, "7000").at(0).line == "registered w1");
    CHECK(say(2000, "7000").at(0).line ==
          "registered w1");  // else its own ports would keep the dead one alive
    CHECK(say(3000, "8000").at(0).line == "error - worker_id_taken");
}

TEST_CASE("plane: fault 75: a live worker keeps its name, a silent one is replaced", "[core]") {
    world w;
    auto const first = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    auto const run = w.take(first).at(0);
    auto const second = w.connect(port_role::management);
    auto const reg = world::registration("w1", 2000, "concurrency=1");
    auto const refused = w.ask1(second, reg, world::document(R"("add")"));
    CHECK(refused.line == "error - worker_id_taken");
    CHECK(refused.payload.find("w1") != std::string::npos);
    w.pass(11s);
    CHECK(w.ask(second, reg, world::document(R"("add")")).at(0).line == "registered w1");
    // fault 74: the old one's answers, and forgeries by others, are dropped
    w.done(first, run, "success", "forged");
    CHECK(w.core.state().counters.stale_answers == 1);
    w.done(w.connect(port_role::management), run, "success", "forged");
    CHECK(w.core.state().counters.stale_answers == 2);
    CHECK(w.ask1(first, "heartbeat w1 incarnation=" + text(1000)).line == "error - unknown_worker");
    CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " running");
}

TEST_CASE("plane: fault 76: no more workers and names than the limits", "[core]") {
    auto options = world::usual();
    options.limits.max_workers = 1;
    options.limits.max_names_a_worker = 2;
    world w{options};
    auto const peer = w.connect(port_role::management);
    CHECK(
        w.ask1(peer, world::registration("w1", 1, "concurrency=1"), world::document(R"("a","b","c")")).line ==
        "error w1 bad_request");
    w.worker("w1");
    auto const refused =
        w.ask1(peer, world::registration("w2", 2, "concurrency=1"), world::document(R"("a")"));
    CHECK(refused.line == "error w2 queue_full");
    CHECK_FALSE(refused.field("retry_after_ms").empty());
}

TEST_CASE("plane: a worker with ports is dialled at all four, and each run goes to the port of its priority",
          "[core]") {
    dialled_world w{"concurrency=4 window=4 address=tcp://127.0.0.1:5561 ports=6001,6002,6003,6004"};
    auto const c = w.connect(port_role::normal);
    std::uint64_t n = 0;
    for (auto const* level : {"critical", "high", "normal", "low"}) {
        w.ask1(c, "submit " + text(++n) + " add priority=" + level);
        auto const runs = w.take(w.links[n - 1]);
        REQUIRE(runs.size() == 1);
        CHECK(runs[0].line == "run " + text(n) + " 1 add");
        CHECK(runs[0].field("priority").empty());
    }
    w.say(w.links[0], "done " + text(4) + " 1 success");  // answers are believed over any of the four
    w.turn();
    CHECK(w.ask1(c, "get " + text(4)).line == "result " + text(4) + " success");
}

TEST_CASE(
    "plane: nothing is sent to a worker before all its ports are there; if they can't be had it is gone",
    "[core]") {
    world w;
    auto const management = w.connect(port_role::management);
    w.ask1(w.connect(port_role::normal), "submit " + text(1) + " add");
    w.ask1(management, world::registration("w1", 1, "concurrency=1 address=tcp://127.0.0.1:5561"),
           world::document(R"("add")"));
    REQUIRE(w.dials.size() == 4);
    for (std::uint16_t i = 0; i < 4; ++i) CHECK(w.dials[i].to.port == 5561 + i);
    SECTION("three of four") {
        auto const last = w.dials.back();
        w.dials.pop_back();
        for (auto const link : w.accept_dials()) CHECK(w.take(link).size() == 1);
        w.dials.push_back(last);
        auto const link = w.accept_dials();
        auto sent = w.take(static_cast<peer_id>(static_cast<std::uint64_t>(last.peer) - 1));
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].line == "run " + text(1) + " 1 add");
    }
    SECTION("refused") {
        w.refuse_dials();
        CHECK(w.observer.workers == std::vector<std::string>{"w1 lost"});
        CHECK(w.ask1(management, "heartbeat w1 incarnation=" + text(1)).line == "error - unknown_worker");
    }
    SECTION("unreachable") {
        for (int i = 0; i < 20; ++i) {
            w.refuse_dials(fq::errc::connection_lost);
            w.pass(1s);
        }
        CHECK(w.observer.workers == std::vector<std::string>{"w1 lost"});
    }
}

TEST_CASE("plane: fault 5: predecessor 3: a worker's broken session whose redial is refused is lost at once",
          "[core]") {
    dialled_world w;
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add");
    REQUIRE(w.take(w.links[2]).size() == 1);
    auto const other = w.worker("w2", "concurrency=1", R"("add")", 2000);
    w.say(w.links[2], "began " + text(1) + " 1");
    w.disconnect(w.links[2]);
    CHECK(w.closed.size() == 3);  // the four are one session
    CHECK(w.dials.size() == 4);
    w.refuse_dials();
    auto const runs = w.take(other);
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].line == "run " + text(1) + " 2 add");
    w.done(other, runs[0], "success", "8");
    CHECK(w.take(c).at(0).payload == "8");
}

TEST_CASE("plane: fault 41: back in time with its runs announced, a worker keeps them", "[core]") {
    dialled_world w;
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add");
    auto const other = w.worker("w2", "concurrency=1", R"("add")", 2000);
    w.say(w.links[2], "began " + text(1) + " 1");
    w.turn();
    w.disconnect(w.links[0]);
    auto const links = w.accept_dials();
    REQUIRE(links.size() == 4);
    w.pass(500ms);
    auto const answer = w.enroll(lease_json(1, 1) + ',' + lease_json(50, 3));
    CHECK(answer.payload.find(text(50)) != std::string::npos);  // never was its
    CHECK(answer.payload.find(text(1)) == std::string::npos);
    w.pass(5s);
    CHECK(w.take(other).empty());
    w.say(links[1], "done " + text(1) + " 1 success", "8");
    w.turn();
    CHECK(w.take(c).at(0).payload == "8");
    CHECK(w.core.state().counters.redelivered == 0);
}

TEST_CASE("plane: back in time without a run, the run waits again and nobody is charged a death", "[core]") {
    dialled_world w;
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add");
    w.disconnect(w.links[0]);
    auto const links = w.accept_dials();
    CHECK(w.enroll({}).line == "registered w1");
    w.turn();
    auto const sent = w.take(links[2]);
    REQUIRE(sent.size() == 2);
    CHECK(sent[1].line == "run " + text(1) + " 2 add");
    w.say(links[2], "done " + text(1) + " 1 success", "stale");  // fault 7
    w.turn();
    CHECK(w.take(c).empty());
    CHECK(w.core.state().counters.stale_answers == 1);
}

TEST_CASE(
    "plane: not back within the grace, what a worker held runs elsewhere, at the head and with the next "
    "attempt",
    "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    w.ask1(c, "submit " + text(2) + " add");
    w.disconnect(worker);
    auto const other = w.worker("w2", "concurrency=2", R"("other")", 2000);
    w.pass(999ms);
    CHECK(w.core.state().counters.redelivered == 0);
    w.pass(1ms);
    CHECK(w.observer.workers.back() == "w1 lost");
    auto const sent =
        w.ask(other, world::registration("w2", 2000, "concurrency=1"), world::document(R"("add")"));
    REQUIRE(sent.size() == 2);
    CHECK(sent[1].line == "run " + text(1) + " 2 add");
    w.done(other, sent[1], "success");
    CHECK(w.take(other).at(0).line == "run " + text(2) + " 1 add");
}

TEST_CASE("plane: fault 40: fault 42: a silent worker's runs go elsewhere, and its late answers are dropped",
          "[core]") {
    dialled_world w;
    auto const other = w.worker("w2", "concurrency=1", R"("none")", 2000);
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add");
    w.say(w.links[2], "began " + text(1) + " 1");
    w.turn();
    w.take(w.links[2]);
    for (int i = 0; i < 6; ++i) {
        w.pass(5s);
        w.ask(other, "heartbeat w2 incarnation=" + text(2000));
    }
    CHECK(std::ranges::count(w.observer.workers, "w1 inactive") == 1);
    w.ask(other, world::registration("w2", 2000, "concurrency=1"), world::document(R"("add")"));
    w.turn();
    w.take(other);
    CHECK(w.ask1(c, "get " + text(1)).field("attempt") == "2");
    w.say(w.links[2], "done " + text(1) + " 1 success", "stale");
    w.turn();
    CHECK(w.take(c).empty());
    CHECK(w.core.state().counters.stale_answers == 1);
    CHECK(w.ask1(w.management, "heartbeat w1 incarnation=" + text(1000)).line == "error - unknown_worker");
    auto const back = w.enroll(lease_json(1, 1));  // told to drop what is another's now
    CHECK(back.payload.find(text(1)) != std::string::npos);
    w.ask1(c, "submit " + text(2) + " add");
    CHECK(w.take(w.links[2]).at(0).line == "run " + text(2) + " 1 add");
}

TEST_CASE("plane: fault 33: a worker that speaks keeps a long run for ever", "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    auto const run = w.take(worker).at(0);
    for (int i = 0; i < 720; ++i) {
        w.pass(5s);
        w.ask(worker, "heartbeat w1 incarnation=" + text(1000) + " running=1");
    }
    CHECK(w.core.state().counters.redelivered == 0);
    w.done(worker, run, "success");
    CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " success");
}

TEST_CASE("plane: fault 14: fault 39: after a stall no lease is taken before its worker could be heard",
          "[core]") {
    world w;
    auto const a = w.worker("w1");
    auto const b = w.worker("w2", "concurrency=1", R"("add")", 2000);
    w.ask1(w.connect(port_role::normal), "submit " + text(1) + " add");
    auto const stall = GENERATE(60s, 3600s, 32s);
    w.freeze(stall);
    w.ask(a, "heartbeat w1 incarnation=" + text(1000));
    w.turn();  // before what the other said is read
    w.pass(100ms);
    w.ask(b, "heartbeat w2 incarnation=" + text(2000));
    w.pass(4s);
    CHECK(w.observer.workers == std::vector<std::string>{"w1 joined", "w2 joined"});
    CHECK(w.core.state().counters.redelivered == 0);
    for (int i = 0; i < 6; ++i) w.pass(6s);  // but who stays silent is found out
    CHECK(std::ranges::count(w.observer.workers, "w2 inactive") == 1);
}

TEST_CASE("plane: fault 21: a task that ends its workers is a dead letter; those beside it are not charged",
          "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add");
    w.ask(c, "call " + text(2) + " add");
    w.ask(c, "call " + text(3) + " add");
    for (std::uint64_t n = 1; n <= 3; ++n) {
        auto const worker = w.worker("w" + std::to_string(n), "concurrency=1 window=8", R"("add")", n);
        auto runs = w.take(worker);
        REQUIRE(runs.size() == 1);
        CHECK(runs[0].line == "run " + text(1) + ' ' + std::to_string(n) + " add");
        w.say(worker, "began " + world::lease(runs[0]));
        w.turn();
        w.disconnect(worker);
        w.pass(2s);
    }
    auto const dead = w.take(c);
    REQUIRE(dead.size() == 1);
    CHECK(dead[0].line == "result " + text(1) + " failure");
    CHECK(dead[0].field("code") == "too_many_deaths");
    CHECK(dead[0].payload.find("w3") != std::string::npos);
    auto const worker = w.worker("w4", "concurrency=2", R"("add")", 4);
    auto const runs = w.take(worker);
    REQUIRE(runs.size() == 2);
    CHECK(runs[0].line == "run " + text(2) + " 1 add");
}

TEST_CASE("plane: fault 21: what was sent ahead and had not begun is not charged for its worker's death",
          "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    auto const teach = w.worker("teach", "concurrency=1 window=8", R"("add")", 99);
    w.ask1(c, "submit " + text(90) + " add");
    w.done(teach, w.take(teach).at(0), "success took_us=5");
    w.ask1(teach, "unregister teach incarnation=" + text(99));
    w.ask1(c, "submit " + text(1) + " add");
    w.ask1(c, "submit " + text(2) + " add");
    for (std::uint64_t n = 1; n <= 3; ++n) {
        auto const worker = w.worker("w" + std::to_string(n), "concurrency=1 window=8", R"("add")", n);
        REQUIRE(w.take(worker).size() == 2);
        w.say(worker, "began " + text(1) + ' ' + std::to_string(n));
        w.turn();
        w.disconnect(worker);
        w.pass(2s);
    }
    CHECK(w.ask1(c, "get " + text(1)).field("code") == "too_many_deaths");
    CHECK(w.ask1(c, "get " + text(2)).line == "result " + text(2) + " queued");
}

TEST_CASE("plane: what is to run at most once never runs again after its worker was lost", "[core]") {
    auto const check = [](world& w, peer_id c, std::vector<peer_id> const& others) {
        auto const r = w.take(c);
        REQUIRE(r.size() == 1);
        CHECK(r[0].line == "result " + text(1) + " failure");
        CHECK(r[0].field("code") == "worker_lost");
        for (auto const peer : others) {
            for (auto const& sent : w.take(peer)) CHECK_FALSE(sent.line.starts_with("run"));
        }
    };
    SECTION("gone for good") {
        world w;
        auto const c = w.connect(port_role::normal);
        auto const worker = w.worker("w1");
        w.ask(c, "call " + text(1) + " add delivery=at_most_once");
        auto const other = w.worker("w2", "concurrency=1", R"("add")", 2000);
        w.disconnect(worker);
        w.pass(2s);
        check(w, c, {other});
    }
    SECTION("back without it: its answer may have been lost on the way") {
        world w;
        auto const c = w.connect(port_role::normal);
        auto const worker = w.worker("w1");
        w.ask(c, "call " + text(1) + " add delivery=at_most_once");
        w.disconnect(worker);
        auto const again = w.connect(port_role::management);
        w.ask(again, world::registration("w1", 1000, "concurrency=1"), world::document(R"("add")"));
        w.turn();
        check(w, c, {again});
    }
    SECTION("its session is back, but it does not say what it holds") {
        dialled_world w;
        auto const c = w.connect(port_role::normal);
        w.ask(c, "call " + text(1) + " add delivery=at_most_once");
        w.disconnect(w.links[0]);
        auto const links = w.accept_dials();
        w.pass(5s);
        check(w, c, links);
    }
}

TEST_CASE("plane: predecessor 17: a worker that registers a new address is moved and keeps its runs",
          "[core]") {
    dialled_world w;
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add");
    w.fields = "concurrency=1 window=4 address=tcp://127.0.0.1:7001";
    CHECK(w.enroll(lease_json(1, 1)).line == "registered w1");
    CHECK(w.closed.size() == 4);
    REQUIRE(w.dials.size() == 4);
    CHECK(w.dials[0].to.port == 7001);
    auto const links = w.accept_dials();
    w.say(links[0], "done " + text(1) + " 1 success", "8");
    w.turn();
    CHECK(w.take(c).at(0).payload == "8");
    CHECK(w.core.state().counters.redelivered == 0);
}

TEST_CASE("plane: a worker that gives up its ports gets its runs over its own connection", "[core]") {
    dialled_world w;
    w.fields = "concurrency=1 window=4";
    auto const answer =
        w.ask(w.management, world::registration("w1", 1000, w.fields), world::document(R"("add")"));
    CHECK(answer.at(0).line == "registered w1");
    CHECK(w.closed.size() == 4);
    for (auto const link : w.links) w.disconnect(link);  // what the transport says afterwards changes nothing
    w.ask1(w.connect(port_role::normal), "submit " + text(1) + " add");
    CHECK(w.take(w.management).at(0).line == "run " + text(1) + " 1 add");
    CHECK(w.dials.empty());
}

TEST_CASE("plane: fault 10: an unregistered worker gets no more, is believed in what it runs, and leaves",
          "[core]") {
    world w;
    auto const worker = w.worker("w1");
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add");
    w.ask1(c, "submit " + text(2) + " add");
    auto const run = w.take(worker).at(0);
    CHECK(w.ask1(worker, "unregister w1 incarnation=" + text(2)).line == "error - unknown_worker");
    CHECK(w.ask1(worker, "unregister w1 incarnation=" + text(1000)).line == "unregistered w1");
    w.done(worker, run, "success", "8");
    CHECK(w.take(c).at(0).payload == "8");
    CHECK(w.take(worker).empty());
    CHECK(w.observer.workers == std::vector<std::string>{"w1 joined", "w1 left"});
    CHECK(w.core.state().counters.redelivered == 0);
}

TEST_CASE("plane: one task outstanding for each thread, and nothing ahead for who does not say began",
          "[core]") {
    world w;
    auto const worker = w.worker("w1", "concurrency=3");
    auto const c = w.connect(port_role::normal);
    for (std::uint64_t n = 1; n <= 9; ++n) w.ask1(c, "submit " + text(n) + " add");
    auto const runs = w.take(worker);
    REQUIRE(runs.size() == 3);
    CHECK(w.ask1(c, "get " + text(1)).line == "result " + text(1) + " running");  // begun when it is sent
    w.done(worker, runs[1], "success took_us=1");
    CHECK(w.take(worker).size() == 1);
}

TEST_CASE("plane: short tasks are sent ahead, and recalled when the worker turns out to be blocked",
          "[core]") {
    world w;
    auto const worker = w.worker("w1", "concurrency=1 window=4");
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    w.done(worker, w.take(worker).at(0), "success took_us=10");
    for (std::uint64_t n = 2; n <= 9; ++n) w.ask1(c, "submit " + text(n) + " add");
    REQUIRE(w.take(worker).size() == 4);
    w.say(worker, "began " + text(2) + " 1");
    w.turn();
    auto const recalls = w.take(worker);
    REQUIRE(recalls.size() == 3);
    for (auto const& r : recalls) CHECK(r.line.starts_with("recall "));
    auto const other = w.worker("w2", "concurrency=1", R"("add")", 2000);
    w.say(worker, "done " + text(3) + " 1 returned unbegun=1");
    w.turn();
    CHECK(w.core.state().counters.returned == 1);
    auto runs = w.take(other);
    REQUIRE(runs.size() == 1);
    w.done(other, runs[0], "success");
    runs = w.take(other);
    REQUIRE(runs.size() == 1);
    // Back at its place, before those that came later; and the attempt that never began was none.
    CHECK(runs[0].line == "run " + text(3) + " 1 add");
    w.say(worker, "began " + text(4) + " 1");  // begun before the recall came: it stays
    w.turn();
    CHECK(w.ask1(c, "get " + text(4)).line == "result " + text(4) + " running");
}

TEST_CASE("plane: malformed words of a worker are dropped, and the rest of its message is read", "[core]") {
    dialled_world w;
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add");
    w.frames(w.links[0], {"FQ1 done x y z", "", "junk", "", "FQ1 submit " + text(2) + " add", "",
                          "FQ1 done " + text(1) + " 1 success", "8"});
    w.turn();
    CHECK(w.take(c).at(0).payload == "8");
    CHECK(w.observer.notices == 2);
    CHECK(w.core.state().counters.submitted == 1);  // fault 73: a worker's connection takes no tasks
}

TEST_CASE(
    "plane: fault 77: registering and leaving again and again costs no task an attempt against its limits",
    "[core]") {
    world w;
    auto const c = w.connect(port_role::normal);
    w.ask(c, "call " + text(1) + " add");
    for (std::uint64_t n = 1; n <= 50; ++n) {
        auto const worker = w.worker("w1", "concurrency=1 window=2", R"("add")", n);
        auto const run = w.take(worker).at(0);
        CHECK(run.line == "run " + text(1) + ' ' + std::to_string(n) + " add");
        w.ask(worker, "unregister w1 incarnation=" + text(n));
        w.done(worker, run, "returned");
    }
    auto const worker = w.worker("w1", "concurrency=1", R"("add")", 51);
    w.done(worker, w.take(worker).at(0), "success", "8");
    CHECK(w.take(c).at(0).payload == "8");
    CHECK(w.core.state().workers.used() == 1);
}

TEST_CASE("plane: the local worker works only while nobody else can", "[core]") {
    world w;
    auto const local = w.connect(port_role::management, false, "", true);
    w.ask(local, world::registration("cp.local", 7, "concurrency=1"),
          world::document(R"("add","only-here")"));
    auto const c = w.connect(port_role::normal);
    w.ask1(c, "submit " + text(1) + " add");
    auto runs = w.take(local);
    REQUIRE(runs.size() == 1);
    w.done(local, runs[0], "success");
    auto const worker = w.worker("w1");
    w.ask1(c, "submit " + text(2) + " add");
    w.ask1(c, "submit " + text(3) + " add");
    CHECK(w.take(local).empty());
    runs = w.take(worker);
    REQUIRE(runs.size() == 1);
    w.ask1(c, "submit " + text(4) + " only-here");
    CHECK(w.take(local).at(0).line == "run " + text(4) + " 1 only-here");
    w.say(local, "done " + text(4) + " 1 success");
    w.disconnect(worker);
    CHECK(w.take(local).at(0).line == "run " + text(3) + " 1 add");
}

TEST_CASE("plane: a worker gets no more than the way to it should hold, and the rest when that is free",
          "[core]") {
    world w;
    auto const client = w.connect(port_role::normal);
    auto const one = w.worker("one", "concurrency=100");
    auto const large = R"([")" + std::string(3U << 20U, 'x') + R"("])";
    for (std::uint64_t n = 1; n <= 6; ++n) w.say(client, "call " + text(n) + " add", large);
    w.turn();
    CHECK(w.take(one).size() == 2);  // the second was begun while there was room
    CHECK(w.more_room);
    w.queued[one] = 5U << 20U;
    w.turn();
    CHECK(w.take(one).size() == 2);
    CHECK_FALSE(w.more_room);
    w.turn();
    CHECK(w.take(one).empty());
    auto const two = w.worker("two", "concurrency=1", R"("add")", 1001);
    CHECK(w.take(two).size() == 1);  // others go on
    w.queued[one] = 0;
    w.turn();
    w.turn();
    CHECK(w.take(one).size() == 1);
}

TEST_CASE("plane: a worker that leaves while much is on its way to it does not hold up who has its place",
          "[core]") {
    world w;
    auto const client = w.connect(port_role::normal);
    auto const one = w.worker("one", "concurrency=100");
    w.queued[one] = 9U << 20U;
    auto const large = R"([")" + std::string(5U << 20U, 'x') + R"("])";
    for (std::uint64_t n = 1; n <= 2; ++n) w.say(client, "call " + text(n) + " add", large);
    w.turn();
    CHECK(w.take(one).size() == 1);
    w.disconnect(one);
    w.pass(2s);
    auto const two = w.worker("two", "concurrency=100", R"("add")", 1001);
    w.turn();
    CHECK(w.take(two).size() == 2);
}

TEST_CASE("plane: large arguments are not sent ahead without end", "[core]") {
    world w;
    auto const client = w.connect(port_role::normal);
    auto const one = w.worker("one", "concurrency=1 window=100");
    w.say(client, "call " + text(1) + " add", "[1]");
    w.turn();
    auto const run = w.take(one).at(0);
    w.say(one, "done " + world::lease(run) + " success took_us=10", "1");
    auto const large = R"([")" + std::string(7U << 20U, 'x') + R"("])";
    for (std::uint64_t n = 2; n <= 9; ++n) w.say(client, "call " + text(n) + " add", large);
    for (int i = 0; i < 10; ++i) w.turn();
    CHECK(w.take(one).size() == 3);
}
