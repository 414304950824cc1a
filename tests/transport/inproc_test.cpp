#include <fastqueue/transport/inproc.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "transport/transport_laws.hpp"

namespace {

using namespace fastqueue;
using namespace std::chrono_literals;
using test::post;

class inproc_world {
public:
    struct node {
        explicit node(std::shared_ptr<transport::inproc_hub> hub) : transport{std::move(hub)} {
            transport.attach(sink);
        }
        test::recording_sink sink;
        transport::inproc transport;
    };
    static constexpr bool same_process = true;

    node& add() {
        nodes_.push_back(std::make_unique<node>(hub_));
        return *nodes_.back();
    }
    void remove(node& gone) {
        std::erase_if(nodes_, [&](auto const& n) { return n.get() == &gone; });
    }
    [[nodiscard]] static endpoint address() { return {"127.0.0.1", 0}; }
    [[nodiscard]] static endpoint unused_address() { return {"nobody", 1}; }
    template <class Condition>
    [[nodiscard]] bool pump(Condition&& holds) {
        return pump_for(10s, holds);
    }
    template <class Condition>
    [[nodiscard]] bool pump_for(std::chrono::milliseconds limit, Condition&& holds) {
        auto const end = std::chrono::steady_clock::now() + limit;
        while (!holds()) {
            if (std::chrono::steady_clock::now() >= end) return false;
            for (auto const& n : nodes_) n->transport.poll();
        }
        return true;
    }

private:
    std::shared_ptr<transport::inproc_hub> hub_ = std::make_shared<transport::inproc_hub>();
    std::vector<std::unique_ptr<node>> nodes_;
};

}  // namespace

FASTQUEUE_TRANSPORT_LAWS(inproc_world, "inproc")

TEST_CASE("inproc: two threads exchange messages, and stop ends both", "[transport]") {
    auto const hub = std::make_shared<transport::inproc_hub>();
    inproc_world::node server{hub};
    inproc_world::node client{hub};
    server.sink.keep_letters = client.sink.keep_letters = false;
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"plane", 5555}, 1, where));
    CHECK(where == endpoint{"plane", 5555});
    server.sink.on_message = [&](peer_id p, auto frames) { (void)server.transport.send(p, frames); };
    server.sink.on_closed = [&](peer_id) { server.transport.stop(); };
    constexpr std::uint64_t rounds = 20'000;
    bool in_order = true;
    client.sink.on_opened = [&](peer_id p) {
        for (int i = 0; i < 10; ++i) (void)post(client.transport, p, {std::to_string(i), "payload"});
    };
    client.sink.on_message = [&](peer_id p, auto frames) {
        in_order = in_order && frames[0] == std::to_string((client.sink.letters_seen - 1) % 10);
        if (client.sink.letters_seen == rounds) client.transport.stop();
        (void)client.transport.send(p, frames);
    };
    (void)client.transport.dial(where, 1);
    std::thread other{[&] { server.transport.run(); }};
    client.transport.run();
    other.join();
    CHECK(in_order);
    CHECK(client.sink.letters_seen >= rounds);
}

TEST_CASE("inproc: an owner with another loop is told when there is something", "[transport]") {
    auto const hub = std::make_shared<transport::inproc_hub>();
    inproc_world::node server{hub};
    inproc_world::node client{hub};
    std::atomic<int> calls{0};
    server.transport.set_wake([&] { ++calls; });
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"plane", 1}, 1, where));
    auto const peer = client.transport.dial(where, 1);
    CHECK(calls == 1);
    CHECK(client.transport.next_deadline());
    client.transport.poll();
    server.transport.poll();
    REQUIRE_FALSE(post(client.transport, peer, {"one"}));
    REQUIRE_FALSE(post(client.transport, peer, {"two"}));
    CHECK(calls == 1);
    client.transport.flush();
    CHECK(calls == 2);
    server.transport.wake();
    server.transport.poll();
    CHECK(server.sink.letters.size() == 2);
    CHECK(server.sink.wakes == 1);
}

TEST_CASE("inproc: wake is safe from several threads and ends a wait", "[transport]") {
    inproc_world::node node{std::make_shared<transport::inproc_hub>()};
    std::atomic<int> done{0};
    node.sink.on_woken = [&] {
        if (done == 4) node.transport.stop();
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 1000; ++n) node.transport.wake();
            ++done;
            node.transport.wake();
        });
    }
    node.transport.run();
    for (auto& t : threads) t.join();
    CHECK(node.sink.wakes >= 1);
}

TEST_CASE("inproc: what waits for a slow peer is bounded, and its memory comes back when it has read",
          "[transport]") {
    inproc_world world;
    auto& server = world.add();
    auto& client = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen(world.address(), 1, where));
    auto const peer = client.transport.dial(where, 1);
    REQUIRE(world.pump([&] { return client.sink.has_opened(peer) && server.sink.arrivals.size() == 1; }));
    std::string const large(10U << 20U, 'x');
    for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < 5; ++i) REQUIRE_FALSE(post(client.transport, peer, {large}));
        server.sink.keep_letters = false;
        auto const before = server.sink.letters_seen;
        REQUIRE(world.pump([&] { return server.sink.letters_seen == before + 5; }));
    }
}
