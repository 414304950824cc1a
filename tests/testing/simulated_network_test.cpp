#include <fastqueue/testing/simulated_network.hpp>

#include <fastqueue/model/error.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "transport/simulated_world.hpp"

namespace {

using namespace fastqueue;
using namespace std::chrono_literals;
using test::post;
using station = test::simulated_station;
using testing::simulated_network;

/// A server named "server" and a client named "client" that are connected.
struct pair {
    simulated_network network;
    std::unique_ptr<station> server;
    std::unique_ptr<station> client;
    endpoint where;
    peer_id at_client{};

    explicit pair(std::uint64_t seed) : network{seed} {
        server = std::make_unique<station>(network, "server");
        client = std::make_unique<station>(network, "client");
        REQUIRE_FALSE(server->transport.listen({"*", 5555}, 1, where));
        at_client = dial();
    }
    peer_id dial() {
        auto const arrivals = server->sink.arrivals.size();
        auto const peer = client->transport.dial({"server", 5555}, 1);
        REQUIRE(network.run_until(
            [&] { return client->sink.has_opened(peer) && server->sink.arrivals.size() == arrivals + 1; },
            1s));
        return peer;
    }
    template <class Condition>
    bool run(Condition&& c, std::chrono::nanoseconds limit = 60s) {
        return network.run_until(c, limit);
    }
};

/// A busy run with faults; what it leaves is decided by the seed alone.
std::uint64_t trace_of(std::uint64_t seed) {
    pair p{seed};
    p.server->sink.on_message = [&](peer_id from, auto frames) {
        (void)p.server->transport.send(from, frames);
    };
    p.client->sink.on_closed = [&](peer_id) { (void)p.client->transport.dial({"server", 5555}, 1); };
    p.client->sink.on_opened = [&](peer_id to) {
        for (int i = 0; i < 20; ++i)
            (void)post(p.client->transport, to, {std::to_string(i), std::string(5000, 'x')});
    };
    for (int i = 1; i < 10; ++i) {
        p.network.schedule(p.network.random().between(0, 20'000'000) * 1ns,
                           [&] { p.network.cut("client", "server"); });
    }
    p.network.run_for(2s);
    return p.network.trace();
}

}  // namespace

TEST_CASE("simulated_network: one seed gives one run, another gives another", "[testing]") {
    std::set<std::uint64_t> traces;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        auto const first = trace_of(seed);
        CHECK(first == trace_of(seed));
        traces.insert(first);
    }
    CHECK(traces.size() == 10);
}

TEST_CASE("simulated_network: events come by time, and at one moment in their order", "[testing]") {
    simulated_network network{1};
    std::string order;
    network.schedule(2ms, [&] { order += 'c'; });
    network.schedule(1ms, [&] { order += 'a'; });
    network.schedule(1ms, [&] {
        order += 'b';
        network.schedule(0ms, [&] { order += 'B'; });
    });
    auto const start = network.now();
    network.run_for(1ms);
    CHECK(order == "abB");
    CHECK(network.now().steady - start.steady == 1ms);
    CHECK(network.now().wall - start.wall == 1ms);
    network.run_for(1h);
    CHECK(order == "abBc");
    CHECK(network.now().steady - start.steady == 1h + 1ms);
    CHECK_FALSE(network.step());
}

TEST_CASE("simulated_network: a run that never comes to rest ends at its limit of events", "[testing]") {
    simulated_network network{1};
    std::function<void()> again = [&] { network.schedule(0ms, again); };
    again();
    auto const before = network.events();
    network.schedule(0ms, [] {});
    CHECK_FALSE(network.run_until([&] { return network.events() - before > 2000; }, 1ms, 0));
}

TEST_CASE("simulated_network: the wall clock may jump, the monotonic one never does", "[testing]") {
    simulated_network network{1};
    auto const before = network.now();
    network.jump_wall_clock(-1h);
    CHECK(network.now().wall == before.wall - 1h);
    CHECK(network.now().steady == before.steady);
}

TEST_CASE("simulated_network: a dial to a port, a node or a name that is not there", "[testing]") {
    pair p{7};
    auto const refused = p.client->transport.dial({"server", 1}, 1);
    auto const unknown = p.client->transport.dial({"nowhere", 5555}, 1);
    REQUIRE(p.run([&] { return p.client->sink.endings.size() == 2; }));
    CHECK(p.client->sink.why_closed(refused) == errc::refused);
    CHECK(p.client->sink.why_closed(unknown) == errc::unreachable);
}

TEST_CASE("simulated_network: a port is one node's own", "[testing]") {
    pair p{7};
    endpoint bound;
    CHECK(p.server->transport.listen({"127.0.0.1", 5555}, 1, bound) == std::errc::address_in_use);
    CHECK_FALSE(p.client->transport.listen({"127.0.0.1", 5555}, 1, bound));
    auto const own = p.client->transport.dial({"localhost", 5555}, 1);
    REQUIRE(p.run([&] { return p.client->sink.has_opened(own); }));
    CHECK(p.client->sink.arrivals.size() == 3);  // to the server, and both ends of its own
    CHECK(p.server->sink.arrivals[0].address == "client");
}

TEST_CASE("simulated_network: a cut is told to both ends, and no message comes in part", "[testing]") {
    bool some_lost = false;
    bool some_came = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        CAPTURE(seed);
        pair p{seed};
        for (int i = 0; i < 20; ++i) {
            REQUIRE_FALSE(
                post(p.client->transport, p.at_client, {std::to_string(i), std::string(1000, 'x')}));
        }
        p.network.run_for(std::chrono::microseconds{p.network.random().between(0, 800)});
        p.network.cut("server", "client");
        REQUIRE(p.run(
            [&] { return p.client->sink.endings.size() == 1 && p.server->sink.endings.size() == 1; }, 1s));
        CHECK(p.client->sink.endings[0].why == errc::connection_lost);
        CHECK(p.server->sink.endings[0].why == errc::connection_lost);
        auto const& letters = p.server->sink.letters;
        for (std::size_t i = 0; i < letters.size(); ++i) {
            REQUIRE(letters[i].frames == std::vector<std::string>{std::to_string(i), std::string(1000, 'x')});
        }
        some_lost = some_lost || letters.size() < 20;
        some_came = some_came || !letters.empty();
        p.dial();  // the network itself is well
    }
    CHECK(some_lost);
    CHECK(some_came);
}

TEST_CASE("simulated_network: a partition holds octets back, healing lets them go on", "[testing]") {
    pair p{11};
    p.network.partition("client", "server");
    REQUIRE_FALSE(post(p.client->transport, p.at_client, {"held"}));
    p.network.run_for(2s);
    CHECK(p.server->sink.letters.empty());
    CHECK(p.client->sink.endings.empty());
    auto const late = p.client->transport.dial({"server", 5555}, 1);
    REQUIRE(p.run([&] { return p.client->sink.has_closed(late); }, 6s));
    CHECK(p.client->sink.why_closed(late) == errc::unreachable);
    p.network.heal("server", "client");
    REQUIRE(p.run([&] { return p.server->sink.letters.size() == 1; }, 1s));
}

TEST_CASE("simulated_network: a one-way partition is noticed by the heartbeats", "[testing]") {
    pair p{12};
    p.network.partition_one_way("server", "client");
    REQUIRE_FALSE(post(p.client->transport, p.at_client, {"still arrives"}));
    REQUIRE(p.run([&] { return p.server->sink.letters.size() == 1; }, 1s));
    REQUIRE(p.run([&] { return p.client->sink.endings.size() == 1; }, 60s));
    CHECK(p.client->sink.endings[0].why == errc::heartbeat_timeout);
}

TEST_CASE("simulated_network: a crash leaves nothing behind, and a new node may take the name", "[testing]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        CAPTURE(seed);
        pair p{seed};
        p.server->transport.arm(p.network.now().steady + 1ms);
        bool timer_ran = false;
        p.network.schedule(p.server->transport.node(), 1ms, [&] { timer_ran = true; });
        REQUIRE_FALSE(post(p.server->transport, p.server->sink.arrivals[0].peer, {"never written"}));
        p.network.crash(p.server->transport.node());
        CHECK(p.network.find_node("server") == testing::node_id::none);
        REQUIRE(p.run([&] { return p.client->sink.endings.size() == 1; }, 1s));
        CHECK(p.client->sink.endings[0].why == errc::connection_lost);
        CHECK(p.client->sink.letters.empty());
        auto const refused = p.client->transport.dial({"server", 5555}, 1);
        REQUIRE(p.run([&] { return p.client->sink.has_closed(refused); }, 1s));
        CHECK(p.client->sink.why_closed(refused) == errc::refused);
        CHECK_FALSE(timer_ran);
        CHECK(p.server->sink.dues == 0);
        CHECK(p.server->sink.endings.empty());

        // The dead one's objects may still be called, and go when the test likes.
        (void)post(p.server->transport, p.server->sink.arrivals[0].peer, {"from the grave"});
        p.server->transport.wake();
        p.server = std::make_unique<station>(p.network, "server");
        REQUIRE_FALSE(p.server->transport.listen({"*", 5555}, 1, p.where));
        p.dial();
    }
}

TEST_CASE("simulated_network: a paused node hears everything later", "[testing]") {
    pair p{3};
    p.network.pause(p.server->transport.node());
    REQUIRE_FALSE(post(p.client->transport, p.at_client, {"one"}));
    p.network.run_for(3s);
    CHECK(p.server->sink.letters.empty());
    p.network.resume(p.server->transport.node());
    REQUIRE(p.run([&] { return p.server->sink.letters.size() == 1; }, 1s));
}

TEST_CASE("simulated_network: a paused reader fills the window, then the writer's queue, and is cut",
          "[testing]") {
    pair p{3};
    p.network.pause(p.server->transport.node());
    std::string const megabyte(1U << 20U, 'x');
    std::error_code last;
    for (int i = 0; i < 100 && !last; ++i) {
        last = post(p.client->transport, p.at_client, {megabyte});
        p.network.run_for(1ms);
    }
    CHECK(last == errc::send_queue_full);
}

TEST_CASE("simulated_network: a link's delay is what was asked for", "[testing]") {
    pair p{5};
    p.network.set_link("client", "server", {.least_delay = 2s, .most_delay = 2s});
    auto const start = p.network.now().steady;
    REQUIRE_FALSE(post(p.client->transport, p.at_client, {"slow"}));
    REQUIRE(p.run([&] { return p.server->sink.letters.size() == 1; }, 10s));
    CHECK(p.network.now().steady - start == 2s);
}

TEST_CASE("simulated_network: an hour of idle connections costs few events", "[testing]") {
    pair p{5};
    auto const before = p.network.events();
    p.network.run_for(1h);
    CHECK(p.client->sink.endings.empty());
    CHECK(p.network.events() - before < 20'000);
}
