#include <fastqueue/transport/zmq.hpp>

#include <fastqueue/transport/tcp.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "roles/fixture.hpp"
#include "support/catch.hpp"
#include "transport/pull_sockets.hpp"
#include "transport/transport_laws.hpp"

namespace {

using namespace fastqueue;
using namespace std::chrono_literals;
using test::post;

template <class Transport>
struct station {
    template <class... Options>
    explicit station(Options const&... options) : transport{options...} {
        transport.attach(sink);
    }
    test::recording_sink sink;
    Transport transport;
};

/// Several `zmq` transports on loopback, turned one after another by the test's own thread.
class zmq_world {
public:
    using node = station<transport::zmq>;
    static constexpr bool same_process = false;

    node& add(transport::zmq_options const& options = {}) {
        nodes_.push_back(std::make_unique<node>(options));
        return *nodes_.back();
    }
    void remove(node& gone) {
        std::erase_if(nodes_, [&](auto const& n) { return n.get() == &gone; });
    }
    /// libzmq ends the connection and does not say why.
    [[nodiscard]] static bool says_wrong_type(std::error_code why) {
        return why == errc::connection_lost || why == errc::bad_metadata;
    }
    [[nodiscard]] test::system_pull_socket& add_pull() {
        return *pulls_.emplace_back(std::make_unique<test::system_pull_socket>());
    }
    [[nodiscard]] endpoint address() const { return {"127.0.0.1", 0}; }
    [[nodiscard]] endpoint unused_address() {
        node probe;
        endpoint bound;
        if (probe.transport.listen(address(), 0, bound)) return {};
        return bound;
    }
    template <class Condition>
    [[nodiscard]] bool pump(Condition&& holds) {
        return pump_for(20s, holds);
    }
    template <class Condition>
    [[nodiscard]] bool pump_for(std::chrono::milliseconds limit, Condition&& holds) {
        auto const end = std::chrono::steady_clock::now() + limit;
        while (!holds()) {
            if (std::chrono::steady_clock::now() >= end) return false;
            for (auto const& n : nodes_) n->transport.poll();
            for (auto const& p : pulls_) p->poll();
            std::this_thread::yield();  // libzmq's threads do half of the work
        }
        return true;
    }

private:
    std::vector<std::unique_ptr<node>> nodes_;
    std::vector<std::unique_ptr<test::system_pull_socket>> pulls_;
};

/// Turns both until it holds.
template <class A, class B, class Condition>
[[nodiscard]] bool pump(A& a, B& b, Condition&& holds) {
    auto const end = std::chrono::steady_clock::now() + 20s;
    while (!holds()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        a.transport.poll();
        b.transport.poll();
        std::this_thread::yield();
    }
    return true;
}

std::vector<std::string> const samples{"", "short", std::string(255, 'a'), std::string(256, 'b'),
                                       std::string(3U << 20U, 'c')};

/// A libzmq socket as a foreign program would have it.
class foreign_peer {
public:
    foreign_peer(::zmq::socket_type type, endpoint const& to, std::string const& name = {})
        : socket_{context_, type} {
        socket_.set(::zmq::sockopt::linger, 0);
        if (!name.empty()) socket_.set(::zmq::sockopt::routing_id, name);
        socket_.connect(to.text());
    }
    [[nodiscard]] bool send(std::vector<std::string> const& frames) {
        for (std::size_t i = 0; i < frames.size(); ++i) {
            auto const more = i + 1 < frames.size() ? ::zmq::send_flags::sndmore : ::zmq::send_flags::none;
            if (!socket_.send(::zmq::buffer(frames[i]), more | ::zmq::send_flags::dontwait)) return false;
        }
        return true;
    }
    /// Empty where there is none.
    [[nodiscard]] std::vector<std::string> receive() {
        std::vector<std::string> frames;
        ::zmq::message_t part;
        do {
            if (!socket_.recv(part, ::zmq::recv_flags::dontwait)) break;
            frames.push_back(part.to_string());
        } while (part.more());
        return frames;
    }

private:
    ::zmq::context_t context_;
    ::zmq::socket_t socket_;
};

/// A listening `zmq` transport that sends back what it gets.
struct echo {
    explicit echo(transport::zmq_options const& options = {}) : server{world.add(options)} {
        REQUIRE_FALSE(server.transport.listen(world.address(), 7, where));
        server.sink.on_message = [this](peer_id p, auto frames) {
            CHECK_FALSE(server.transport.send(p, frames));
        };
    }
    [[nodiscard]] std::vector<std::string> answer_to(foreign_peer& peer) {
        std::vector<std::string> got;
        static_cast<void>(world.pump([&] { return !(got = peer.receive()).empty(); }));
        return got;
    }
    zmq_world world;
    zmq_world::node& server;
    endpoint where;
};

}  // namespace

// Two are left out. `a_turn_follows_when_a_long_queue_has_become_shorter` wants `queued` to be 0 in the very turn in which the
// other end has all; libzmq lets go of a large message one round of its own loop after it has written it: see the test below.
// `after_stop_listening_nobody_comes_but_those_there_stay`: libzmq ends a listener's connections when it ends the listener, so the
// port stays open while one of them lives, and who dials it is cut and not refused: see the test below.
FASTQUEUE_TRANSPORT_LAW(zmq_world, random_calls_lose_and_repeat_nothing,
                        "zmq: random calls lose and repeat nothing")
FASTQUEUE_TRANSPORT_LAW(zmq_world, both_ends_are_told_of_a_connection,
                        "zmq: both ends are told of a connection")
FASTQUEUE_TRANSPORT_LAW(zmq_world, messages_come_whole_and_in_order, "zmq: messages come whole and in order")
FASTQUEUE_TRANSPORT_LAW(zmq_world, answers_leave_from_within_a_message,
                        "zmq: answers leave from within a message")
FASTQUEUE_TRANSPORT_LAW(zmq_world, sending_from_within_opened_works, "zmq: sending from within opened works")
FASTQUEUE_TRANSPORT_LAW(zmq_world, a_dial_to_nobody_is_refused_later,
                        "zmq: a dial to nobody is refused, later")
FASTQUEUE_TRANSPORT_LAW(zmq_world, closing_is_told_to_the_other_end_only_after_what_was_queued,
                        "zmq: closing is told to the other end only, after what was queued")
FASTQUEUE_TRANSPORT_LAW(zmq_world, a_peer_may_be_closed_from_within_its_own_message,
                        "zmq: a peer may be closed from within its own message")
FASTQUEUE_TRANSPORT_LAW(zmq_world, a_peer_may_be_closed_from_within_opened_and_closed,
                        "zmq: a peer may be closed from within opened and closed")
FASTQUEUE_TRANSPORT_LAW(zmq_world, a_peer_id_is_never_used_again, "zmq: a peer id is never used again")
FASTQUEUE_TRANSPORT_LAW(zmq_world, listening_twice_on_one_address_fails,
                        "zmq: listening twice on one address fails")
FASTQUEUE_TRANSPORT_LAW(zmq_world, due_comes_once_and_not_before_its_time,
                        "zmq: due comes once and not before its time")
FASTQUEUE_TRANSPORT_LAW(zmq_world, wakes_are_counted_as_one_and_none_is_lost,
                        "zmq: wakes are counted as one and none is lost")
FASTQUEUE_TRANSPORT_LAW(zmq_world, a_peer_that_does_not_read_is_cut_and_told_later,
                        "zmq: a peer that does not read is cut, and told later")
FASTQUEUE_TRANSPORT_LAW(zmq_world, a_message_over_the_limit_is_not_queued_and_harms_nothing,
                        "zmq: a message over the limit is not queued and harms nothing")
FASTQUEUE_TRANSPORT_LAW(zmq_world, a_large_message_comes_whole, "zmq: a large message comes whole")
FASTQUEUE_TRANSPORT_LAW(zmq_world, an_end_that_goes_is_told_to_its_peers,
                        "zmq: an end that goes is told to its peers")
FASTQUEUE_TRANSPORT_LAW(zmq_world, calls_never_nest, "zmq: calls never nest")
FASTQUEUE_TRANSPORT_LAW(zmq_world, a_turn_has_one_end_after_its_events,
                        "zmq: a turn has one end, after its events")
FASTQUEUE_PUSH_LAWS(zmq_world, "zmq")

TEST_CASE("zmq: what waits for a peer is counted until libzmq lets go of it, and a turn follows then",
          "[transport]") {
    test::transport_laws<zmq_world> laws;
    auto t = laws.connect();
    constexpr int messages = 12;
    int sent = 0;
    std::uint64_t most = 0;
    t.client.sink.on_turn_end = [&] {
        while (sent < messages && t.client.transport.queued(t.at_client) <= policy::much_queued) {
            ++sent;
            CHECK_FALSE(post(t.client.transport, t.at_client, {std::string(5U << 20U, 'x')}));
            most = std::max(most, t.client.transport.queued(t.at_client));
        }
    };
    t.server.sink.keep_letters = false;
    // Only the server is polled: the client's turns begin when libzmq rings.
    t.client.transport.wake();
    t.client.sink.on_due = [&] { t.client.transport.stop(); };
    t.client.transport.arm(t.client.transport.now().steady + 20s);
    std::thread reader{[&] {
        auto const end = std::chrono::steady_clock::now() + 20s;
        while (t.server.sink.letters_seen < messages && std::chrono::steady_clock::now() < end)
            t.server.transport.poll();
    }};
    while (sent < messages && t.client.transport.turn()) {}
    reader.join();
    CHECK(sent == messages);
    CHECK(most < 3 * policy::much_queued);
    CHECK(t.server.sink.letters_seen == messages);
    CHECK(laws.world.pump([&] { return t.client.transport.queued(t.at_client) == 0; }));
    CHECK(t.client.transport.queued(peer_id{}) == 0);
}

TEST_CASE(
    "zmq: after stop_listening whoever comes is cut, those there stay, and the port is free with the last of "
    "them",
    "[transport]") {
    test::transport_laws<zmq_world> laws;
    auto t = laws.connect();
    auto& world = laws.world;
    t.server.transport.stop_listening();
    auto const late = t.client.transport.dial(t.where, 1);
    REQUIRE(world.pump([&] { return t.client.sink.has_closed(late); }));
    REQUIRE_FALSE(post(t.client.transport, t.at_client, {"still here"}));
    REQUIRE(world.pump([&] { return t.server.sink.letters.size() == 1; }));
    CHECK(t.server.sink.arrivals.size() == 1);
    t.client.transport.close(t.at_client);
    REQUIRE(world.pump([&] { return t.server.sink.endings.size() == 1; }));
    auto& other = world.add();
    endpoint bound;
    CHECK(world.pump([&] { return !other.transport.listen(t.where, 1, bound); }));
    CHECK(bound == t.where);
}

TEST_CASE(
    "zmq: a foreign DEALER talks to our listener, also with large messages, and is known when it speaks",
    "[transport]") {
    echo our;
    foreign_peer dealer{::zmq::socket_type::dealer, our.where};
    CHECK_FALSE(our.world.pump_for(50ms, [&] { return !our.server.sink.arrivals.empty(); }));
    for (int round = 0; round < 20; ++round) {
        REQUIRE(dealer.send(samples));
        bool const whole = our.answer_to(dealer) == samples;  // too long to be printed
        REQUIRE(whole);
    }
    REQUIRE(our.server.sink.arrivals.size() == 1);
    auto const& arrival = our.server.sink.arrivals[0];
    CHECK(arrival.tag == 7);
    CHECK(arrival.accepted);
    CHECK_FALSE(arrival.one_at_a_time);
    CHECK(arrival.address == "127.0.0.1");
}

TEST_CASE("zmq: a foreign REQ is told as a peer that asks one thing at a time", "[transport]") {
    echo our;
    foreign_peer req{::zmq::socket_type::req, our.where};
    REQUIRE(req.send({"question"}));
    CHECK(our.answer_to(req) == std::vector<std::string>{"question"});
    CHECK(our.server.sink.arrivals[0].one_at_a_time);
    CHECK(our.server.sink.letters[0].frames == std::vector<std::string>{"", "question"});
}

TEST_CASE("zmq: a foreign peer that goes is told as lost, and may come again under its name", "[transport]") {
    echo our;
    for (std::size_t round = 1; round <= 3; ++round) {
        {
            foreign_peer named{::zmq::socket_type::dealer, our.where, "worker-1"};
            REQUIRE(named.send({"hello"}));
            REQUIRE(our.answer_to(named) == std::vector<std::string>{"hello"});
        }
        REQUIRE(our.world.pump([&] { return our.server.sink.endings.size() == round; }));
        CHECK(our.server.sink.endings.back().why == errc::connection_lost);
        CHECK(our.server.sink.endings.back().peer == our.server.sink.arrivals.back().peer);
    }
}

TEST_CASE("zmq: a foreign peer that is closed comes back as another one", "[transport]") {
    echo our;
    foreign_peer dealer{::zmq::socket_type::dealer, our.where};
    REQUIRE(dealer.send({"one"}));
    REQUIRE(our.answer_to(dealer) == std::vector<std::string>{"one"});
    our.server.transport.close(our.server.sink.arrivals[0].peer);
    REQUIRE(our.world.pump([&] {
        static_cast<void>(dealer.send({"two"}));
        return our.server.sink.arrivals.size() == 2;
    }));
    CHECK(our.server.sink.endings.empty());
}

TEST_CASE("zmq: a message of too many frames ends its peer and no other", "[transport]") {
    transport::zmq_options options;
    options.limits.message_frames = 10;
    echo our{options};
    foreign_peer good{::zmq::socket_type::dealer, our.where};
    foreign_peer bad{::zmq::socket_type::dealer, our.where};
    REQUIRE(bad.send(std::vector<std::string>(11, "x")));
    REQUIRE(our.world.pump([&] { return our.server.sink.endings.size() == 1; }));
    CHECK(our.server.sink.endings[0].why == errc::message_too_large);
    REQUIRE(good.send(std::vector<std::string>(10, "x")));
    CHECK(our.answer_to(good).size() == 10);
    CHECK(our.server.sink.endings.size() == 1);
}

TEST_CASE("zmq: connections beyond the most that are allowed are cut", "[transport]") {
    transport::zmq_options options;
    options.max_connections = 1;
    echo our{options};
    foreign_peer first{::zmq::socket_type::dealer, our.where};
    REQUIRE(first.send({"first"}));
    REQUIRE(our.answer_to(first) == std::vector<std::string>{"first"});
    auto& late = our.world.add();
    auto const peer = late.transport.dial(our.where, 1);
    REQUIRE(our.world.pump([&] { return late.sink.has_closed(peer); }));
    CHECK(our.server.sink.arrivals.size() == 1);
}

TEMPLATE_TEST_CASE("zmq: tcp and zmq talk to each other, whoever dials", "[transport]",
                   (std::pair<transport::zmq, transport::tcp>), (std::pair<transport::tcp, transport::zmq>)) {
    station<typename TestType::first_type> server;
    station<typename TestType::second_type> client;
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    // Without a check: whoever has said "bye" may be gone for libzmq before we are told.
    server.sink.on_message = [&](peer_id p, auto frames) { (void)server.transport.send(p, frames); };
    auto const peer = client.transport.dial(where, 1);
    REQUIRE(pump(server, client, [&] { return client.sink.has_opened(peer); }));
    REQUIRE_FALSE(post(client.transport, peer, samples));
    // A tcp listener tells of a zmq dial's probe, and so it comes back here.
    bool const came = pump(server, client, [&] {
        return !client.sink.letters.empty() && client.sink.letters.back().frames == samples;
    });
    REQUIRE(came);
    REQUIRE_FALSE(post(client.transport, peer, {"bye"}));
    client.transport.close(peer);
    REQUIRE(pump(server, client, [&] { return server.sink.endings.size() == 1; }));
    CHECK(server.sink.letters.back().frames == std::vector<std::string>{"bye"});
}

TEST_CASE("zmq: names and wildcards may be listened at and dialled, and IPv6 where there is any",
          "[transport]") {
    for (auto const& [listens, dials] :
         std::vector<std::pair<std::string, std::string>>{{"localhost", "localhost"},
                                                          {"*", "127.0.0.1"},
                                                          {"0.0.0.0", "localhost"},
                                                          {"::1", "::1"},
                                                          {"::1", "localhost"}}) {
        zmq_world world;
        auto& server = world.add();
        auto& client = world.add();
        endpoint where;
        auto const failed = server.transport.listen({listens, 0}, 1, where);
        if (failed && listens == "::1") continue;
        CAPTURE(listens, dials);
        REQUIRE_FALSE(failed);
        CHECK(where.host == listens);
        auto const peer = client.transport.dial({dials, where.port}, 1);
        REQUIRE(world.pump([&] { return client.sink.has_opened(peer) || client.sink.has_closed(peer); }));
        if (client.sink.has_closed(peer) && listens == "::1") continue;  // "localhost" need not have both
        REQUIRE(world.pump([&] { return server.sink.arrivals.size() == 1; }));
        CHECK(server.sink.arrivals[0].address == (listens == "::1" ? "::1" : "127.0.0.1"));
    }
}

TEST_CASE("zmq: a host that does not exist is unreachable, and cannot be listened at", "[transport]") {
    zmq_world world;
    transport::zmq_options options;
    options.connect_time = 50ms;
    auto& node = world.add(options);
    auto const peer = node.transport.dial({"no-such-host.invalid", 5555}, 1);
    REQUIRE(world.pump([&] { return node.sink.has_closed(peer); }));
    CHECK(node.sink.why_closed(peer) == errc::unreachable);
    endpoint bound;
    CHECK(node.transport.listen({"no-such-host.invalid", 0}, 1, bound) == errc::bad_address);
    CHECK(node.transport.listen({"192.0.2.1", 0}, 1, bound));
}

TEST_CASE("zmq: wakes from four threads are never lost", "[transport]") {
    station<transport::zmq> node;
    std::atomic<int> produced{0};
    int seen = 0;
    node.sink.on_woken = [&] {
        seen = produced;
        if (seen == 40'000) node.transport.stop();
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 10'000; ++n) {
                ++produced;
                node.transport.wake();
            }
        });
    }
    node.transport.run();
    for (auto& t : threads) t.join();
    CHECK(seen == 40'000);
}

TEST_CASE("zmq: wake may be called in a signal's handler", "[transport]") {
    static transport::zmq* woken = nullptr;
    station<transport::zmq> node;
    woken = &node.transport;
    node.sink.on_woken = [&] { node.transport.stop(); };
    auto const before = std::signal(SIGUSR1, [](int) { woken->wake(); });
    std::raise(SIGUSR1);
    node.transport.run();
    std::signal(SIGUSR1, before);
    CHECK(node.sink.wakes == 1);
}

TEST_CASE("zmq: an idle loop sleeps", "[transport]") {
    station<transport::zmq> node;
    endpoint where;
    REQUIRE_FALSE(node.transport.listen({"127.0.0.1", 0}, 1, where));
    node.sink.on_due = [&] { node.transport.stop(); };
    node.transport.arm(node.transport.now().steady + 200ms);
    auto const cpu = std::clock();
    node.transport.run();
    CHECK(node.sink.turns <= 5);
    CHECK(std::clock() - cpu < CLOCKS_PER_SEC / 10);
}

TEST_CASE("zmq: stop writes what is queued, closes all and run returns", "[transport]") {
    station<transport::zmq> server;
    station<transport::zmq> client;
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    std::string const large(3U << 20U, 'x');
    // Each end stops with something queued: the client at once, the server when it has that.
    client.sink.on_opened = [&](peer_id p) {
        CHECK_FALSE(post(client.transport, p, {large}));
        client.transport.stop();
        CHECK(post(client.transport, p, {"late"}) == errc::no_such_peer);
    };
    server.sink.on_closed = [&](peer_id) { server.transport.stop(); };
    (void)client.transport.dial(where, 1);
    auto const begun = std::chrono::steady_clock::now();
    std::thread other{[&] { server.transport.run(); }};
    client.transport.run();
    other.join();
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
    REQUIRE(server.sink.letters.size() == 1);
    CHECK(server.sink.letters[0].frames[0].size() == large.size());
    CHECK(client.sink.endings.empty());
    endpoint bound;
    CHECK(client.transport.listen({"127.0.0.1", 0}, 1, bound) == errc::stopped);
}

TEST_CASE("zmq: a listener that stops has written what was queued for an accepted peer", "[transport]") {
    station<transport::zmq> server;
    station<transport::zmq> client;
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    std::string const large(8U << 20U, 'x');
    server.sink.on_message = [&](peer_id p, auto) {
        CHECK_FALSE(post(server.transport, p, {large}));
        CHECK_FALSE(post(server.transport, p, {"end"}));
        server.transport.stop();
    };
    client.sink.on_opened = [&](peer_id p) { CHECK_FALSE(post(client.transport, p, {"go"})); };
    client.sink.on_closed = [&](peer_id) { client.transport.stop(); };
    (void)client.transport.dial(where, 1);
    std::thread other{[&] { server.transport.run(); }};
    client.transport.run();
    other.join();
    REQUIRE(client.sink.letters.size() == 2);
    CHECK(client.sink.letters[0].frames[0].size() == large.size());
    CHECK(client.sink.letters[1].frames[0] == "end");
}

TEST_CASE("zmq: neither stop nor the destructor waits for ever for a peer that does not read",
          "[transport]") {
    std::chrono::steady_clock::time_point begun;
    {
        station<transport::zmq> server;
        auto client = std::make_unique<station<transport::zmq>>();
        endpoint where;
        REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
        auto const peer = client->transport.dial(where, 1);
        REQUIRE(pump(server, *client,
                     [&] { return !server.sink.arrivals.empty() && client->sink.has_opened(peer); }));
        for (int i = 0; i < 8; ++i)
            REQUIRE_FALSE(
                post(server.transport, server.sink.arrivals[0].peer, {std::string(8U << 20U, 'x')}));
        // What libzmq reads ahead is not what a sink reads: a few messages of this size stay on the way.
        for (int i = 0; i < 8; ++i)
            REQUIRE_FALSE(post(client->transport, peer, {std::string(8U << 20U, 'x')}));
        server.sink.on_woken = [&] { server.transport.stop(); };
        server.transport.wake();
        begun = std::chrono::steady_clock::now();
        server.transport.run();
        client->transport.close(peer);
    }
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("zmq: 100 connections talk at once and none is mixed up", "[transport]") {
    zmq_world world;
    auto& server = world.add();
    auto& client = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen(world.address(), 1, where));
    server.sink.on_message = [&](peer_id p, auto frames) { CHECK_FALSE(server.transport.send(p, frames)); };
    client.sink.on_opened = [&](peer_id p) {
        for (int i = 0; i < 10; ++i)
            CHECK_FALSE(post(client.transport, p, {std::to_string(static_cast<std::uint64_t>(p))}));
    };
    for (int i = 0; i < 100; ++i) (void)client.transport.dial(where, 1);
    REQUIRE(world.pump([&] { return client.sink.letters.size() == 1000; }));
    for (auto const& letter : client.sink.letters)
        REQUIRE(letter.frames[0] == std::to_string(static_cast<std::uint64_t>(letter.peer)));
    for (auto const& a : client.sink.arrivals) client.transport.close(a.peer);
    REQUIRE(world.pump([&] { return server.sink.endings.size() == 100; }));
}

TEST_CASE("zmq: connections that come and go quickly are each told of once", "[transport]") {
    echo our;
    for (std::size_t round = 1; round <= 30; ++round) {
        foreign_peer silent{::zmq::socket_type::dealer, our.where};
        foreign_peer dealer{::zmq::socket_type::dealer, our.where};
        REQUIRE(dealer.send({std::to_string(round)}));
        REQUIRE(our.answer_to(dealer) == std::vector<std::string>{std::to_string(round)});
        CHECK(our.server.sink.arrivals.size() == round);
    }
    REQUIRE(our.world.pump([&] { return our.server.sink.endings.size() == 30; }));
}

namespace {

struct over_zmq : fastqueue::default_policies {
    using transport_policy = fastqueue::transport::zmq;
};

/// A role that runs on a thread of its own.
template <class Role>
class running {
public:
    template <class Options>
    explicit running(Options options) : role{std::move(options), roles::usual_tasks()} {
        role.start();
        thread_ = std::thread{[this] { role.run(); }};
    }
    ~running() {
        role.stop();
        thread_.join();
    }
    running(running const&) = delete;
    running& operator=(running const&) = delete;
    Role role;

private:
    std::thread thread_;
};

/// `add` from one end to the other, and more of it than fits one turn.
template <class PlanePolicies, class WorkerPolicies, class ClientPolicies>
void sums_come_back() {
    auto options = roles::plane::usual();
    options.local = false;
    running<basic_control_plane<PlanePolicies>> plane{options};
    auto const discovery = plane.role.listens().discovery;
    running<basic_subworker<WorkerPolicies>> worker{[&] {
        subworker_options o;
        o.worker_id = "adder";
        o.control_plane = plane.role.listens().tasks[0];
        o.discovery = discovery;
        o.base = roles::loopback();
        return o;
    }()};
    basic_client<ClientPolicies> client{client_options{.discovery = discovery, .timeout = 20s}};
    CHECK(client.call(roles::add(5, 3)) == 8);
    std::vector<task_id> ids;
    for (int i = 0; i < 500; ++i) ids.push_back(client.delay(roles::add(i, 1)));
    auto const sums = client.template wait_all<int>(ids, 20s);
    for (std::size_t i = 0; i < sums.size(); ++i) {
        REQUIRE(sums[i]);
        REQUIRE(sums[i]->value() == static_cast<int>(i) + 1);
    }
    CHECK_THROWS_AS(client.call(roles::fail("it rained")), error);
}

}  // namespace

TEST_CASE("zmq: all roles over it run add(5, 3)", "[roles]") {
    sums_come_back<over_zmq, over_zmq, over_zmq>();
}

TEST_CASE("zmq: roles over it and roles over tcp make one system", "[roles]") {
    sums_come_back<default_policies, over_zmq, default_policies>();
    sums_come_back<over_zmq, default_policies, default_policies>();
    sums_come_back<default_policies, default_policies, over_zmq>();
}
