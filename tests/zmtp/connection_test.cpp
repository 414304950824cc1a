#include <fastqueue/zmtp/connection.hpp>

#include "zmtp/support.hpp"

#include <memory>
#include <random>

using namespace fastqueue;
using namespace fastqueue::zmtp;
using namespace zmtp_test;

namespace {

constexpr instant t0{};

std::string frame(std::uint8_t flags, std::string_view body) {
    std::string out;
    append_frame(out, flags, body);
    return out;
}

std::string ready(std::string_view type, std::string_view more = {}) {
    std::string metadata;
    append_property(metadata, "Socket-Type", type);
    metadata.append(more);
    std::string out;
    append_command(out, "READY", metadata);
    return out;
}

std::string property(std::string_view name, std::string_view value) {
    std::string out;
    append_property(out, name, value);
    return out;
}

// What a fresh ROUTER makes of `bytes` after a good greeting, and what it says after its own READY.
struct verdict {
    std::error_code error;
    std::string text;
    std::string said;
};

verdict after_greeting(std::string_view bytes, bool slowly = false) {
    recorder sink;
    connection c{router(), t0};
    REQUIRE_FALSE(c.receive(greeting(), t0, sink));
    drain(c);
    verdict out;
    std::size_t const step = slowly ? 1 : bytes.size();
    for (std::size_t at = 0; at < bytes.size() && !out.error; at += step) {
        out.error = c.receive(bytes.substr(at, step), t0, sink);
    }
    out.text = c.error_text();
    out.said = drain(c);
    CHECK(c.ready() == !out.error);
    return out;
}

std::string error_command(std::string_view reason) {
    std::string out;
    append_command(out, "ERROR", error_data(reason));
    return out;
}

}  // namespace

// ---- handshake ----

TEST_CASE("zmtp connection: the whole greeting is sent unasked", "[zmtp]") {
    connection c{{}, t0};
    CHECK(c.pending() == greeting());
    CHECK_FALSE(c.ready());
}

TEST_CASE("zmtp connection: READY follows the peer's greeting, and nothing more before the peer's READY",
          "[zmtp]") {
    recorder sink;
    connection c{{}, t0};
    drain(c);
    auto const theirs = greeting();
    REQUIRE_FALSE(c.receive(std::string_view{theirs}.substr(0, 63), t0, sink));
    CHECK(c.pending().empty());
    REQUIRE_FALSE(c.receive(std::string_view{theirs}.substr(63), t0, sink));
    CHECK(drain(c) == ready_of_dealer());
    CHECK(send(c, {"early"}) == errc::connection_lost);
    CHECK(c.pending().empty());
    CHECK(sink.readies == 0);
    REQUIRE_FALSE(c.receive(ready("ROUTER"), t0, sink));
    CHECK(sink.readies == 1);
    CHECK(c.ready());
    CHECK(c.peer_type() == socket_type::router);
    CHECK(c.pending().empty());
    REQUIRE_FALSE(send(c, {"now"}));
    CHECK(drain(c) == hex("00 03 6e 6f 77"));
}

TEST_CASE("zmtp connection: READY is as libzmq's for each type", "[zmtp]") {
    auto const ready_bytes = [](socket_type type, std::string identity = {}) {
        recorder sink;
        connection c{{type, false, std::move(identity), {}}, t0};
        drain(c);
        REQUIRE_FALSE(c.receive(greeting(), t0, sink));
        return drain(c);
    };
    CHECK(ready_bytes(socket_type::req) ==
          hex("04 26 05 52 45 41 44 59 0b 53 6f 63 6b 65 74 2d 54 79 70 65 00 00 00 03 52 45 51"
              "08 49 64 65 6e 74 69 74 79 00 00 00 00"));
    CHECK(ready_bytes(socket_type::dealer) == ready_of_dealer());
    auto const worker = ready_bytes(socket_type::dealer, "worker-1");
    CHECK(worker.size() == 51);
    CHECK(worker.substr(0, 2) == hex("04 31"));
    CHECK(worker.substr(30) == hex("08") + "Identity" + hex("00 00 00 08 77 6f 72 6b 65 72 2d 31"));
    CHECK(ready_bytes(socket_type::sub) ==
          hex("04 19 05 52 45 41 44 59 0b 53 6f 63 6b 65 74 2d 54 79 70 65 00 00 00 03 53 55 42"));
    CHECK(ready_bytes(socket_type::router).size() == 43);
    CHECK(ready_bytes(socket_type::push).substr(0, 2) == hex("04 1a"));
    CHECK(ready_bytes(socket_type::pull).size() == 28);
}

TEST_CASE("zmtp connection: a captured libzmq REQ is served octet by octet", "[zmtp]") {
    auto wire = greeting() +
                hex("04 26 05 52 45 41 44 59 0b 53 6f 63 6b 65 74 2d 54 79 70 65 00 00 00 03 52 45 51"
                    "08 49 64 65 6e 74 69 74 79 00 00 00 00 01 00 01 05 68 65 6c 6c 6f") +
                hex("02 00 00 00 00 00 00 01 2c") + std::string(300, 'w');
    recorder sink;
    connection c{router(), t0};
    for (auto const octet : wire) REQUIRE_FALSE(c.receive({&octet, 1}, t0, sink));
    CHECK(c.peer_type() == socket_type::req);
    CHECK(sink.readies == 1);
    CHECK(sink.messages == std::vector<frame_list>{{"", "hello", std::string(300, 'w')}});
}

TEST_CASE("zmtp connection: handshake and first messages may come in one piece", "[zmtp]") {
    recorder sink;
    connection c{router(), t0};
    REQUIRE_FALSE(
        c.receive(greeting() + ready("DEALER", property("Identity", "me")) + frame(0, "x"), t0, sink));
    CHECK(sink.readies == 1);
    CHECK(sink.messages == std::vector<frame_list>{{"x"}});
    CHECK(c.peer_identity() == "me");
}

TEST_CASE("zmtp connection: a bad greeting ends it, without an answer", "[zmtp]") {
    recorder sink;
    connection c{router(), t0};
    drain(c);
    CHECK(c.receive("GET / HTTP/1.1\r\n", t0, sink) == errc::bad_greeting);
    CHECK_FALSE(c.error_text().empty());
    CHECK(c.pending().empty());
    CHECK(c.receive("more", t0, sink) == errc::bad_greeting);
    CHECK(c.tick(t0 + 1h) == errc::bad_greeting);
    CHECK_FALSE(c.next_deadline());
    connection old{router(), t0};
    CHECK(old.receive(hex("ff 00 00 00 00 00 00 00 01 7f 01"), t0, sink) == errc::unsupported_zmtp_version);
    connection other{router(), t0};
    CHECK(other.receive(greeting().replace(12, 5, "PLAIN"), t0, sink) == errc::mechanism_mismatch);
}

TEST_CASE("zmtp connection: a socket type that does not fit is told so with ERROR", "[zmtp]") {
    for (bool const slowly : {false, true}) {
        auto const got = after_greeting(ready("PUB") + frame(0, "never delivered"), slowly);
        CHECK(got.error == errc::socket_type_mismatch);
        CHECK(got.text == "ROUTER does not talk to PUB");
        CHECK(got.said == error_command("ROUTER does not talk to PUB"));
    }
    CHECK(after_greeting(ready("dealer")).error == errc::socket_type_mismatch);
    CHECK(after_greeting(ready("REP")).error == errc::socket_type_mismatch);
    CHECK(after_greeting(ready("D\n")).text == "ROUTER does not talk to D?");
    CHECK_FALSE(after_greeting(ready("REQ")).error);
    CHECK_FALSE(after_greeting(ready("ROUTER")).error);
}

TEST_CASE("zmtp connection: a PUSH sends what others may, and keeps little of what its PULL says", "[zmtp]") {
    connection c{{socket_type::push, false, {}, {}}, t0};
    recorder sink;
    REQUIRE_FALSE(c.receive(greeting() + ready("PULL"), t0, sink));
    REQUIRE(c.ready());
    REQUIRE_FALSE(send(c, {std::string(1U << 20U, 'x')}));
    REQUIRE_FALSE(c.receive(frame(0, std::string(200, 'y')), t0, sink));
    CHECK(c.receive(frame(0, std::string(handshake_frame_bytes + 1, 'y')), t0, sink) ==
          errc::frame_too_large);
}

TEST_CASE("zmtp connection: metadata are read strictly, unknown properties skipped", "[zmtp]") {
    CHECK_FALSE(after_greeting(ready("DEALER", property("X-Anything", "?"))).error);
    CHECK_FALSE(after_greeting(ready("DEALER")).error);  // no Identity
    CHECK(after_greeting(ready("DEALER", "\1")).error == errc::bad_metadata);
    CHECK(after_greeting(ready("DEALER", property("Identity", std::string(256, 'i')))).error ==
          errc::bad_metadata);
    CHECK_FALSE(after_greeting(ready("DEALER", property("Identity", std::string(255, 'i')))).error);
    CHECK(after_greeting(ready("DEALER", property("Identity", std::string(1, '\0')))).error ==
          errc::bad_metadata);
    auto const none = after_greeting(frame(4, "\5READY"));
    CHECK(none.error == errc::bad_metadata);
    CHECK(none.said == error_command("Socket-Type is missing"));
}

TEST_CASE("zmtp connection: only its own commands belong into a handshake", "[zmtp]") {
    CHECK(after_greeting(frame(0, "\5READY")).error == errc::bad_command);
    CHECK(after_greeting(frame(0, "")).error == errc::bad_command);
    CHECK(after_greeting(frame(4, "")).error == errc::bad_command);
    CHECK(after_greeting(frame(4, "\7WELCOME")).error == errc::bad_command);
    CHECK(after_greeting(frame(4, hex("04 50 49 4e 47 00 00"))).error == errc::bad_command);
    CHECK(after_greeting(hex("05 00")).error == errc::reserved_flag_set);
    CHECK(after_greeting(hex("06 00 00 00 00 00 00 10 01")).error == errc::frame_too_large);
    auto const largest = ready("DEALER", property("X", std::string(4096 - 6 - 6 - 22, 'x')));
    CHECK(largest.size() == 9 + 4096);
    CHECK_FALSE(after_greeting(largest).error);
}

TEST_CASE("zmtp connection: the peer's ERROR is kept as its own words", "[zmtp]") {
    for (auto const* wire : {"04 0a 05 45 52 52 4f 52 03 34 30 30", "04 09 5e 52 52 4f 52 03 34 30 30"}) {
        auto const got = after_greeting(hex(wire));
        CHECK(got.error == errc::peer_error);
        CHECK(got.text == "400");
        CHECK(got.said.empty());
    }
    CHECK(after_greeting(error_command("")).text == "the peer sent ERROR");
    open_router late;
    CHECK(late.receive(error_command("go\naway")) == errc::peer_error);
    CHECK(late.connection.error_text() == "go?away");
}

TEST_CASE("zmtp connection: an identity that no peer would take is refused by the constructor", "[zmtp]") {
    auto const make = [](std::string identity) {
        connection c{{socket_type::dealer, false, std::move(identity), {}}, t0};
    };
    CHECK_THROWS_AS(make(std::string(256, 'x')), error);
    CHECK_THROWS_AS(make(std::string(1, '\0')), error);
    CHECK_NOTHROW(make(std::string(255, 'x')));
}

// ---- traffic ----

TEST_CASE("zmtp connection: frames are written as libzmq writes them", "[zmtp]") {
    open_router c;
    auto const wire = [&](frame_list const& m) {
        REQUIRE_FALSE(send(c.connection, m));
        return drain(c.connection);
    };
    CHECK(wire({"", "hi"}) == hex("01 00 00 02 68 69"));
    CHECK(wire({"x"}) == hex("00 01 78"));
    CHECK(wire({""}) == hex("00 00"));
    CHECK(wire({std::string(255, 'a')}) == hex("00 ff") + std::string(255, 'a'));
    CHECK(wire({std::string(256, 'a')}) == hex("02 00 00 00 00 00 00 01 00") + std::string(256, 'a'));
    CHECK(wire({std::string(300, 'a'), ""}) ==
          hex("03 00 00 00 00 00 00 01 2c") + std::string(300, 'a') + hex("00 00"));
}

TEST_CASE("zmtp connection: empty messages and long forms of short bodies are delivered", "[zmtp]") {
    open_router c;
    REQUIRE_FALSE(c.receive(hex("00 00 02 00 00 00 00 00 00 00 01 78")));
    CHECK(c.sink.messages == std::vector<frame_list>{{""}, {"x"}});
}

TEST_CASE("zmtp connection: commands between the frames of a message do not disturb it", "[zmtp]") {
    open_router c;
    auto const wire = frame(1, "a") + frame(4, hex("04 50 49 4e 47 00 00") + "ctx") + frame(1, "b") +
                      frame(4, "\7UNKNOWNdata") + frame(4, "\x09SUBSCRIBEtopic") + frame(4, "\6CANCELtopic") +
                      frame(4, "\4PONG") + frame(4, "\5READY") + frame(0, "c");
    REQUIRE_FALSE(c.receive(wire));
    CHECK(c.sink.messages == std::vector<frame_list>{{"a", "b", "c"}});
    CHECK(c.sink.readies == 1);
    CHECK(drain(c.connection) == hex("04 08 04 50 4f 4e 47 63 74 78"));
}

TEST_CASE("zmtp connection: what breaks the framing ends the connection", "[zmtp]") {
    auto const result = [](std::string const& wire) {
        open_router c;
        auto const error = c.receive(wire);
        CHECK_FALSE(c.connection.ready());
        CHECK(c.connection.pending().empty());
        return error;
    };
    CHECK(result(hex("05 00")) == errc::reserved_flag_set);
    CHECK(result(hex("f8 02 68 69")) == errc::reserved_flag_set);
    CHECK(result(hex("02 80 00 00 00 00 00 00 00")) == errc::frame_too_large);
    CHECK(result(hex("04 00")) == errc::bad_command);
    CHECK(result(hex("04 02 05 52")) == errc::bad_command);
    CHECK(result(hex("04 05 04 50 49 4e 47")) == errc::bad_command);     // PING without TTL
    CHECK(result(hex("04 06 04 50 49 4e 47 00")) == errc::bad_command);  // half a TTL
    CHECK(result(hex("04 18 04 50 49 4e 47 00 00") + std::string(17, 'c')) == errc::bad_command);
}

TEST_CASE("zmtp connection: messages before an error in the same piece are delivered, a half one never",
          "[zmtp]") {
    open_router c;
    CHECK(c.receive(frame(0, "good") + frame(1, "half") + hex("ff")) == errc::reserved_flag_set);
    CHECK(c.sink.messages == std::vector<frame_list>{{"good"}});
    CHECK(send(c.connection, {"x"}) == errc::connection_lost);
    CHECK(c.connection.buffered_bytes() < 1000);
}

TEST_CASE("zmtp connection: the limits hold in both directions, exactly", "[zmtp]") {
    auto options = router();
    options.limits.frame_bytes = 10;
    options.limits.message_bytes = 15;
    options.limits.message_frames = 3;
    open_router c{options};
    auto const ten = std::string(10, 'x');
    CHECK_FALSE(send(c.connection, {ten, "12345"}));
    CHECK_FALSE(send(c.connection, {"", "", ""}));
    drain(c.connection);
    CHECK(send(c.connection, {ten + "x"}) == errc::message_too_large);
    CHECK(send(c.connection, {ten, "123456"}) == errc::message_too_large);
    CHECK(send(c.connection, {"", "", "", ""}) == errc::message_too_large);
    CHECK(send(c.connection, {}) == errc::message_too_large);
    CHECK(c.connection.pending().empty());
    CHECK(c.connection.ready());
    CHECK_FALSE(c.receive(frame(1, ten) + frame(0, "12345")));
    CHECK(c.receive(frame(1, ten) + hex("00 06")) == errc::message_too_large);
}

TEST_CASE("zmtp connection: the send queue is limited exactly, and a refused message leaves no trace",
          "[zmtp]") {
    auto options = router();
    options.limits.send_queue_bytes = 100;
    open_router c{options};
    CHECK_FALSE(send(c.connection, {std::string(48, 'a')}));
    CHECK(send(c.connection, {std::string(49, 'b')}) == errc::send_queue_full);
    CHECK(send(c.connection, {std::string(48, 'b'), ""}) == errc::send_queue_full);
    CHECK_FALSE(send(c.connection, {std::string(48, 'c')}));
    CHECK(send(c.connection, {""}) == errc::send_queue_full);
    auto const all = frame(0, std::string(48, 'a')) + frame(0, std::string(48, 'c'));
    CHECK(c.connection.pending() == all);
    c.connection.consumed(2, t0);
    CHECK_FALSE(send(c.connection, {""}));
    CHECK(drain(c.connection) == all.substr(2) + frame(0, ""));
    CHECK(send(c.connection, {std::string(99, 'd')}) == errc::send_queue_full);
}

TEST_CASE("zmtp connection: a large message is offered before it is copied, and what is not taken waits",
          "[zmtp]") {
    std::string const body(100'000, 'x');
    auto const whole = frame(0, body);
    for (std::size_t const taken :
         {std::size_t{0}, std::size_t{3}, std::size_t{9}, std::size_t{5000}, whole.size()}) {
        open_router c;
        std::string written;
        auto const write = [&](std::span<std::string_view const> parts) {
            for (auto const part : parts) written += part;
            written.resize(taken);
            return taken;
        };
        std::string_view const frames[] = {body};
        REQUIRE_FALSE(c.connection.send(frames, write));
        CHECK(c.connection.pending().size() == whole.size() - taken);
        CHECK(written + drain(c.connection) == whole);
    }
}

TEST_CASE("zmtp connection: nothing overtakes what waits, and small or refused messages are not offered",
          "[zmtp]") {
    auto options = router();
    options.limits.send_queue_bytes = 150'000;
    open_router c{options};
    auto const never = [](std::span<std::string_view const>) -> std::size_t {
        FAIL("offered");
        return 0;
    };
    std::string const large(100'000, 'x');
    std::string const too_large(150'000, 'x');
    std::string_view const small[] = {"hi"};
    std::string_view const big[] = {large};
    std::string_view const over[] = {too_large};
    std::string_view const two[] = {large, "x"};
    CHECK(c.connection.send(over, never) == errc::send_queue_full);
    CHECK_FALSE(c.connection.send(small, never));
    CHECK_FALSE(c.connection.send(big, never));
    CHECK(drain(c.connection) == frame(0, "hi") + frame(0, large));
    CHECK_FALSE(c.connection.send(two, never));
}

TEST_CASE("zmtp connection: a sink may answer from within", "[zmtp]") {
    struct echo {
        connection& self;
        void ready() { CHECK_FALSE(zmtp_test::send(self, {"welcome"})); }
        void message(std::span<std::string_view const> frames) { CHECK_FALSE(self.send(frames)); }
    };
    connection c{router(), t0};
    echo sink{c};
    REQUIRE_FALSE(c.receive(greeting() + ready_of_dealer() + frame(1, "a") + frame(0, "b"), t0, sink));
    auto const out = drain(c);
    CHECK(out.substr(64 + 43) == frame(0, "welcome") + frame(1, "a") + frame(0, "b"));
}

TEST_CASE("zmtp connection: what a sink answers from within can be written from within", "[zmtp]") {
    struct echo {
        connection& self;
        std::string& written;
        void ready() { written += drain(self); }
        void message(std::span<std::string_view const> frames) {
            CHECK_FALSE(self.send(frames));
            written += drain(self);
        }
    };
    connection c{router(), t0};
    std::string written;
    echo sink{c, written};
    REQUIRE_FALSE(c.receive(greeting() + ready_of_dealer() + frame(0, "a") + frame(0, "b"), t0, sink));
    CHECK(c.pending().empty());
    CHECK(written.substr(64 + 43) == frame(0, "a") + frame(0, "b"));
}

TEST_CASE("zmtp connection: PONGs that are not read are one and then the latest", "[zmtp]") {
    open_router c;
    auto const ping = [](std::string_view context) {
        return frame(4, hex("04 50 49 4e 47 00 00") + std::string{context});
    };
    auto const pong = [](std::string_view context) { return frame(4, "\4PONG" + std::string{context}); };
    for (int i = 0; i < 500; ++i) REQUIRE_FALSE(c.receive(ping(std::to_string(i))));
    CHECK(c.connection.pending() == pong("0"));
    CHECK(c.connection.buffered_bytes() < 1000);
    c.connection.consumed(3, t0);  // a part only
    CHECK(c.connection.pending() == pong("0").substr(3));
    CHECK(drain(c.connection) == pong("0").substr(3) + pong("499"));
    REQUIRE_FALSE(c.receive(ping(std::string(16, 'c'))));
    CHECK(drain(c.connection) == pong(std::string(16, 'c')));
    CHECK(c.connection.pending().empty());
}

TEST_CASE("zmtp connection: an idle one holds almost no memory, after a burst too", "[zmtp]") {
    open_router c;
    CHECK(c.connection.buffered_bytes() < 512);
    std::string const big(1'000'000, 'x');
    auto const wire = frame(1, big) + frame(0, big);
    REQUIRE_FALSE(c.receive(std::string_view{wire}.substr(0, 1'500'000)));
    CHECK(c.connection.buffered_bytes() >= 1'500'000);
    REQUIRE_FALSE(c.receive(std::string_view{wire}.substr(1'500'000)));
    REQUIRE(c.sink.messages.size() == 1);
    REQUIRE_FALSE(send(c.connection, {big, big}));
    drain(c.connection);
    auto const silence = c.connection.next_deadline();
    REQUIRE(silence);
    REQUIRE_FALSE(c.connection.tick(*silence));
    CHECK(c.connection.buffered_bytes() < 512);
}

// ---- time ----

TEST_CASE("zmtp connection: the handshake's time is not extended by trickling", "[zmtp]") {
    recorder sink;
    connection c{router(), t0};
    CHECK(c.next_deadline() == t0 + 30s);
    auto const wire = greeting() + ready_of_dealer();
    for (std::size_t i = 0; i < 100; ++i) {
        auto const now = t0 + 250ms * static_cast<int>(i);
        REQUIRE_FALSE(c.receive(std::string_view{wire}.substr(i, 1), now, sink));
        REQUIRE(c.next_deadline() == t0 + 30s);
    }
    CHECK_FALSE(c.tick(t0 + 30s - 1ns));
    CHECK(c.tick(t0 + 30s) == errc::handshake_timeout);
    CHECK_FALSE(c.next_deadline());
    CHECK(c.receive(std::string_view{wire}.substr(100), t0 + 31s, sink) == errc::handshake_timeout);
    CHECK(sink.readies == 0);
}

TEST_CASE("zmtp connection: READY ends the handshake's time", "[zmtp]") {
    recorder sink;
    connection c{router(), t0};
    REQUIRE_FALSE(c.receive(greeting() + ready_of_dealer(), t0 + 29s, sink));
    CHECK(c.next_deadline() == t0 + 34s);
    CHECK_FALSE(c.tick(t0 + 30s));
    CHECK(c.ready());
}

TEST_CASE("zmtp connection: a silent peer is asked with PING and then given up", "[zmtp]") {
    open_router c;
    CHECK(c.connection.next_deadline() == t0 + 5s);
    CHECK_FALSE(c.connection.tick(t0 + 5s - 1ns));
    CHECK(c.connection.pending().empty());
    CHECK_FALSE(c.connection.tick(t0 + 5s));
    CHECK(drain(c.connection, t0 + 5s) == hex("04 07 04 50 49 4e 47 01 2c"));
    SECTION("no octet came") {
        CHECK(c.connection.next_deadline() == t0 + 20s);
        CHECK_FALSE(c.connection.tick(t0 + 20s - 1ns));
        CHECK(c.connection.tick(t0 + 20s) == errc::heartbeat_timeout);
        CHECK_FALSE(c.connection.ready());
    }
    SECTION("half a frame came") {
        REQUIRE_FALSE(c.receive(hex("00"), t0 + 19s));
        CHECK_FALSE(c.connection.tick(t0 + 20s));
        CHECK(c.connection.next_deadline() == t0 + 24s);
    }
    SECTION("a PONG came") {
        REQUIRE_FALSE(c.receive(hex("04 05 04 50 4f 4e 47"), t0 + 6s));
        CHECK(c.connection.next_deadline() == t0 + 11s);
    }
}

TEST_CASE("zmtp connection: a PING that cannot leave is not repeated, and progress keeps the peer",
          "[zmtp]") {
    open_router c;
    REQUIRE_FALSE(send(c.connection, {std::string(1000, 'x')}));
    static_cast<void>(c.connection.pending());
    REQUIRE_FALSE(c.connection.tick(t0 + 5s));
    auto const queued = c.connection.buffered_bytes();
    c.connection.consumed(500, t0 + 18s);  // it reads, slowly
    CHECK_FALSE(c.connection.tick(t0 + 20s));
    CHECK(c.connection.next_deadline() == t0 + 33s);
    CHECK(c.connection.tick(t0 + 33s) == errc::heartbeat_timeout);
    CHECK(c.connection.buffered_bytes() == queued);
}

TEST_CASE("zmtp connection: the peer's TTL is kept, and off where it is zero", "[zmtp]") {
    auto options = router();
    options.limits.heartbeat_interval = 0ms;
    open_router c{options};
    CHECK_FALSE(c.connection.next_deadline());
    REQUIRE_FALSE(c.receive(hex("04 07 04 50 49 4e 47 00 0f"), t0 + 1s));
    CHECK(c.connection.next_deadline() == t0 + 2500ms);
    SECTION("silence") { CHECK(c.connection.tick(t0 + 2500ms) == errc::heartbeat_timeout); }
    SECTION("another frame") {
        REQUIRE_FALSE(c.receive(frame(0, "x"), t0 + 2s));
        CHECK_FALSE(c.connection.next_deadline());
    }
    SECTION("a frame in the same piece") {
        REQUIRE_FALSE(c.receive(hex("04 07 04 50 49 4e 47 00 0f 00 00"), t0 + 2s));
        CHECK_FALSE(c.connection.next_deadline());
    }
    SECTION("half a frame in the same piece") {
        REQUIRE_FALSE(c.receive(hex("04 07 04 50 49 4e 47 00 0f 00"), t0 + 2s));
        CHECK_FALSE(c.connection.next_deadline());
    }
    SECTION("a whole frame of an unfinished message in the same piece") {
        REQUIRE_FALSE(c.receive(hex("04 07 04 50 49 4e 47 00 0f 01 00"), t0 + 2s));
        CHECK_FALSE(c.connection.next_deadline());
    }
    SECTION("the same, of a message begun before the PING") {
        REQUIRE_FALSE(c.receive(hex("01 01 78 04 07 04 50 49 4e 47 00 0f 01 00"), t0 + 2s));
        CHECK_FALSE(c.connection.next_deadline());
    }
    SECTION("a PING between the frames of a message") {
        REQUIRE_FALSE(c.receive(hex("01 01 78") + hex("04 07 04 50 49 4e 47 00 0f"), t0 + 2s));
        CHECK(c.connection.next_deadline() == t0 + 3500ms);
    }
    SECTION("a PING without TTL") {
        REQUIRE_FALSE(c.receive(hex("04 07 04 50 49 4e 47 00 00"), t0 + 2s));
        CHECK_FALSE(c.connection.next_deadline());
    }
}

TEST_CASE("zmtp connection: zero turns the handshake's time off", "[zmtp]") {
    auto options = router();
    options.limits.handshake_time = 0ms;
    connection c{options, t0};
    CHECK_FALSE(c.next_deadline());
    CHECK_FALSE(c.tick(t0 + 1000h));
}

// ---- two of them ----

namespace {

// Moves a random number of octets from one to the other, at most what waits.
bool carry(connection& from, connection& to, recorder& sink, std::mt19937& random, instant now) {
    auto const waiting = from.pending();
    if (waiting.empty()) return false;
    std::size_t const most = random() % 4 == 0 ? waiting.size() : std::min<std::size_t>(waiting.size(), 40);
    auto const n = 1 + random() % most;
    REQUIRE_FALSE(to.receive(waiting.substr(0, n), now, sink));
    from.consumed(n, now);
    return true;
}

frame_list random_message(std::mt19937& random) {
    frame_list out(1 + random() % 5);
    for (auto& f : out) {
        std::size_t const sizes[]{0, 1, random() % 20, 250 + random() % 10, random() % 3000};
        f.assign(sizes[random() % 5], static_cast<char>(random() % 256));
    }
    return out;
}

}  // namespace

TEST_CASE("zmtp connection: DEALER and ROUTER exchange what was sent, whatever the splitting", "[zmtp]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random{seed};
    connection dealer{{socket_type::dealer, false, "dealer-1", {}}, t0};
    connection router_side{router(), t0};
    recorder at_dealer;
    recorder at_router;
    std::vector<frame_list> to_router;
    std::vector<frame_list> to_dealer;
    auto now = t0;
    for (int turn = 0; turn < 4000; ++turn) {
        now += std::chrono::milliseconds{random() % 3000};  // PINGs fall between
        REQUIRE_FALSE(dealer.tick(now));
        REQUIRE_FALSE(router_side.tick(now));
        for (int i = 0; i < 4; ++i) carry(dealer, router_side, at_router, random, now);
        for (int i = 0; i < 4; ++i) carry(router_side, dealer, at_dealer, random, now);
        if (random() % 8 == 0 && dealer.ready())
            REQUIRE_FALSE(send(dealer, to_router.emplace_back(random_message(random))));
        if (random() % 8 == 0 && router_side.ready()) {
            REQUIRE_FALSE(send(router_side, to_dealer.emplace_back(random_message(random))));
        }
    }
    bool moved = true;
    while (moved) {
        moved = carry(dealer, router_side, at_router, random, now);
        moved = carry(router_side, dealer, at_dealer, random, now) || moved;
    }
    CHECK(router_side.peer_identity() == "dealer-1");
    CHECK(to_router.size() > 100);
    CHECK(at_router.messages == to_router);
    CHECK(at_dealer.messages == to_dealer);
    CHECK(at_router.readies + at_dealer.readies == 2);
}

TEST_CASE("zmtp connection: two silent ones keep each other alive with heartbeats alone", "[zmtp]") {
    std::mt19937 random{1};
    connection a{{}, t0};
    connection b{router(), t0};
    recorder sink;
    auto now = t0;
    for (int i = 0; i < 2000; ++i) {
        while (carry(a, b, sink, random, now) || carry(b, a, sink, random, now)) {}
        REQUIRE(a.next_deadline());
        REQUIRE(b.next_deadline());
        now = std::min(*a.next_deadline(), *b.next_deadline());
        REQUIRE_FALSE(a.tick(now));
        REQUIRE_FALSE(b.tick(now));
    }
    CHECK(now > t0 + 1h);
    CHECK(a.buffered_bytes() + b.buffered_bytes() < 1000);
}

TEST_CASE("zmtp connection: a talker and a mere listener keep each other alive", "[zmtp]") {
    connection talker{{}, t0};
    connection listener{router(), t0};
    recorder sink;
    std::mt19937 random{2};
    auto now = t0;
    for (int second = 0; second < 1000; ++second, now += 1s) {
        while (carry(talker, listener, sink, random, now) || carry(listener, talker, sink, random, now)) {}
        // 20 s of silence make the listener ask once; afterwards the talker never lets it wait again.
        if (second > 20 && talker.ready()) REQUIRE_FALSE(send(talker, {"tick"}));
        REQUIRE_FALSE(talker.tick(now));
        REQUIRE_FALSE(listener.tick(now));
    }
    CHECK(talker.ready());
    CHECK(listener.ready());
}
