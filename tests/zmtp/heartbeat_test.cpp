#include <fastqueue/zmtp/heartbeat.hpp>

#include "support/catch.hpp"

using namespace fastqueue;
using namespace fastqueue::zmtp;
using namespace std::chrono_literals;
using action = heartbeat::action;

namespace {

constexpr instant t0{1000s};  // any origin: nothing here reads a clock

limits times(std::chrono::milliseconds interval, std::chrono::milliseconds timeout,
             std::chrono::milliseconds ttl) {
    limits out;
    out.heartbeat_interval = interval;
    out.heartbeat_timeout = timeout;
    out.heartbeat_ttl = ttl;
    return out;
}

}  // namespace

TEST_CASE("zmtp heartbeat: a PING is due when nothing came for the interval, not before", "[zmtp]") {
    heartbeat beat{times(5s, 15s, 0s)};
    beat.received(t0);
    CHECK(beat.next() == t0 + 5s);
    CHECK(beat.due(t0 + 5s - 1ns) == action::none);
    CHECK(beat.due(t0 + 5s) == action::ping);
    beat.received(t0 + 4s);
    CHECK(beat.due(t0 + 5s) == action::none);
    CHECK(beat.next() == t0 + 9s);
}

TEST_CASE("zmtp heartbeat: silence after the PING ends it at the limit, one octet saves it", "[zmtp]") {
    heartbeat beat{times(5s, 15s, 0s)};
    beat.received(t0);
    beat.pinged(t0 + 5s);
    CHECK(beat.next() == t0 + 20s);
    CHECK(beat.due(t0 + 20s - 1ns) == action::none);
    CHECK(beat.due(t0 + 20s) == action::give_up);
    beat.received(t0 + 19s);
    CHECK(beat.due(t0 + 20s) == action::none);
    CHECK(beat.next() == t0 + 24s);
}

TEST_CASE("zmtp heartbeat: while the PING waits behind other output, progress moves the limit", "[zmtp]") {
    heartbeat beat{times(5s, 15s, 0s)};
    beat.received(t0);
    beat.pinged(t0 + 5s);
    beat.ping_progressed(t0 + 12s);
    CHECK(beat.due(t0 + 20s) == action::none);
    CHECK(beat.due(t0 + 27s) == action::give_up);
}

TEST_CASE("zmtp heartbeat: the peer's TTL counts from its PING and ends with its next frame", "[zmtp]") {
    heartbeat beat{times(0s, 0s, 0s)};
    beat.received(t0);
    CHECK_FALSE(beat.next());
    beat.peer_announced(1500ms);
    CHECK(beat.next() == t0 + 1500ms);
    CHECK(beat.due(t0 + 1500ms - 1ns) == action::none);
    CHECK(beat.due(t0 + 1500ms) == action::give_up);
    SECTION("by an octet") { beat.received(t0 + 1s); }
    SECTION("by a frame that came with the PING") { beat.peer_spoke(); }
    CHECK_FALSE(beat.next());
}

TEST_CASE("zmtp heartbeat: who only listens says PING again before its own TTL is over", "[zmtp]") {
    heartbeat beat{times(5s, 15s, 10s)};
    beat.received(t0);
    beat.pinged(t0 + 5s);
    beat.received(t0 + 6s);
    beat.received(t0 + 9s);  // the peer talks all the time
    CHECK(beat.next() == t0 + 10s);
    CHECK(beat.due(t0 + 10s) == action::ping);
    beat.pinged(t0 + 10s);
    CHECK(beat.next() == t0 + 14s);  // that PING was no question: the peer is alive
    beat.received(t0 + 11s);
    beat.sent();
    CHECK(beat.next() == t0 + 16s);
}

TEST_CASE("zmtp heartbeat: zero turns each timer off, and forever does not overflow", "[zmtp]") {
    heartbeat never{times(0s, 15s, 10s)};
    never.received(t0);
    CHECK_FALSE(never.next());
    CHECK(never.due(t0 + 100h) == action::none);

    heartbeat patient{times(5s, 0s, 0s)};
    patient.received(t0);
    patient.pinged(t0 + 5s);
    CHECK_FALSE(patient.next());

    auto const forever = std::chrono::milliseconds::max();
    heartbeat slow{times(forever, forever, forever)};
    slow.received(t0);
    REQUIRE(slow.next());
    CHECK(*slow.next() > t0 + 24h * 365);
}
