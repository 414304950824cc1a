#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/policy/transport.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "support/catch.hpp"
#include "transport/random_talk.hpp"
#include "transport/recording_sink.hpp"

namespace fastqueue::test {

/// What `policy::transport` promises, on any of them. A World has `transport_type`, `add()` (a new transport
/// with a `recording_sink` attached, alive as long as the World unless `remove`d), `address()` (where the
/// next listener may listen) and `pump(condition)` (turns all of them until it holds; false if it never
/// does).
template <class World>
struct transport_laws {
    World world;

    struct talk {
        typename World::node& server;
        typename World::node& client;
        endpoint where{};
        peer_id at_server{};
        peer_id at_client{};
    };

    talk connect() {
        talk t{world.add(), world.add()};
        REQUIRE_FALSE(t.server.transport.listen(world.address(), 7, t.where));
        t.at_client = t.client.transport.dial(t.where, 9);
        REQUIRE(world.pump(
            [&] { return t.server.sink.arrivals.size() == 1 && t.client.sink.arrivals.size() == 1; }));
        t.at_server = t.server.sink.arrivals[0].peer;
        return t;
    }

    void random_calls_lose_and_repeat_nothing() {
        auto const seed = GENERATE(take(10, Catch::Generators::random<std::uint64_t>(0, ~0ULL >> 1U)));
        CAPTURE(seed);
        random_talk<World> random{world, seed};
        for (int i = 0; i < 1000; ++i) random.step();
        random.settle();
        CHECK(random.received() > 100);
    }

    void both_ends_are_told_of_a_connection() {
        auto t = connect();
        auto const& accepted = t.server.sink.arrivals[0];
        CHECK(accepted.tag == 7);
        CHECK(accepted.accepted);
        CHECK_FALSE(accepted.one_at_a_time);
        CHECK_FALSE(accepted.address.empty());
        auto const& dialled = t.client.sink.arrivals[0];
        CHECK(dialled.peer == t.at_client);
        CHECK(dialled.tag == 9);
        CHECK_FALSE(dialled.accepted);
        CHECK(dialled.same_process == World::same_process);
        CHECK(t.where.port != 0);
    }

    void messages_come_whole_and_in_order() {
        auto t = connect();
        for (int i = 0; i < 1000; ++i) {
            REQUIRE_FALSE(
                post(t.client.transport, t.at_client,
                     {"head " + std::to_string(i), "", std::string(static_cast<std::size_t>(i), 'x')}));
        }
        REQUIRE(world.pump([&] { return t.server.sink.letters.size() == 1000; }));
        for (int i = 0; i < 1000; ++i) {
            auto const& letter = t.server.sink.letters[static_cast<std::size_t>(i)];
            REQUIRE(letter.peer == t.at_server);
            REQUIRE(letter.frames == std::vector<std::string>{"head " + std::to_string(i), "",
                                                              std::string(static_cast<std::size_t>(i), 'x')});
        }
    }

    /// What is sent only where the queue is short arrives, though nothing but its own turns wakes the sender.
    void a_turn_follows_when_a_long_queue_has_become_shorter() {
        auto t = connect();
        constexpr int messages = 12;
        int sent = 0;
        std::uint64_t most = 0;
        auto const send_more = [&] {
            while (sent < messages && t.client.transport.queued(t.at_client) <= policy::much_queued) {
                ++sent;
                if (post(t.client.transport, t.at_client, {std::string(5U << 20U, 'x')})) sent = messages + 1;
                most = std::max(most, t.client.transport.queued(t.at_client));
            }
        };
        t.server.sink.keep_letters = false;
        t.client.sink.on_turn_end = send_more;
        send_more();
        REQUIRE(world.pump([&] { return t.server.sink.letters_seen == messages; }));
        CHECK(sent == messages);
        CHECK(most < 3 * policy::much_queued);
        CHECK(t.client.transport.queued(t.at_client) == 0);
        CHECK(t.client.transport.queued(peer_id{}) == 0);
    }

    void answers_leave_from_within_a_message() {
        auto t = connect();
        t.server.sink.on_message = [&](peer_id from, auto frames) {
            CHECK_FALSE(t.server.transport.send(from, frames));
        };
        for (int i = 0; i < 100; ++i)
            REQUIRE_FALSE(post(t.client.transport, t.at_client, {std::to_string(i), "payload"}));
        REQUIRE(world.pump([&] { return t.client.sink.letters.size() == 100; }));
        CHECK(t.client.sink.letters[99].frames == std::vector<std::string>{"99", "payload"});
        CHECK(t.client.sink.letters[99].peer == t.at_client);
    }

    void sending_from_within_opened_works() {
        auto& server = world.add();
        auto& client = world.add();
        endpoint where;
        REQUIRE_FALSE(server.transport.listen(world.address(), 1, where));
        server.sink.on_opened = [&](peer_id p) {
            CHECK_FALSE(post(server.transport, p, {"hello from the server"}));
        };
        client.sink.on_opened = [&](peer_id p) {
            CHECK_FALSE(post(client.transport, p, {"hello from the client"}));
        };
        (void)client.transport.dial(where, 2);
        REQUIRE(
            world.pump([&] { return server.sink.letters.size() == 1 && client.sink.letters.size() == 1; }));
        CHECK(server.sink.letters[0].frames[0] == "hello from the client");
        CHECK(client.sink.letters[0].frames[0] == "hello from the server");
    }

    void a_dial_to_nobody_is_refused_later() {
        auto t = connect();
        auto const nobody = world.unused_address();
        auto const before = t.client.sink.endings.size();
        auto const peer = t.client.transport.dial(nobody, 3);
        CHECK(t.client.sink.endings.size() == before);  // never from inside the call
        CHECK(post(t.client.transport, peer, {"too early"}) == errc::no_such_peer);
        REQUIRE(world.pump([&] { return t.client.sink.has_closed(peer); }));
        CHECK(t.client.sink.why_closed(peer) == errc::refused);
        CHECK_FALSE(t.client.sink.has_opened(peer));
    }

    void closing_is_told_to_the_other_end_only_after_what_was_queued() {
        auto t = connect();
        REQUIRE_FALSE(post(t.client.transport, t.at_client, {"the last word"}));
        t.client.transport.close(t.at_client);
        CHECK(post(t.client.transport, t.at_client, {"too late"}) == errc::no_such_peer);
        REQUIRE(world.pump([&] { return t.server.sink.endings.size() == 1; }));
        REQUIRE(t.server.sink.letters.size() == 1);
        CHECK(t.server.sink.letters[0].frames[0] == "the last word");
        CHECK(t.server.sink.endings[0].peer == t.at_server);
        CHECK(t.server.sink.endings[0].why == errc::connection_lost);
        CHECK(t.client.sink.endings.empty());
        CHECK(post(t.server.transport, t.at_server, {"hello?"}) == errc::no_such_peer);
    }

    void a_peer_may_be_closed_from_within_its_own_message() {
        auto t = connect();
        t.server.sink.on_message = [&](peer_id from, auto frames) {
            CHECK_FALSE(t.server.transport.send(from, frames));
            t.server.transport.close(from);
            t.server.transport.close(from);
        };
        for (int i = 0; i < 10; ++i)
            REQUIRE_FALSE(post(t.client.transport, t.at_client, {std::to_string(i)}));
        REQUIRE(world.pump([&] { return t.client.sink.endings.size() == 1; }));
        CHECK(t.server.sink.letters.size() == 1);  // none after it was closed
        CHECK(t.client.sink.letters.size() == 1);
        CHECK(t.server.sink.endings.empty());
    }

    void a_peer_may_be_closed_from_within_opened_and_closed() {
        auto& server = world.add();
        auto& client = world.add();
        endpoint where;
        REQUIRE_FALSE(server.transport.listen(world.address(), 1, where));
        server.sink.on_opened = [&](peer_id p) { server.transport.close(p); };
        int dials = 1;
        client.sink.on_closed = [&](peer_id p) {
            client.transport.close(p);
            if (dials++ < 3) (void)client.transport.dial(where, 1);
        };
        (void)client.transport.dial(where, 1);
        REQUIRE(world.pump([&] { return client.sink.endings.size() == 3; }));
        CHECK(server.sink.endings.empty());
        CHECK(server.sink.arrivals.size() == 3);
    }

    void a_peer_id_is_never_used_again() {
        auto t = connect();
        std::vector<peer_id> seen{t.at_client};
        for (int i = 0; i < 20; ++i) {
            t.client.transport.close(seen.back());
            auto const next = t.client.transport.dial(t.where, 1);
            for (auto const old : seen) CHECK(next != old);
            seen.push_back(next);
            REQUIRE(world.pump([&] { return t.client.sink.has_opened(next); }));
            CHECK(post(t.client.transport, seen[seen.size() - 2], {"x"}) == errc::no_such_peer);
        }
    }

    void after_stop_listening_nobody_comes_but_those_there_stay() {
        auto t = connect();
        t.server.transport.stop_listening();
        auto const late = t.client.transport.dial(t.where, 1);
        REQUIRE(world.pump([&] { return t.client.sink.has_closed(late); }));
        CHECK(t.client.sink.why_closed(late) == errc::refused);
        REQUIRE_FALSE(post(t.client.transport, t.at_client, {"still here"}));
        REQUIRE(world.pump([&] { return t.server.sink.letters.size() == 1; }));
    }

    void listening_twice_on_one_address_fails() {
        auto t = connect();
        endpoint bound{"untouched", 1};
        auto& other = world.add();
        auto const failed = other.transport.listen(t.where, 1, bound);
        CHECK(failed == std::errc::address_in_use);
        CHECK(bound == endpoint{"untouched", 1});
        REQUIRE_FALSE(
            other.transport.listen(world.address(), 1, bound));  // and it can still listen elsewhere
    }

    void due_comes_once_and_not_before_its_time() {
        auto& node = world.add();
        auto const start = node.transport.now().steady;
        instant at{};
        node.sink.on_due = [&] { at = node.transport.now().steady; };
        node.transport.arm(start + std::chrono::hours{1});
        node.transport.arm(start + std::chrono::milliseconds{20});
        REQUIRE(world.pump([&] { return node.sink.dues == 1; }));
        CHECK(at >= start + std::chrono::milliseconds{20});
        CHECK(at < start + std::chrono::minutes{1});
        node.transport.arm(node.transport.now().steady + std::chrono::milliseconds{5});
        node.transport.arm(std::nullopt);
        CHECK_FALSE(world.pump_for(std::chrono::milliseconds{30}, [&] { return node.sink.dues == 2; }));
    }

    void wakes_are_counted_as_one_and_none_is_lost() {
        auto& node = world.add();
        for (int i = 0; i < 10; ++i) node.transport.wake();
        REQUIRE(world.pump([&] { return node.sink.wakes == 1; }));
        CHECK_FALSE(world.pump_for(std::chrono::milliseconds{5}, [&] { return node.sink.wakes == 2; }));
        node.transport.wake();
        REQUIRE(world.pump([&] { return node.sink.wakes == 2; }));
    }

    void a_peer_that_does_not_read_is_cut_and_told_later() {
        auto t = connect();
        // One turn's worth that is over the bound, without the other end having had a chance to read.
        std::string const large(1U << 20U, 'x');
        std::error_code last;
        for (int i = 0; i < 1000 && !last; ++i) last = post(t.client.transport, t.at_client, {large});
        CHECK(last == errc::send_queue_full);
        CHECK(t.client.sink.endings.empty());
        CHECK(post(t.client.transport, t.at_client, {"x"}) == errc::no_such_peer);
        REQUIRE(world.pump(
            [&] { return t.client.sink.endings.size() == 1 && t.server.sink.endings.size() == 1; }));
        CHECK(t.client.sink.endings[0].why == errc::send_queue_full);
        CHECK(t.server.sink.endings[0].why == errc::connection_lost);
    }

    void a_message_over_the_limit_is_not_queued_and_harms_nothing() {
        auto t = connect();
        std::string const large(65U << 20U, 'x');
        CHECK(post(t.client.transport, t.at_client, {large}) == errc::message_too_large);
        REQUIRE_FALSE(post(t.client.transport, t.at_client, {"small"}));
        REQUIRE(world.pump([&] { return t.server.sink.letters.size() == 1; }));
        CHECK(t.server.sink.letters[0].frames == std::vector<std::string>{"small"});
    }

    void a_large_message_comes_whole() {
        auto t = connect();
        std::string large(5U << 20U, 'x');
        for (std::size_t i = 0; i < large.size(); i += 977) large[i] = static_cast<char>('a' + i % 26);
        REQUIRE_FALSE(post(t.client.transport, t.at_client, {"before", large, "after"}));
        REQUIRE(world.pump([&] { return t.server.sink.letters.size() == 1; }));
        CHECK(t.server.sink.letters[0].frames == std::vector<std::string>{"before", large, "after"});
    }

    void an_end_that_goes_is_told_to_its_peers() {
        auto t = connect();
        auto& third = world.add();
        auto const other = third.transport.dial(t.where, 1);
        REQUIRE(world.pump([&] { return third.sink.has_opened(other); }));
        world.remove(t.server);
        REQUIRE(
            world.pump([&] { return t.client.sink.endings.size() == 1 && third.sink.endings.size() == 1; }));
        CHECK(t.client.sink.endings[0].why == errc::connection_lost);
        auto const again = third.transport.dial(t.where, 1);
        REQUIRE(world.pump([&] { return third.sink.has_closed(again); }));
        CHECK(third.sink.why_closed(again) == errc::refused);
    }

    void calls_never_nest() {
        auto t = connect();
        auto const back_and_forth = [&](auto& node) {
            return [&node, &t](peer_id from, auto frames) {
                (void)node.transport.send(from, frames);
                (void)node.transport.dial(t.where, 5);
                node.transport.wake();
                node.transport.arm(node.transport.now().steady);
                if (&node == &t.client && node.sink.letters.size() > 5) node.transport.close(from);
            };
        };
        t.server.sink.on_message = back_and_forth(t.server);
        t.client.sink.on_message = back_and_forth(t.client);
        REQUIRE_FALSE(post(t.client.transport, t.at_client, {"go"}));
        REQUIRE(world.pump([&] { return t.server.sink.endings.size() == 1; }));
        CHECK_FALSE(t.server.sink.nested);
        CHECK_FALSE(t.client.sink.nested);
    }

    // ---- `policy::pushes`: a World also has `add_pull()`, a PULL socket that listens

    struct delivery {
        typename World::node& sender;
        decltype(world.add_pull()) pull;
        peer_id peer{};
    };
    delivery push_to_a_pull() {
        auto& sender = world.add();
        delivery d{sender, world.add_pull()};
        d.peer = sender.transport.dial_push(d.pull.where(), 11);
        CHECK(post(sender.transport, d.peer, {"too early"}) == errc::no_such_peer);
        REQUIRE(world.pump([&] { return sender.sink.has_opened(d.peer) && d.pull.is_open(); }));
        return d;
    }

    void a_push_delivers_to_a_pull_in_order() {
        auto d = push_to_a_pull();
        CHECK(d.sender.sink.arrivals[0].tag == 11);
        CHECK_FALSE(d.sender.sink.arrivals[0].accepted);
        for (int i = 0; i < 1000; ++i)
            REQUIRE_FALSE(post(d.sender.transport, d.peer, {"head " + std::to_string(i), "value"}));
        std::string const large(5U << 20U, 'x');
        REQUIRE_FALSE(post(d.sender.transport, d.peer, {"last", large}));
        REQUIRE(world.pump([&] { return d.pull.letters().size() == 1001; }));
        for (int i = 0; i < 1000; ++i)
            REQUIRE(d.pull.letters()[static_cast<std::size_t>(i)] ==
                    std::vector<std::string>{"head " + std::to_string(i), "value"});
        bool const whole = d.pull.letters()[1000] == std::vector<std::string>{"last", large};
        CHECK(whole);  // too long to be printed
        CHECK(d.sender.sink.endings.empty());
    }

    void a_push_is_refused_by_who_is_no_pull() {
        auto t = connect();
        auto const peer = t.client.transport.dial_push(t.where, 3);
        REQUIRE(world.pump([&] { return t.client.sink.has_closed(peer); }));
        CHECK(World::says_wrong_type(t.client.sink.why_closed(peer)));
        CHECK_FALSE(t.client.sink.has_opened(peer));
        CHECK(t.server.sink.arrivals.size() == 1);
        REQUIRE_FALSE(post(t.client.transport, t.at_client, {"others are served"}));
        REQUIRE(world.pump([&] { return t.server.sink.letters.size() == 1; }));
    }

    void a_dial_is_refused_by_a_pull() {
        auto& client = world.add();
        auto& pull = world.add_pull();
        auto const peer = client.transport.dial(pull.where(), 3);
        REQUIRE(world.pump([&] { return client.sink.has_closed(peer); }));
        CHECK(World::says_wrong_type(client.sink.why_closed(peer)));
    }

    void a_push_to_nobody_is_refused_later() {
        auto& client = world.add();
        auto const peer = client.transport.dial_push(world.unused_address(), 3);
        CHECK(client.sink.endings.empty());
        REQUIRE(world.pump([&] { return client.sink.has_closed(peer); }));
        CHECK(client.sink.why_closed(peer) == errc::refused);
    }

    void what_a_pull_says_is_no_message() {
        auto d = push_to_a_pull();
        REQUIRE(d.pull.say("nobody asked"));
        REQUIRE_FALSE(post(d.sender.transport, d.peer, {"still here"}));
        REQUIRE(world.pump([&] { return d.pull.letters().size() == 1; }));
        CHECK_FALSE(
            world.pump_for(std::chrono::milliseconds{20}, [&] { return d.sender.sink.letters_seen > 0; }));
    }

    void a_pull_that_says_much_is_cut() {
        auto d = push_to_a_pull();
        REQUIRE(d.pull.say(std::string(1U << 20U, 'x')));
        REQUIRE(world.pump([&] { return d.sender.sink.has_closed(d.peer); }));
        CHECK(d.sender.sink.letters_seen == 0);
    }

    void a_closed_push_writes_what_was_queued() {
        auto d = push_to_a_pull();
        REQUIRE_FALSE(post(d.sender.transport, d.peer, {"the last word", ""}));
        d.sender.transport.close(d.peer);
        REQUIRE(world.pump([&] { return d.pull.letters().size() == 1; }));
        CHECK(d.sender.sink.endings.empty());
    }

    void a_turn_has_one_end_after_its_events() {
        auto t = connect();
        std::vector<std::string> order;
        t.server.sink.on_message = [&](peer_id, auto frames) { order.emplace_back(frames[0]); };
        t.server.sink.on_turn_end = [&] {
            if (!order.empty() && order.back() != "end") order.emplace_back("end");
        };
        for (auto const* text : {"a", "b", "c"}) REQUIRE_FALSE(post(t.client.transport, t.at_client, {text}));
        REQUIRE(world.pump(
            [&] { return !order.empty() && order.back() == "end" && t.server.sink.letters.size() == 3; }));
        std::erase(order, "end");
        CHECK(order == std::vector<std::string>{"a", "b", "c"});
    }
};

}  // namespace fastqueue::test

// clang-format off
#define FASTQUEUE_TRANSPORT_LAW(World, law, sentence) \
    TEST_CASE(sentence, "[transport]") { fastqueue::test::transport_laws<World>{}.law(); }

/// All the laws for a World; `name` begins each test's name.
#define FASTQUEUE_TRANSPORT_LAWS(World, name) \
    FASTQUEUE_TRANSPORT_LAW(World, random_calls_lose_and_repeat_nothing, name ": random calls lose and repeat nothing") \
    FASTQUEUE_TRANSPORT_LAW(World, both_ends_are_told_of_a_connection, name ": both ends are told of a connection") \
    FASTQUEUE_TRANSPORT_LAW(World, messages_come_whole_and_in_order, name ": messages come whole and in order") \
    FASTQUEUE_TRANSPORT_LAW(World, a_turn_follows_when_a_long_queue_has_become_shorter, name ": a turn follows when a long queue has become shorter") \
    FASTQUEUE_TRANSPORT_LAW(World, answers_leave_from_within_a_message, name ": answers leave from within a message") \
    FASTQUEUE_TRANSPORT_LAW(World, sending_from_within_opened_works, name ": sending from within opened works") \
    FASTQUEUE_TRANSPORT_LAW(World, a_dial_to_nobody_is_refused_later, name ": a dial to nobody is refused, later") \
    FASTQUEUE_TRANSPORT_LAW(World, closing_is_told_to_the_other_end_only_after_what_was_queued, name ": closing is told to the other end only, after what was queued") \
    FASTQUEUE_TRANSPORT_LAW(World, a_peer_may_be_closed_from_within_its_own_message, name ": a peer may be closed from within its own message") \
    FASTQUEUE_TRANSPORT_LAW(World, a_peer_may_be_closed_from_within_opened_and_closed, name ": a peer may be closed from within opened and closed") \
    FASTQUEUE_TRANSPORT_LAW(World, a_peer_id_is_never_used_again, name ": a peer id is never used again") \
    FASTQUEUE_TRANSPORT_LAW(World, after_stop_listening_nobody_comes_but_those_there_stay, name ": after stop_listening nobody comes, but those there stay") \
    FASTQUEUE_TRANSPORT_LAW(World, listening_twice_on_one_address_fails, name ": listening twice on one address fails") \
    FASTQUEUE_TRANSPORT_LAW(World, due_comes_once_and_not_before_its_time, name ": due comes once and not before its time") \
    FASTQUEUE_TRANSPORT_LAW(World, wakes_are_counted_as_one_and_none_is_lost, name ": wakes are counted as one and none is lost") \
    FASTQUEUE_TRANSPORT_LAW(World, a_peer_that_does_not_read_is_cut_and_told_later, name ": a peer that does not read is cut, and told later") \
    FASTQUEUE_TRANSPORT_LAW(World, a_message_over_the_limit_is_not_queued_and_harms_nothing, name ": a message over the limit is not queued and harms nothing") \
    FASTQUEUE_TRANSPORT_LAW(World, a_large_message_comes_whole, name ": a large message comes whole") \
    FASTQUEUE_TRANSPORT_LAW(World, an_end_that_goes_is_told_to_its_peers, name ": an end that goes is told to its peers") \
    FASTQUEUE_TRANSPORT_LAW(World, calls_never_nest, name ": calls never nest") \
    FASTQUEUE_TRANSPORT_LAW(World, a_turn_has_one_end_after_its_events, name ": a turn has one end, after its events")

/// The laws of `policy::pushes`.
#define FASTQUEUE_PUSH_LAWS(World, name) \
    FASTQUEUE_TRANSPORT_LAW(World, a_push_delivers_to_a_pull_in_order, name ": a PUSH delivers to a PULL, in order") \
    FASTQUEUE_TRANSPORT_LAW(World, a_push_is_refused_by_who_is_no_pull, name ": a PUSH is refused by who is no PULL") \
    FASTQUEUE_TRANSPORT_LAW(World, a_dial_is_refused_by_a_pull, name ": a plain dial is refused by a PULL") \
    FASTQUEUE_TRANSPORT_LAW(World, a_push_to_nobody_is_refused_later, name ": a PUSH to nobody is refused, later") \
    FASTQUEUE_TRANSPORT_LAW(World, what_a_pull_says_is_no_message, name ": what a PULL says is no message") \
    FASTQUEUE_TRANSPORT_LAW(World, a_pull_that_says_much_is_cut, name ": a PULL that says much is cut") \
    FASTQUEUE_TRANSPORT_LAW(World, a_closed_push_writes_what_was_queued, name ": a PUSH that is closed writes what was queued")
// clang-format on
