#include <fastqueue/core/courier.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace courier_test {

namespace fq = fastqueue;
using namespace std::chrono_literals;
using fq::endpoint;
using fq::errc;
using fq::peer_id;

fq::core::courier_options few_of_all() {
    fq::core::courier_options o;
    o.max_connections = 4;
    o.max_letters = 20;
    o.max_letters_an_address = 15;
    return o;
}

/// A courier with a network in which a test decides who listens and who reads.
class post_office {
public:
    explicit post_office(fq::core::courier_options const& options = {}) : courier{options, out_} {}

    static endpoint at(std::uint16_t port) { return {"127.0.0.1", port}; }

    bool post(std::uint16_t port, std::string const& text, std::string payload = "8",
              fq::policy::store_sequence after = 0) {
        return courier.post(at(port), "FQ1 result " + text, std::move(payload), after, now);
    }
    void turn() {
        courier.turn(now, std::exchange(performed_, committed), [this](peer_id p) { return queued[p]; });
        std::vector<std::string_view> frames;
        out_.perform(
            committed,
            [&](fq::core::outgoing& m) {
                m.pairs.frames(m.layout, m.envelope, frames);
                REQUIRE(frames.size() == 2);
                auto const to = ports.find(m.to);
                if (to == ports.end() || !is_open[m.to]) return;  // as a transport: it knows no such peer
                got[to->second].push_back(
                    std::string{frames[0].substr(std::string_view{"FQ1 result "}.size())});
                octets += frames[1].size();
                if (asleep.count(to->second) > 0) queued[m.to] += frames[0].size() + frames[1].size();
            },
            [&](fq::core::link_action const& action) { link(action); });
    }
    /// Turns whenever something is due.
    void pass(std::chrono::milliseconds time) {
        auto const end = now + time;
        turn();
        for (int turns = 0; courier.next_deadline() <= end; turn()) {
            REQUIRE(++turns < 100'000);
            now = std::max(now, courier.next_deadline());
        }
        now = end;
        turn();
    }
    /// Every dial that is under way meets a listener.
    void open_all() {
        for (auto const peer : std::exchange(dialling, {})) {
            is_open[peer] = true;
            CHECK(courier.opened(peer, now));
        }
        turn();
    }
    void refuse_all(errc why = errc::refused) {
        for (auto const peer : std::exchange(dialling, {})) {
            ports.erase(peer);
            CHECK(courier.closed(peer, why, now));
        }
        turn();
    }
    void cut(peer_id peer) {
        ports.erase(peer);
        is_open.erase(peer);
        queued.erase(peer);
        CHECK(courier.closed(peer, errc::connection_lost, now));
    }
    peer_id peer_at(std::uint16_t port) const {
        auto const found = std::ranges::find_if(ports, [&](auto const& e) { return e.second == port; });
        return found == ports.end() ? peer_id::none : found->first;
    }

private:
    fq::core::outbox out_;

public:
    fq::core::courier courier;
    fq::instant now{1h};
    fq::policy::store_sequence committed = 0;
    bool can_push = true;
    std::map<peer_id, std::uint16_t> ports;  ///< of connections, those being made among them
    std::map<peer_id, bool> is_open;
    std::map<peer_id, std::uint64_t> queued;
    std::map<std::uint16_t, bool> asleep;  ///< ports whose listeners do not read
    std::vector<peer_id> dialling;
    std::vector<peer_id> closed;
    std::map<std::uint16_t, std::vector<std::string>> got;
    std::uint64_t octets = 0;
    int dials = 0;
    std::size_t most_links = 0;

private:
    void link(fq::core::link_action const& action) {
        if (auto const* d = std::get_if<fq::core::dial_action>(&action)) {
            CHECK(d->push);
            CHECK(courier.owns(d->tag));
            ++dials;
            if (!can_push) return courier.dialled(d->tag, peer_id::none);
            auto const peer = static_cast<peer_id>(++last_peer_);
            ports[peer] = d->to.port;
            dialling.push_back(peer);
            courier.dialled(d->tag, peer);
            most_links = std::max(most_links, ports.size());
            return;
        }
        auto const peer = std::get<fq::core::close_action>(action).peer;
        REQUIRE(ports.erase(peer) == 1);
        is_open.erase(peer);
        queued.erase(peer);
        std::erase(dialling, peer);
        closed.push_back(peer);
    }

    fq::policy::store_sequence performed_ = 0;
    std::uint64_t last_peer_ = 0;
};

using texts = std::vector<std::string>;

texts numbers(int from, int to) {
    texts out;
    for (int i = from; i < to; ++i) out.push_back(std::to_string(i));
    return out;
}

TEST_CASE("courier: dials for a letter and hands it out, as two frames, when the connection is there",
          "[core]") {
    post_office o;
    CHECK(o.courier.next_deadline() == fq::instant::max());
    REQUIRE(o.post(1, "a"));
    o.turn();
    REQUIRE(o.dialling.size() == 1);
    CHECK(o.got.empty());
    CHECK(o.courier.waiting() == 1);
    o.open_all();
    CHECK(o.got[1] == texts{"a"});
    CHECK(o.courier.counters().sent == 1);
    CHECK(o.courier.waiting() == 0);
    CHECK_FALSE(o.courier.owns(99));
    CHECK_FALSE(o.courier.owns(164));
    CHECK_FALSE(o.courier.opened(static_cast<peer_id>(77), o.now));
    CHECK_FALSE(o.courier.closed(static_cast<peer_id>(77), errc::refused, o.now));
    CHECK_FALSE(o.courier.closed(peer_id::none, errc::refused, o.now));
}

TEST_CASE("courier: the letters to one address leave in order, over one connection", "[core]") {
    post_office o;
    for (int i = 0; i < 10; ++i) REQUIRE(o.post(1, std::to_string(i)));
    REQUIRE(o.post(2, "other"));
    o.turn();
    o.open_all();
    for (int i = 10; i < 20; ++i) REQUIRE(o.post(1, std::to_string(i)));
    o.turn();
    CHECK(o.dials == 2);
    CHECK(o.got[1] == numbers(0, 20));
    CHECK(o.got[2] == texts{"other"});
}

TEST_CASE("courier: no letter leaves before its write is committed, nor before an older one", "[core]") {
    post_office o;
    REQUIRE(o.post(1, "a", "8", 5));
    REQUIRE(o.post(1, "b"));
    REQUIRE(o.post(2, "c"));
    o.turn();
    o.open_all();
    CHECK(o.got[1].empty());
    CHECK(o.got[2] == texts{"c"});
    o.committed = 4;
    o.turn();
    CHECK(o.got[1].empty());
    o.committed = 5;
    REQUIRE(o.post(1, "d"));
    o.turn();
    CHECK(o.got[1] == texts{"a", "b", "d"});
}

TEST_CASE("courier: an address that refuses is dialled again after longer and longer pauses", "[core]") {
    post_office o;
    REQUIRE(o.post(1, "a"));
    o.turn();
    fq::instant last = o.now;
    std::vector<std::chrono::nanoseconds> pauses;
    for (int i = 0; i < 9; ++i) {
        o.refuse_all();
        CHECK(o.dialling.empty());
        while (o.dialling.empty()) {
            REQUIRE(o.courier.next_deadline() != fq::instant::max());
            o.now = o.courier.next_deadline();
            o.turn();
        }
        pauses.push_back(o.now - last);
        last = o.now;
    }
    CHECK(pauses.front() <= 100ms);
    CHECK(pauses[3] >= 400ms);
    CHECK(pauses[8] >= 2500ms);
    CHECK(*std::ranges::max_element(pauses) <= 5s);
    o.open_all();
    CHECK(o.got[1] == texts{"a"});
    CHECK(o.courier.counters().failed == 0);
}

TEST_CASE("courier: pauses are short again when something was taken", "[core]") {
    post_office o;
    REQUIRE(o.post(1, "a"));
    o.turn();
    for (int i = 0; i < 4; ++i) {
        o.refuse_all();
        o.pass(5s);
    }
    o.open_all();
    o.turn();
    REQUIRE(o.got[1] == texts{"a"});
    REQUIRE(o.post(1, "b"));
    o.cut(o.peer_at(1));
    o.pass(100ms);
    CHECK(o.dialling.size() == 1);
}

TEST_CASE(
    "courier: a letter whose time is over has failed, which is told with the reason, and its address is "
    "forgotten",
    "[core]") {
    post_office o;
    REQUIRE(o.post(1, "a"));
    REQUIRE(o.post(1, "b"));
    o.turn();
    for (int i = 0; i < 130; ++i) {
        o.refuse_all();
        o.pass(500ms);
    }
    CHECK(o.got.empty());
    CHECK(o.courier.counters().failed == 2);
    CHECK(o.courier.waiting() == 0);
    CHECK(o.courier.octets() == 0);
    CHECK(o.courier.addresses() == 0);
    CHECK(o.courier.next_deadline() == fq::instant::max());
    auto const notices = o.courier.take_notices();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].to == o.at(1));
    CHECK(notices[0].letters == 2);
    CHECK(notices[0].why == errc::refused);
    CHECK(o.courier.take_notices().empty());
    auto const dials = o.dials;
    o.pass(60s);
    CHECK(o.dials == dials);
}

TEST_CASE("courier: a connection is kept while it is used, and closed when it has been idle", "[core]") {
    post_office o;
    REQUIRE(o.post(1, "a"));
    o.turn();
    o.open_all();
    o.pass(29s);
    CHECK(o.closed.empty());
    REQUIRE(o.post(1, "b"));
    o.pass(29s);
    CHECK(o.closed.empty());
    CHECK(o.courier.addresses() == 1);
    o.pass(2s);
    CHECK(o.closed.size() == 1);
    CHECK(o.courier.addresses() == 0);
    CHECK(o.courier.next_deadline() == fq::instant::max());
    REQUIRE(o.post(1, "c"));
    o.turn();
    o.open_all();
    CHECK(o.dials == 2);
    CHECK(o.got[1] == texts{"a", "b", "c"});
}

TEST_CASE("courier: fault 7: a listener that does not read fills no memory and holds nobody else up",
          "[core]") {
    post_office o;
    o.asleep[1] = true;
    std::string const large(1U << 20U, 'x');
    for (int i = 0; i < 60; ++i) {
        REQUIRE(o.post(1, std::to_string(i), large));
        REQUIRE(o.post(2, std::to_string(i)));
        o.turn();
        o.open_all();
    }
    CHECK(o.got[1].size() == 4);
    CHECK(o.got[2] == numbers(0, 60));
    CHECK(o.courier.octets() < 62U << 20U);
    for (int i = 60; i < 200; ++i) {
        static_cast<void>(o.post(1, std::to_string(i), large));
        REQUIRE(o.post(2, std::to_string(i), std::string(100'000, 'y')));
        o.turn();
        CHECK(o.courier.octets() <= 64U << 20U);
    }
    CHECK(o.got[2] == numbers(0, 200));
    o.pass(61s);
    CHECK(o.courier.waiting() == 0);
    CHECK(o.courier.octets() < 6U << 20U);
    CHECK(o.courier.counters().failed + o.courier.counters().refused == 196);
    for (auto const& n : o.courier.take_notices()) CHECK(n.to == o.at(1));
}

TEST_CASE("courier: what a slow listener has taken makes way for more, in order", "[core]") {
    post_office o;
    o.asleep[1] = true;
    std::string const large(1U << 20U, 'x');
    for (int i = 0; i < 20; ++i) REQUIRE(o.post(1, std::to_string(i), large));
    o.turn();
    o.open_all();
    CHECK(o.got[1].size() == 4);
    CHECK(o.courier.next_deadline() <= o.now + 100ms);
    for (int i = 0; i < 20; ++i) {
        auto& left = o.queued[o.peer_at(1)];
        left -= std::min<std::uint64_t>(left, 1U << 20U);
        o.turn();
    }
    CHECK(o.got[1] == numbers(0, 20));
}

TEST_CASE("courier: one address may have so many letters and no more", "[core]") {
    post_office o{few_of_all()};
    for (int i = 0; i < 15; ++i) REQUIRE(o.post(1, std::to_string(i)));
    CHECK_FALSE(o.post(1, "too many"));
    CHECK(o.courier.counters().refused == 1);
    o.turn();
    o.open_all();
    CHECK(o.got[1] == numbers(0, 15));
}

TEST_CASE("courier: where there is no room, who has most makes room for who has less", "[core]") {
    post_office o{few_of_all()};
    for (int i = 0; i < 15; ++i) REQUIRE(o.post(1, std::to_string(i)));
    for (int i = 0; i < 10; ++i) REQUIRE(o.post(2, std::to_string(i)));
    CHECK_FALSE(o.post(2, "beyond its share"));
    REQUIRE(o.post(3, "0"));
    CHECK(o.courier.waiting() == 20);
    CHECK(o.courier.counters().failed == 6);
    CHECK(o.courier.counters().refused == 1);
    o.turn();
    o.open_all();
    CHECK(o.got[1] == numbers(0, static_cast<int>(o.got[1].size())));  // the latest went
    CHECK(o.got[2] == numbers(0, static_cast<int>(o.got[2].size())));
    CHECK(o.got[1].size() + o.got[2].size() == 19);
    CHECK(o.got[3] == texts{"0"});
}

TEST_CASE("courier: who does not read what was sent to it is cut where others need the room", "[core]") {
    auto options = few_of_all();
    options.max_octets = 8U << 20U;
    post_office o{options};
    o.asleep[1] = true;
    REQUIRE(o.post(1, "a", std::string(6U << 20U, 'x')));
    o.turn();
    o.open_all();
    CHECK(o.courier.waiting() == 0);
    CHECK_FALSE(o.post(1, "b", std::string(6U << 20U, 'x')));
    CHECK(o.closed.empty());
    REQUIRE(o.post(2, "c", std::string(3U << 20U, 'x')));
    o.turn();
    CHECK(o.closed.size() == 1);
    CHECK_FALSE(o.post(2, "d", std::string(9U << 20U, 'x')));  // nothing makes room for that
    CHECK(o.courier.addresses() == 1);
}

TEST_CASE("courier: a connection that is not used is given up at once when others wait for one", "[core]") {
    post_office o{few_of_all()};
    for (std::uint16_t port = 1; port <= 10; ++port) {
        REQUIRE(o.post(port, "a"));
        o.turn();
        o.open_all();
        o.turn();
    }
    for (std::uint16_t port = 1; port <= 10; ++port) CHECK(o.got[port] == texts{"a"});
    CHECK(o.most_links <= 4);
    CHECK(o.closed.size() == 6);
    CHECK(o.courier.addresses() == 4);
}

TEST_CASE("courier: who had a connection for long lines up again when others wait, and loses nothing",
          "[core]") {
    post_office o{few_of_all()};
    for (std::uint16_t port = 1; port <= 4; ++port) REQUIRE(o.post(port, "0"));
    o.turn();
    o.open_all();
    REQUIRE(o.post(5, "0"));
    int sent = 1;
    while (o.got[5].empty()) {
        REQUIRE(sent < 30);
        for (std::uint16_t port = 1; port <= 4; ++port) REQUIRE(o.post(port, std::to_string(sent)));
        ++sent;
        o.now += 500ms;
        o.turn();
        o.open_all();
    }
    for (int i = 0; i < 100; ++i) {
        o.open_all();
        o.pass(100ms);
    }
    for (std::uint16_t port = 1; port <= 4; ++port) CHECK(o.got[port] == numbers(0, sent));
    CHECK(o.most_links <= 4);
}

TEST_CASE("courier: a connection whose letters wait for the store is left alone", "[core]") {
    auto options = few_of_all();
    options.max_octets = 1U << 20U;
    post_office o{options};
    for (std::uint16_t port = 1; port <= 4; ++port) REQUIRE(o.post(port, "a", std::string(200'000, 'x'), 1));
    o.turn();
    o.open_all();
    REQUIRE(o.post(5, "b"));
    CHECK_FALSE(o.post(6, "no room", std::string(300'000, 'x')));
    o.pass(40s);
    CHECK(o.closed.empty());
    o.committed = 1;
    o.turn();
    o.turn();
    o.open_all();
    for (std::uint16_t port = 1; port <= 4; ++port) CHECK(o.got[port] == texts{"a"});
    CHECK(o.got[5] == texts{"b"});
}

TEST_CASE("courier: who holds a connection that others wait for, and does not read, has failed", "[core]") {
    post_office o{few_of_all()};
    for (std::uint16_t port = 1; port <= 4; ++port) {
        o.asleep[port] = true;
        REQUIRE(o.post(port, "a"));
    }
    o.turn();
    o.open_all();
    for (std::uint16_t port = 1; port <= 4; ++port) REQUIRE(o.post(port, "b", std::string(5U << 20U, 'x')));
    o.pass(4s);
    for (std::uint16_t port = 1; port <= 4; ++port) REQUIRE(o.post(port, "c"));
    REQUIRE(o.post(5, "d"));
    o.pass(500ms);
    CHECK(o.got[5].empty());
    for (int i = 0; i < 10; ++i) {
        o.pass(100ms);
        o.open_all();
    }
    CHECK(o.got[5] == texts{"d"});
    for (std::uint16_t port = 6; port <= 9; ++port) REQUIRE(o.post(port, "e"));
    int sleepers = 0;
    for (int i = 0; i < 100; ++i) {
        o.pass(100ms);
        o.open_all();
    }
    for (auto const& [peer, port] : o.ports) sleepers += port <= 4 ? 1 : 0;
    CHECK(sleepers <= 2);
    for (std::uint16_t port = 6; port <= 9; ++port) CHECK(o.got[port] == texts{"e"});
}

TEST_CASE("courier: dead addresses take half of the connections at most, whatever they do to a dial",
          "[core]") {
    post_office o{few_of_all()};
    for (std::uint16_t port = 1; port <= 8; ++port) REQUIRE(o.post(port, "a"));
    o.turn();
    CHECK(o.dialling.size() == 4);
    o.pass(5s);  // no answer: given up, and the others get their turn
    CHECK(o.closed.size() == 4);
    o.pass(5s);
    CHECK(o.closed.size() == 8);
    for (int i = 0; i < 30; ++i) {
        o.pass(1s);
        CHECK(o.dialling.size() <= 2);
    }
    REQUIRE(o.post(9, "b"));
    o.turn();
    CHECK(o.peer_at(9) != peer_id::none);
    o.pass(60s);
    CHECK(o.courier.counters().failed == 9);
    CHECK(o.courier.addresses() == 0);
    auto const notices = o.courier.take_notices();
    CHECK(notices.size() == 9);
    for (auto const& n : notices) CHECK(n.why == errc::timed_out);
}

TEST_CASE("courier: what waits when a connection breaks goes over the next one", "[core]") {
    post_office o;
    o.asleep[1] = true;
    std::string const large(1U << 20U, 'x');
    for (int i = 0; i < 8; ++i) REQUIRE(o.post(1, std::to_string(i), large));
    o.turn();
    o.open_all();
    CHECK(o.got[1] == numbers(0, 4));
    o.cut(o.peer_at(1));
    CHECK(o.courier.octets() < 5U << 20U);  // what was sent is no letter any more
    o.pass(200ms);
    o.open_all();
    CHECK(o.got[1] == numbers(0, 8));
}

TEST_CASE("courier: a transport that cannot push is a failure of the letters, told as that", "[core]") {
    post_office o;
    o.can_push = false;
    REQUIRE(o.post(1, "a"));
    o.pass(61s);
    CHECK(o.courier.counters().failed == 1);
    auto const notices = o.courier.take_notices();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].why == std::errc::operation_not_supported);
    CHECK(o.courier.addresses() == 0);
}

TEST_CASE("courier: many failures are few notices, and none is left out of their numbers", "[core]") {
    post_office o;
    std::uint64_t told = 0;
    std::size_t notices = 0;
    for (int i = 0; i < 300; ++i) {
        REQUIRE(o.post(1, "a"));
        o.refuse_all();
        o.pass(500ms);
        for (auto const& n : o.courier.take_notices()) {
            told += n.letters;
            ++notices;
        }
    }
    o.refuse_all();
    o.pass(70s);
    for (auto const& n : o.courier.take_notices()) told += n.letters;
    CHECK(told == 300);
    CHECK(notices < 12);
}

TEST_CASE("courier: a turn hands out so much and no more, and the next one comes at once", "[core]") {
    post_office o;
    std::string const large(1U << 20U, 'x');
    for (std::uint16_t port = 1; port <= 8; ++port) {
        for (int i = 0; i < 5; ++i) REQUIRE(o.post(port, std::to_string(i), large));
    }
    o.turn();
    o.open_all();
    CHECK(o.octets <= 18U << 20U);
    CHECK(o.courier.next_deadline() == o.now);
    o.pass(1ms);
    for (std::uint16_t port = 1; port <= 8; ++port) CHECK(o.got[port] == numbers(0, 5));
}

TEST_CASE("courier: whatever happens, letters are counted once, keep their order and stay within the bounds",
          "[core]") {
    auto const seed = GENERATE(take(20, Catch::Generators::random<std::uint64_t>(0, ~0ULL >> 1U)));
    CAPTURE(seed);
    fq::core::random_source random{seed};
    auto const pick = [&](std::uint64_t most) { return random.next() % most; };
    auto options = few_of_all();
    options.max_octets = 1U << 20U;
    post_office o{options};
    std::uint64_t posted = 0;
    std::map<std::uint16_t, int> next;
    for (int step = 0; step < 3000; ++step) {
        auto const port = static_cast<std::uint16_t>(1 + pick(8));
        switch (pick(8)) {
            case 0:
            case 1:
            case 2:
                ++posted;
                static_cast<void>(o.post(port, std::to_string(next[port]++), std::string(pick(300'000), 'x'),
                                         o.committed + pick(3)));
                break;
            case 3:
                o.committed += pick(3);
                break;
            case 4:
                pick(2) == 0 ? o.open_all() : o.refuse_all();
                break;
            case 5:
                if (auto const peer = o.peer_at(port); peer != peer_id::none && o.is_open[peer]) o.cut(peer);
                break;
            case 6:
                if (o.asleep.erase(port) == 0) o.asleep[port] = true;
                for (auto& [peer, left] : o.queued) left = pick(2) == 0 ? 0 : left;
                break;
            default:
                o.pass(std::chrono::milliseconds{pick(3000)});
        }
        o.turn();
        auto const& c = o.courier.counters();
        REQUIRE(c.sent + c.failed + c.refused + o.courier.waiting() == posted);
        REQUIRE(o.courier.octets() <= options.max_octets);
        REQUIRE(o.courier.waiting() <= options.max_letters);
        REQUIRE(o.courier.addresses() <= options.max_letters + options.max_connections);
    }
    CHECK(o.most_links <= 4);
    for (auto const& [port, letters] : o.got) {
        CHECK(std::ranges::is_sorted(
            letters, [](auto const& a, auto const& b) { return std::stoi(a) < std::stoi(b); }));
        CHECK(std::ranges::adjacent_find(letters) == letters.end());
    }
    o.committed += 10;
    for (int i = 0; i < 200; ++i) {
        o.refuse_all();
        o.pass(1s);
    }
    CHECK(o.courier.addresses() == 0);
    CHECK(o.courier.octets() == 0);
    CHECK(o.courier.next_deadline() == fq::instant::max());
}

}  // namespace courier_test
