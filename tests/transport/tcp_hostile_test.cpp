#include <fastqueue/transport/tcp.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "support/catch.hpp"
#include "transport/tcp_world.hpp"

namespace {

using namespace fastqueue;
using namespace std::chrono_literals;
using test::post;

/// A peer that says what it likes. It never waits: the test's thread turns the transports too.
class raw_peer {
public:
    explicit raw_peer(std::uint16_t port) {
        socket_.connect({asio::ip::address_v4::loopback(), port});
        socket_.non_blocking(true);
    }
    /// How much the system took.
    std::size_t say(std::string_view octets) {
        std::error_code ec;
        return socket_.write_some(asio::buffer(octets.data(), octets.size()), ec);
    }
    /// Reads what is there; true once the other end has closed.
    [[nodiscard]] bool is_closed() {
        for (;;) {
            char buffer[4096];
            std::error_code ec;
            auto const n = socket_.read_some(asio::buffer(buffer), ec);
            heard.append(buffer, n);
            if (ec) return ec != asio::error::would_block;
        }
    }
    std::string heard;

private:
    asio::io_context io_;
    asio::ip::tcp::socket socket_{io_};
};

std::string const greeting =
    std::string{"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL", 16} + std::string(48, '\0');
std::string const ready_command = std::string{
    "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
    "DEALER",
    30};
std::string const one_message = std::string{"\0\x05hello", 7};

/// A listener, and an honest peer of it that must never notice what others do.
struct stage {
    test::tcp_world world;
    test::tcp_world::node& server;
    test::tcp_world::node& honest;
    endpoint where;
    peer_id honest_peer{};

    explicit stage(transport::tcp_options options = {}) : server{world.add(options)}, honest{world.add()} {
        REQUIRE_FALSE(server.transport.listen(world.address(), 1, where));
        honest_peer = honest.transport.dial(where, 1);
        REQUIRE(
            world.pump([&] { return honest.sink.arrivals.size() == 1 && server.sink.arrivals.size() == 1; }));
        server.sink.keep_letters = false;
    }
    void check_honest_peer_is_served() {
        auto const before = server.sink.letters_seen;
        REQUIRE_FALSE(post(honest.transport, honest_peer, {"still", "here"}));
        REQUIRE(world.pump([&] { return server.sink.letters_seen == before + 1; }));
        CHECK(honest.sink.endings.empty());
    }
};

void open_raw(stage& s, raw_peer& peer) {
    auto const before = s.server.sink.arrivals.size();
    peer.say(greeting + ready_command);
    REQUIRE(s.world.pump([&] { return s.server.sink.arrivals.size() == before + 1; }));
}

}  // namespace

TEST_CASE("tcp: fault 57: what is no ZMTP is closed at once and harms nobody else", "[transport]") {
    auto const garbage = GENERATE(std::string{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
                                  std::string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11},
                                  std::string{"SSH-2.0-OpenSSH_9.2\r\n"}, std::string(100'000, '\x55'));
    stage s;
    raw_peer bad{s.where.port};
    bad.say(garbage);
    REQUIRE(s.world.pump_for(1s, [&] { return bad.is_closed(); }));
    CHECK(s.server.sink.arrivals.size() == 1);  // the honest one: of the other nobody was told
    CHECK(s.server.sink.endings.empty());
    s.check_honest_peer_is_served();
}

TEST_CASE("tcp: fault 56: a handshake that is not completed in time is cut, trickling does not help",
          "[transport]") {
    transport::tcp_options options;
    options.limits.handshake_time = 100ms;
    stage s{options};
    raw_peer half{s.where.port};
    auto const begun = std::chrono::steady_clock::now();
    std::size_t said = 0;
    auto next = begun;
    REQUIRE(s.world.pump_for(5s, [&] {
        if (std::chrono::steady_clock::now() >= next && said < 40) {
            next += 5ms;
            half.say(greeting.substr(said++, 1));
        }
        return half.is_closed();
    }));
    auto const took = std::chrono::steady_clock::now() - begun;
    CHECK(took >= 95ms);
    CHECK(took < 3s);
    s.check_honest_peer_is_served();
}

TEST_CASE("tcp: fault 56: unfinished handshakes are limited per address, finished ones do not count",
          "[transport]") {
    transport::tcp_options options;
    options.max_handshakes_a_host = 3;
    stage s{options};
    std::deque<raw_peer> silent;
    for (int i = 0; i < 3; ++i) silent.emplace_back(s.where.port);
    REQUIRE(s.world.pump([&] {
        bool all = true;
        for (auto& p : silent) all = !p.is_closed() && p.heard.size() == 64 && all;
        return all;
    }));
    raw_peer fourth{s.where.port};
    REQUIRE(s.world.pump_for(1s, [&] { return fourth.is_closed(); }));
    CHECK(fourth.heard.empty());
    silent.pop_back();  // makes room
    auto fifth = std::make_unique<raw_peer>(s.where.port);
    REQUIRE(s.world.pump_for(2s, [&] {
        if (fifth->is_closed()) fifth = std::make_unique<raw_peer>(s.where.port);
        return fifth->heard.size() == 64;
    }));
    s.check_honest_peer_is_served();
}

TEST_CASE("tcp: connections over the limit are closed at once", "[transport]") {
    transport::tcp_options options;
    options.max_connections = 2;
    stage s{options};
    raw_peer second{s.where.port};
    open_raw(s, second);
    raw_peer third{s.where.port};
    REQUIRE(s.world.pump_for(1s, [&] { return third.is_closed(); }));
    CHECK_FALSE(second.is_closed());
    s.check_honest_peer_is_served();
}

TEST_CASE("tcp: fault 58: a frame of absurd size is refused before anything is allocated", "[transport]") {
    stage s;
    raw_peer bad{s.where.port};
    open_raw(s, bad);
    bad.say(std::string{"\x02\x7f\xff\xff\xff\xff\xff\xff\xff", 9});
    REQUIRE(s.world.pump_for(1s, [&] { return bad.is_closed(); }));
    REQUIRE(s.server.sink.endings.size() == 1);
    CHECK(s.server.sink.endings[0].why == errc::frame_too_large);
    s.check_honest_peer_is_served();
}

TEST_CASE("tcp: a peer whose socket type does not fit is told so by an ERROR before the end", "[transport]") {
    stage s;
    raw_peer pull{s.where.port};
    pull.say(greeting + std::string{"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL", 28});
    REQUIRE(s.world.pump_for(1s, [&] { return pull.is_closed(); }));
    CHECK(pull.heard.find("\x05"
                          "ERROR") != std::string::npos);
    CHECK(s.server.sink.arrivals.size() == 1);
    s.check_honest_peer_is_served();
}

TEST_CASE("tcp: fault 44: a message that is cut at any octet is never delivered in part", "[transport]") {
    stage s;
    std::string const message = std::string{"\x01\x04head\x00\x05hello", 13};
    for (std::size_t cut = 0; cut <= message.size(); ++cut) {
        auto const before = s.server.sink.letters_seen;
        auto const ended = s.server.sink.endings.size();
        {
            raw_peer peer{s.where.port};
            open_raw(s, peer);
            peer.say(message.substr(0, cut));
        }
        REQUIRE(s.world.pump([&] { return s.server.sink.endings.size() == ended + 1; }));
        CHECK(s.server.sink.endings.back().why == errc::connection_lost);
        CHECK(s.server.sink.letters_seen == before + (cut == message.size() ? 1 : 0));
    }
    s.check_honest_peer_is_served();
}

TEST_CASE("tcp: fault 46: a peer that never reads is cut, with bounded memory, and others are served",
          "[transport]") {
    transport::tcp_options options;
    options.limits.send_queue_bytes = 8U << 20U;
    stage s{options};
    raw_peer lazy{s.where.port};
    open_raw(s, lazy);
    auto const peer = s.server.sink.arrivals.back().peer;
    std::string const megabyte(1U << 20U, 'x');
    std::error_code last;
    int sent = 0;
    REQUIRE(s.world.pump([&] {
        if (!last) last = post(s.server.transport, peer, {megabyte});
        ++sent;
        return s.server.sink.has_closed(peer);
    }));
    CHECK(last == errc::send_queue_full);
    CHECK(s.server.sink.why_closed(peer) == errc::send_queue_full);
    CHECK(sent < 64);  // what we hold and what the system holds
    s.check_honest_peer_is_served();
}

TEST_CASE("tcp: a peer that asks and never reads the answers is not read from beyond a mark", "[transport]") {
    transport::tcp_options options;
    options.read_pause_bytes = 1U << 20U;
    options.read_bytes = 1024;
    options.limits.heartbeat_interval = 0ms;
    stage s{options};
    std::string const answer(100'000, 'a');
    s.server.sink.on_message = [&](peer_id p, auto) { (void)post(s.server.transport, p, {answer}); };
    raw_peer greedy{s.where.port};
    open_raw(s, greedy);
    std::string questions;
    for (int i = 0; i < 10; ++i) questions += one_message;
    auto const before = s.server.sink.letters_seen;
    (void)s.world.pump_for(1s, [&] {
        greedy.say(questions);
        return false;
    });
    auto const answered = s.server.sink.letters_seen - before;
    CHECK(answered > 10);
    CHECK(s.server.sink.endings.empty());  // it was slowed down, not cut
    (void)s.world.pump_for(200ms, [] { return false; });
    CHECK(s.server.sink.letters_seen - before == answered);
    // Once it reads, it goes on.
    REQUIRE(s.world.pump([&] {
        (void)greedy.is_closed();
        return s.server.sink.letters_seen - before > answered;
    }));
}

TEST_CASE("tcp: what a peer sent before it reset the connection is told first", "[transport]") {
    stage s;
    auto peer = std::make_unique<raw_peer>(s.where.port);
    open_raw(s, *peer);
    auto const id = s.server.sink.arrivals.back().peer;
    peer->say(one_message);
    peer.reset();  // with our greeting unread: the system sends a reset
    REQUIRE(s.world.pump([&] { return s.server.sink.has_closed(id); }));
    CHECK(s.server.sink.letters_seen == 1);
    CHECK(s.server.sink.why_closed(id) == errc::connection_lost);
}

TEST_CASE("tcp: fault 50: without descriptors accepting rests, and goes on when there are some",
          "[transport]") {
    stage s;
    ::rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    raw_peer late{s.where.port};  // waits in the backlog
    int const next = ::dup(0);
    REQUIRE(next >= 0);
    ::close(next);
    ::rlimit low = before;
    low.rlim_cur = static_cast<::rlim_t>(next);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    (void)s.world.pump_for(300ms, [] { return false; });
    CHECK_FALSE(late.is_closed());
    CHECK(late.heard.empty());
    s.check_honest_peer_is_served();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    REQUIRE(s.world.pump_for(2s, [&] { return !late.is_closed() && late.heard.size() == 64; }));
}
