#include <fastqueue/core/client.hpp>

#include "core/machine_fixture.hpp"

using namespace machine_test;

namespace {

struct answered {
    std::uint64_t cookie = 0;
    std::error_code error;
    std::string line;
    std::string payload;
};

/// Keeps what the client gives.
struct sink_type {
    std::vector<answered>& answers;
    void operator()(fq::core::client_answer const& a) const {
        answered got{a.cookie, a.error, {}, std::string{a.payload}};
        if (a.header != nullptr) {
            got.line = a.header->verb();
            for (auto const token : a.header->positional()) got.line.append(" ").append(token);
        }
        answers.push_back(std::move(got));
    }
};

class rig {
public:
    explicit rig(fq::core::client_options o = {}) : machine{with_seed(o)} {}

    std::error_code start(std::uint64_t cookie, std::string verb, std::string const& tokens,
                          std::chrono::microseconds timeout = 30s,
                          fq::core::client_port port = fq::core::client_port::tasks,
                          std::string payload = "[]") {
        fq::core::client_request q;
        q.verb = verb == "call"       ? "call"
                 : verb == "submit"   ? "submit"
                 : verb == "workers"  ? "workers"
                 : verb == "discover" ? "discover"
                                      : "get";
        q.tokens = tokens;
        q.cookie = cookie;
        q.timeout = timeout;
        q.port = port;
        q.payload = std::move(payload);
        machine.at(now);
        auto const failed = machine.start(std::move(q));
        turn();
        return failed;
    }
    void turn() {
        machine.at(now);
        machine.turn([this](peer_id) { return queued; }, sink());
        net.perform(machine);
    }
    void pass(std::chrono::microseconds time) {
        auto const until = now.steady + time;
        int wakes = 0;
        while (now.steady < until) {
            REQUIRE(++wakes < 100'000);
            now.steady = std::clamp(machine.next_deadline(), now.steady, until);
            turn();
        }
    }
    void open(peer_id peer) {
        machine.at(now);
        machine.opened(peer);
        turn();
    }
    void close(peer_id peer, fq::errc why = fq::errc::connection_lost) {
        machine.at(now);
        machine.closed(peer, fq::make_error_code(why), sink());
        turn();
    }
    void say(peer_id from, std::string const& tokens, std::string const& payload = {}) {
        auto const header = "FQ1 " + tokens;
        std::vector<std::string_view> const frames{header, payload};
        machine.at(now);
        machine.message(from, frames, sink());
        turn();
    }
    /// Up to an open connection for tasks.
    void reach(std::uint64_t epoch = 7, std::string const& more = {}) {
        auto const d = net.dialled();
        REQUIRE(d.to == fq::endpoint{"127.0.0.1", 5550});
        discovery = d.peer;
        open(d.peer);
        REQUIRE(net.take().at(0).line == "discover");
        say(d.peer, "nodes", nodes("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5560", epoch, more));
        auto const t = net.dialled();
        REQUIRE(t.to.port == 5557);
        tasks = t.peer;
        open(t.peer);
    }
    std::vector<answered> take() { return std::exchange(answers, {}); }

    network net;
    fq::core::client machine;
    fq::clock_reading now{fq::instant{std::chrono::hours{1000}}, {}};
    std::vector<answered> answers;
    std::uint64_t queued = 0;  // octets that the way to the control plane holds
    peer_id tasks = peer_id::none;
    peer_id discovery = peer_id::none;

private:
    static fq::core::client_options with_seed(fq::core::client_options o) {
        o.seed = 5;
        return o;
    }
    sink_type sink() { return {answers}; }
};

std::string call(std::uint64_t n) { return ' ' + text(n) + " add"; }

}  // namespace

TEST_CASE("client: finds the control plane by discovery and asks at the port for normal tasks", "[core]") {
    rig r;
    CHECK(r.net.dials.empty());  // nothing is dialled before there is something to ask
    REQUIRE_FALSE(r.start(1, "call", call(1) + " retries=1"));
    r.reach();
    CHECK(r.machine.epoch() == id(7));
    auto const sent = r.net.take();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].to == r.tasks);
    CHECK(sent[0].line == "call " + text(1) + " add");
    CHECK(sent[0].field("retries") == "1");
    CHECK(sent[0].field("resent").empty());
    CHECK(sent[0].payload == "[]");
    r.say(r.tasks, "result " + text(1) + " success ref=" + sent[0].field("ref"), "8");
    auto const answers = r.take();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].cookie == 1);
    CHECK_FALSE(answers[0].error);
    CHECK(answers[0].payload == "8");
    CHECK(r.machine.pending() == 0);
}

TEST_CASE("client: ports that are not four in a row are taken from nodes", "[core]") {
    rig r;
    r.start(1, "call", call(1));
    auto const d = r.net.dialled();
    r.open(d.peer);
    r.say(d.peer, "nodes",
          nodes("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5560", 7, R"(,"ports":[1,2,3333,4])"));
    CHECK(r.net.dialled().to.port == 3333);
}

TEST_CASE("client: predecessor 14: nobody there is said after a few tries, not by hanging", "[core]") {
    rig r;
    r.start(1, "call", call(1), 30s);
    int tries = 0;
    auto const from = r.now.steady;
    while (r.answers.empty()) {
        ++tries;
        REQUIRE(tries < 20);
        r.close(r.net.dialled().peer, fq::errc::refused);
        if (r.answers.empty()) r.pass(2s);
    }
    CHECK(tries == 4);
    CHECK(r.now.steady - from < 10s);
    auto const answers = r.take();
    CHECK(answers[0].error == fq::errc::unreachable);
    CHECK(answers[0].payload.find("127.0.0.1:5550") != std::string::npos);
    r.start(2, "call", call(2));  // and the next operation tries again
    r.reach();
    CHECK(r.net.take().size() == 1);
}

TEST_CASE("client: what answers discovery with nonsense is nobody", "[core]") {
    rig r;
    r.start(1, "call", call(1), 30s);
    for (auto const* document : {"", "[]", "{", R"([{"role":"subworker"}])",
                                 R"([{"role":"control-plane","base":"x","management":"y"}])"}) {
        if (!r.answers.empty()) break;
        auto const d = r.net.dialled();
        r.open(d.peer);
        r.net.take();
        r.say(d.peer, "nodes", document);
        CHECK(std::ranges::count(r.net.closed, d.peer) == 1);
        r.pass(2s);
    }
    REQUIRE_FALSE(r.answers.empty());
    CHECK(r.answers[0].error == fq::errc::unreachable);
}

TEST_CASE(
    "client: fault 47: predecessor 4: across a restart it asks again, with the same id and where it first "
    "asked",
    "[core]") {
    rig r;
    r.start(1, "call", call(1), 60s);
    r.start(2, "submit", call(2), 60s);
    r.start(3, "get", ' ' + text(9), 60s);
    r.reach(7);
    auto const first = r.net.take();
    REQUIRE(first.size() == 3);
    r.close(r.tasks);
    for (int i = 0; i < 10; ++i) {  // longer than the few tries of who never was there
        r.pass(2s);
        r.close(r.net.dialled().peer, fq::errc::refused);
    }
    CHECK(r.take().empty());
    r.pass(2s);
    r.reach(8);
    auto const again = r.net.take();
    REQUIRE(again.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(again[i].line == first[i].line);
    CHECK(again[0].field("resent") == text(7));
    CHECK(again[1].field("resent") == text(7));
    CHECK(again[2].field("resent").empty());
    r.start(4, "call", call(4));
    CHECK(r.net.take().at(0).field("resent").empty());
    r.close(r.tasks);
    r.pass(2s);
    r.reach(9);
    for (auto const& s : r.net.take()) {
        if (s.line == "call " + text(1) + " add") CHECK(s.field("resent") == text(7));  // still the first
        if (s.line == "call " + text(4) + " add") CHECK(s.field("resent") == text(8));
    }
}

TEST_CASE("client: an answer that is not had in time is `timed_out`, and a late one is dropped", "[core]") {
    rig r;
    r.start(1, "call", call(1), 100ms);
    r.reach();
    auto const ref = r.net.take().at(0).field("ref");
    r.pass(99ms);
    CHECK(r.take().empty());
    r.pass(1ms);
    auto const answers = r.take();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].error == fq::errc::timed_out);
    r.start(2, "call", call(2), 10s);  // takes the same slot
    auto const next = r.net.take().at(0).field("ref");
    CHECK(next != ref);
    r.say(r.tasks, "result " + text(1) + " success ref=" + ref, "late");
    CHECK(r.take().empty());
    r.say(r.tasks, "result " + text(2) + " success ref=" + next, "8");
    CHECK(r.take().at(0).payload == "8");
    r.say(r.tasks, "result " + text(2) + " success ref=" + next, "twice");
    for (auto const* ref_text :
         {"", "x", "0", "1", "2097151", "9223372036854775807", "99999999999999999999"}) {
        r.say(r.tasks, "result " + text(2) + " success ref=" + ref_text, "forged");
    }
    CHECK(r.take().empty());
}

TEST_CASE("client: times out also while nobody is found", "[core]") {
    rig r;
    r.start(1, "call", call(1), 100ms);
    r.pass(100ms);
    CHECK(r.take().at(0).error == fq::errc::timed_out);
}

TEST_CASE("client: fault 46: more pending operations than may be, and payloads over the limit, are refused",
          "[core]") {
    fq::core::client_options o;
    o.max_pending = 2;
    rig r{o};
    CHECK_FALSE(r.start(1, "call", call(1)));
    r.reach(7, R"(,"limits":{"max_payload":4})");
    CHECK(r.start(2, "call", call(2), 30s, fq::core::client_port::tasks, "12345") == fq::errc::too_large);
    CHECK_FALSE(r.start(2, "call", call(2), 30s, fq::core::client_port::tasks, "1234"));
    CHECK(r.start(3, "call", call(3)) == fq::errc::queue_full);
    auto const sent = r.net.take();
    r.say(r.tasks, "error " + text(1) + " queue_full ref=" + sent.at(0).field("ref") + " retry_after_ms=100",
          "full");
    auto const answer = r.take().at(0);
    CHECK(answer.error == fq::errc::queue_full);
    CHECK(answer.payload == "full");
    CHECK_FALSE(r.start(3, "call", call(3)));
}

TEST_CASE("client: more than the way to the control plane should hold waits, in order", "[core]") {
    rig r;
    std::string const large(6U << 20U, 'x');
    for (std::uint64_t n = 1; n <= 4; ++n)
        r.start(n, "call", call(n), 30s, fq::core::client_port::tasks, large);
    r.reach();
    CHECK(r.net.take().size() == 2);
    r.queued = 12U << 20U;
    r.start(5, "call", call(5));
    CHECK(r.net.take().empty());  // nor does a small one overtake the large ones
    r.queued = 0;
    r.turn();
    auto const sent = r.net.take();
    REQUIRE(sent.size() == 3);
    for (std::uint64_t n = 3; n <= 5; ++n) CHECK(sent[n - 3].line == "call " + text(n) + " add");
}

TEST_CASE("client: the calls of a turn share a packed message; submits each have their own", "[core]") {
    rig r;
    for (std::uint64_t n = 1; n <= 3; ++n) r.start(n, "call", call(n));
    for (std::uint64_t n = 4; n <= 5; ++n) r.start(n, "submit", call(n));
    r.reach();
    auto const sent = r.net.take();
    REQUIRE(sent.size() == 5);
    CHECK(sent[0].message == sent[2].message);
    CHECK(sent[0].layout == fq::wire::form::packed);
    CHECK(sent[3].message != sent[0].message);
    CHECK(sent[4].message != sent[3].message);
}

TEST_CASE("client: a large call does not share its message with others", "[core]") {
    rig r;
    r.start(1, "call", call(1));
    r.start(2, "call", call(2), 30s, fq::core::client_port::tasks, std::string(2U << 20U, 'x'));
    r.reach();
    auto const sent = r.net.take();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].message != sent[1].message);
}

TEST_CASE("client: a message holds at most 64 calls", "[core]") {
    rig r;
    for (std::uint64_t n = 1; n <= 65; ++n) r.start(n, "call", call(n));
    r.reach();
    auto const sent = r.net.take();
    REQUIRE(sent.size() == 65);
    CHECK(sent[0].message == sent[63].message);
    CHECK(sent[63].message != sent[64].message);
}

TEST_CASE("client: what a control plane on its way out does not take any more is asked of the next",
          "[core]") {
    rig r;
    r.start(1, "call", call(1));
    r.start(2, "submit", call(2));
    r.reach();
    auto const sent = r.net.take();
    r.say(r.tasks, "error " + text(1) + " shutting_down ref=" + sent.at(0).field("ref"));
    CHECK(r.take().empty());
    r.say(r.tasks, "error " + text(2) + " shutting_down ref=" + sent.at(1).field("ref"));
    CHECK(r.take().empty());
    r.close(r.tasks);
    r.pass(2s);
    r.reach(8);
    auto const again = r.net.take();
    REQUIRE(again.size() == 2);
    CHECK(again[0].field("resent") == text(7));
    CHECK(again[1].field("resent") == text(7));
}

TEST_CASE("client: the management port is dialled when it is needed, once, and again when it was lost",
          "[core]") {
    rig r;
    r.start(1, "workers", "", 30s, fq::core::client_port::management, "");
    r.start(2, "workers", "", 30s, fq::core::client_port::management, "");
    r.reach();
    auto d = r.net.dialled();
    CHECK(d.to.port == 5560);
    r.close(d.peer);
    d = r.net.dialled();
    r.open(d.peer);
    auto sent = r.net.take();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].to == d.peer);
    r.say(d.peer, "workers ref=" + sent[0].field("ref"), "[]");
    CHECK(r.take().at(0).payload == "[]");
    r.close(d.peer);
    d = r.net.dialled();
    r.open(d.peer);
    sent = r.net.take();
    REQUIRE(sent.size() == 1);
    r.say(d.peer, "workers ref=" + sent[0].field("ref"), "[]");
    CHECK(r.take().size() == 1);
}

TEST_CASE("client: discovery can be asked again after its connection was lost", "[core]") {
    rig r;
    r.start(1, "call", call(1));
    r.reach();
    r.net.take();
    r.close(r.discovery);
    r.start(2, "discover", "", 30s, fq::core::client_port::discovery, "");
    auto const d = r.net.dialled();
    r.open(d.peer);
    auto const sent = r.net.take();
    REQUIRE_FALSE(sent.empty());
    CHECK(sent.back().line == "discover");
    r.say(d.peer, "nodes ref=" + sent.back().field("ref"), "[]");
    CHECK(r.take().at(0).payload == "[]");
}

TEST_CASE("client: fail_all ends every operation, once", "[core]") {
    rig r;
    r.start(1, "call", call(1));
    r.reach();
    r.start(2, "workers", "", 30s, fq::core::client_port::management, "");
    std::vector<std::uint64_t> ended;
    r.machine.fail_all(fq::make_error_code(fq::errc::stopped), "stopped",
                       [&](fq::core::client_answer const& a) {
                           CHECK(a.error == fq::errc::stopped);
                           ended.push_back(a.cookie);
                       });
    std::ranges::sort(ended);
    CHECK(ended == std::vector<std::uint64_t>{1, 2});
    CHECK(r.machine.pending() == 0);
}
