#include <fastqueue/transport/tcp.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "transport/tcp_world.hpp"

namespace {

using namespace fastqueue;
using namespace std::chrono_literals;
using test::post;

std::vector<int> open_descriptors() {
    std::vector<int> found;
    auto* const folder = ::opendir("/proc/self/fd");
    if (folder == nullptr) return found;
    while (auto const* entry = ::readdir(folder)) {
        if (entry->d_name[0] != '.') found.push_back(std::stoi(entry->d_name));
    }
    ::closedir(folder);
    return found;
}

bool has_ipv6() {
    asio::io_context io;
    asio::ip::tcp::acceptor acceptor{io};
    std::error_code ec;
    acceptor.open(asio::ip::tcp::v6(), ec);
    if (!ec) acceptor.bind({asio::ip::address_v6::loopback(), 0}, ec);
    return !ec;
}

void talk(test::tcp_world& world, endpoint const& listen_at, std::string const& dial_host,
          std::string const& seen_as) {
    auto& server = world.add();
    auto& client = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen(listen_at, 1, where));
    CHECK(where.host == listen_at.host);
    REQUIRE(where.port != 0);
    auto const peer = client.transport.dial({dial_host, where.port}, 1);
    REQUIRE(world.pump([&] { return client.sink.has_opened(peer) && server.sink.arrivals.size() == 1; }));
    CHECK(server.sink.arrivals[0].address == seen_as);
    REQUIRE_FALSE(post(client.transport, peer, {"hello"}));
    REQUIRE(world.pump([&] { return server.sink.letters.size() == 1; }));
}

}  // namespace

TEST_CASE("tcp: a host name is looked up and all its addresses are tried", "[transport]") {
    test::tcp_world world;
    talk(world, {"127.0.0.1", 0}, "localhost", "127.0.0.1");
}

TEST_CASE("tcp: a listener may be given a host name", "[transport]") {
    test::tcp_world world;
    talk(world, {"localhost", 0}, "127.0.0.1", "127.0.0.1");
}

TEST_CASE("tcp: a wildcard listens on IPv4", "[transport]") {
    test::tcp_world world;
    talk(world, {"*", 0}, "127.0.0.1", "127.0.0.1");
    talk(world, {"0.0.0.0", 0}, "127.0.0.1", "127.0.0.1");
}

TEST_CASE("tcp: fault 53: IPv6, where this machine has it", "[transport]") {
    if (!has_ipv6()) {
        WARN("this machine has no IPv6 loopback: not tried");
        return;
    }
    test::tcp_world world;
    talk(world, {"::1", 0}, "::1", "::1");
    talk(world, {"*", 0}, "::1", "::1");
}

TEST_CASE("tcp: fault 54: a name that does not exist is unreachable", "[transport]") {
    test::tcp_world world;
    auto& client = world.add();
    auto const peer = client.transport.dial({"no-such-host.invalid", 5555}, 1);
    REQUIRE(world.pump([&] { return client.sink.has_closed(peer); }));
    CHECK(client.sink.why_closed(peer) == errc::unreachable);
}

TEST_CASE("tcp: fault 51: a port in use is refused with the system's own words", "[transport]") {
    test::tcp_world world;
    auto& first = world.add();
    endpoint where;
    REQUIRE_FALSE(first.transport.listen({"*", 0}, 1, where));
    for (auto const* host : {"*", "0.0.0.0", "127.0.0.1", "localhost"}) {
        endpoint bound;
        auto const failed = world.add().transport.listen({host, where.port}, 1, bound);
        CAPTURE(host);
        CHECK(failed == std::errc::address_in_use);
        CHECK(failed.message() == "Address already in use");
    }
}

TEST_CASE("tcp: an address that is not ours, or a name that does not exist, is refused with a reason",
          "[transport]") {
    test::tcp_world world;
    auto& node = world.add();
    endpoint bound;
    CHECK(node.transport.listen({"192.0.2.1", 0}, 1, bound) == std::errc::address_not_available);
    CHECK(node.transport.listen({"no-such-host.invalid", 0}, 1, bound));
}

TEST_CASE("tcp: a dial that gets no answer is unreachable after its time", "[transport]") {
    // A listener that never accepts, with its backlog full, does not answer.
    asio::io_context io;
    asio::ip::tcp::acceptor full{io, {asio::ip::address_v4::loopback(), 0}, true};
    full.listen(0);
    std::vector<asio::ip::tcp::socket> fillers;
    for (int i = 0; i < 4; ++i) {
        fillers.emplace_back(io, asio::ip::tcp::v4());
        fillers.back().non_blocking(true);
        auto const to = full.local_endpoint();
        (void)::connect(fillers.back().native_handle(), to.data(), static_cast<::socklen_t>(to.size()));
    }
    test::tcp_world world;
    transport::tcp_options options;
    options.connect_time = 50ms;
    auto& client = world.add(options);
    auto const peer = client.transport.dial({"127.0.0.1", full.local_endpoint().port()}, 1);
    REQUIRE(world.pump([&] { return client.sink.has_closed(peer); }));
    CHECK(client.sink.why_closed(peer) == errc::unreachable);
}

TEST_CASE("tcp: 200 connections talk at once and none is mixed up", "[transport]") {
    test::tcp_world world;
    auto& server = world.add();
    auto& client = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    server.sink.on_message = [&](peer_id p, auto frames) { CHECK_FALSE(server.transport.send(p, frames)); };
    client.sink.on_opened = [&](peer_id p) {
        for (int i = 0; i < 10; ++i) {
            CHECK_FALSE(post(client.transport, p, {std::to_string(static_cast<std::uint64_t>(p))}));
        }
    };
    for (int i = 0; i < 200; ++i) (void)client.transport.dial(where, 1);
    REQUIRE(world.pump([&] { return client.sink.letters.size() == 2000; }));
    for (auto const& letter : client.sink.letters) {
        REQUIRE(letter.frames[0] == std::to_string(static_cast<std::uint64_t>(letter.peer)));
    }
    for (auto const& a : client.sink.arrivals) client.transport.close(a.peer);
    REQUIRE(world.pump([&] { return server.sink.endings.size() == 200; }));
}

TEST_CASE("tcp: fault 17: no descriptor is inherited by a child process", "[transport]") {
    auto const before = open_descriptors();
    test::tcp_world world;
    talk(world, {"127.0.0.1", 0}, "localhost", "127.0.0.1");
    int checked = 0;
    for (auto const fd : open_descriptors()) {
        if (std::ranges::find(before, fd) != before.end()) continue;
        auto const flags = ::fcntl(fd, F_GETFD);
        if (flags < 0) continue;  // the one that listed them
        CAPTURE(fd);
        CHECK((flags & FD_CLOEXEC) != 0);
        ++checked;
    }
    CHECK(checked >= 5);  // two loops, a listener, two ends of a connection
}

TEST_CASE("tcp: descriptors go with their connections", "[transport]") {
    test::tcp_world world;
    auto& server = world.add();
    auto& client = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    auto const before = open_descriptors().size();
    for (int i = 0; i < 30; ++i) (void)client.transport.dial(where, 1);
    REQUIRE(
        world.pump([&] { return server.sink.arrivals.size() == 30 && client.sink.arrivals.size() == 30; }));
    CHECK(open_descriptors().size() == before + 60);
    for (auto const& a : client.sink.arrivals) client.transport.close(a.peer);
    REQUIRE(world.pump([&] { return open_descriptors().size() == before; }));
}

TEST_CASE("tcp: wake from four threads is never lost, and costs no turn when none is called", "[transport]") {
    test::recording_sink sink;
    transport::tcp transport;
    transport.attach(sink);
    std::atomic<int> produced{0};
    int seen = 0;
    sink.on_woken = [&] {
        seen = produced;
        if (seen == 40'000) transport.stop();
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 10'000; ++n) {
                ++produced;
                transport.wake();
            }
        });
    }
    transport.run();
    for (auto& t : threads) t.join();
    CHECK(seen == 40'000);
    CHECK(sink.wakes <= 40'000);
}

TEST_CASE("tcp: stop writes what is queued, closes all and run returns", "[transport]") {
    test::recording_sink server_sink;
    test::recording_sink client_sink;
    transport::tcp server;
    transport::tcp client;
    server.attach(server_sink);
    client.attach(client_sink);
    endpoint where;
    REQUIRE_FALSE(server.listen({"127.0.0.1", 0}, 1, where));
    std::string const large(3U << 20U, 'x');
    client_sink.on_opened = [&](peer_id p) {
        CHECK_FALSE(post(client, p, {large}));
        client.stop();
        CHECK(post(client, p, {"late"}) == errc::no_such_peer);
    };
    server_sink.on_closed = [&](peer_id) { server.stop(); };
    (void)client.dial(where, 1);
    std::thread other{[&] { server.run(); }};
    auto const begun = std::chrono::steady_clock::now();
    client.run();
    other.join();
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
    REQUIRE(server_sink.letters.size() == 1);
    CHECK(server_sink.letters[0].frames[0].size() == large.size());
    CHECK(client_sink.endings.empty());
    endpoint bound;
    CHECK(client.listen({"127.0.0.1", 0}, 1, bound) == errc::stopped);
}

TEST_CASE("tcp: stop does not wait for a peer that never closes", "[transport]") {
    test::recording_sink sink;
    transport::tcp_options options;
    options.linger = 50ms;
    transport::tcp server{options};
    server.attach(sink);
    endpoint where;
    REQUIRE_FALSE(server.listen({"127.0.0.1", 0}, 1, where));
    asio::io_context io;
    asio::ip::tcp::socket silent{io};
    silent.connect({asio::ip::address_v4::loopback(), where.port});
    sink.on_due = [&] { server.stop(); };
    server.arm(server.now().steady + 20ms);
    auto const begun = std::chrono::steady_clock::now();
    server.run();
    CHECK(std::chrono::steady_clock::now() - begun < 2s);
}

TEST_CASE("tcp: an idle loop sleeps", "[transport]") {
    test::recording_sink sink;
    transport::tcp transport;
    transport.attach(sink);
    sink.on_due = [&] { transport.stop(); };
    transport.arm(transport.now().steady + 200ms);
    auto const cpu = std::clock();
    transport.run();
    CHECK(sink.turns <= 3);
    CHECK(std::clock() - cpu < CLOCKS_PER_SEC / 10);
}

TEST_CASE("tcp: what is posted to the loop's context runs in its turns", "[transport]") {
    test::recording_sink sink;
    transport::tcp transport;
    transport.attach(sink);
    bool ran = false;
    asio::post(transport.context(), [&] {
        ran = true;
        transport.stop();
    });
    transport.run();
    CHECK(ran);
}

TEST_CASE("tcp: heartbeats keep a silent connection alive, and end one whose peer is gone", "[transport]") {
    test::tcp_world world;
    transport::tcp_options options;
    options.limits.heartbeat_interval = 20ms;
    options.limits.heartbeat_timeout = 150ms;
    auto& server = world.add(options);
    auto& client = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    (void)client.transport.dial(where, 1);
    REQUIRE(world.pump([&] { return server.sink.arrivals.size() == 1; }));
    CHECK_FALSE(world.pump_for(400ms, [&] { return !server.sink.endings.empty(); }));
    // The client is not turned any more: to its peer it hangs.
    auto const end = std::chrono::steady_clock::now() + 5s;
    while (server.sink.endings.empty() && std::chrono::steady_clock::now() < end) server.transport.poll();
    REQUIRE(server.sink.endings.size() == 1);
    CHECK(server.sink.endings[0].why == errc::heartbeat_timeout);
}
