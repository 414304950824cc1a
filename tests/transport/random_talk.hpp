#pragma once

#include "support/catch.hpp"
#include "transport/recording_sink.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace fastqueue::test {

/// Random calls on a server's and two clients' transports, and the account of what must come of them: what was sent arrives
/// once, whole and in order, unless an end was closed that it was under way to; an end that closed is told no more; the other
/// one is told once, after what was sent before.
template <class World>
class random_talk {
public:
    random_talk(World& world, std::uint64_t seed)
        : world_{world}, random_{seed}, server_{world.add()}, clients_{&world.add(), &world.add()} {
        REQUIRE_FALSE(server_.transport.listen(world.address(), 1, where_));
    }

    void step() {
        switch (random_() % 10) {
            case 0:
                if (links_.size() < 40) dial();
                break;
            case 1:
                if (random_() % 4 == 0) close(any_side());
                break;
            case 2:
                (void)world_.pump_for(std::chrono::milliseconds{1}, [] { return false; });
                break;
            case 3:
                node_of(any_side()).transport.wake();
                break;
            default:
                send(any_side());
        }
        collect();
    }
    /// Until all that must arrive has arrived.
    void settle() {
        bool const all = world_.pump([&] {
            collect();
            for (auto& l : links_) {
                if (!settled(l, 0) || !settled(l, 1)) return false;
            }
            return true;
        });
        CHECK(all);
        CHECK_FALSE(server_.sink.nested);
        for (auto const* c : clients_) CHECK_FALSE(c->sink.nested);
    }
    [[nodiscard]] std::size_t received() const noexcept { return received_; }

private:
    using node = typename World::node;
    /// One end of a link; the other one's `got` are counted of what this one has `sent`.
    struct end {
        node* at = nullptr;
        peer_id peer{};
        bool open = false;    // it was told so
        bool closed = false;  // by us
        bool told = false;    // that the other one is gone
        std::uint32_t sent = 0;
        std::uint32_t got = 0;
    };
    struct link {
        std::array<end, 2> ends;  // the client's, the server's
    };
    struct side {
        link* of = nullptr;
        std::size_t which = 0;
    };
    struct place {
        std::size_t arrivals = 0;
        std::size_t letters = 0;
        std::size_t endings = 0;
    };

    void dial() {
        auto& client = *clients_[random_() % clients_.size()];
        auto& l = links_.emplace_back();
        l.ends[0].at = &client;
        l.ends[0].peer = client.transport.dial(where_, 2);
        l.ends[1].at = &server_;
    }
    [[nodiscard]] side any_side() {
        if (links_.empty()) dial();
        return {&links_[random_() % links_.size()], random_() % 2};
    }
    [[nodiscard]] static node& node_of(side const& s) { return *s.of->ends[s.which].at; }

    void send(side s) {
        auto& me = s.of->ends[s.which];
        if (!me.open || me.closed || me.told) return;
        std::string const filling(random_() % (random_() % 16 == 0 ? 100'000 : 100), 'x');
        auto const number = static_cast<std::size_t>(
            std::ranges::find_if(links_, [&](auto& l) { return &l == s.of; }) - links_.begin());
        auto const refused =
            post(me.at->transport, me.peer, {std::to_string(number), std::to_string(me.sent), filling});
        if (!refused) ++me.sent;
        CHECK((!refused || refused == errc::no_such_peer));  // its end may be known there, and not yet told
    }
    void close(side s) {
        auto& me = s.of->ends[s.which];
        if (me.closed || (s.which == 1 && !me.open)) return;
        me.at->transport.close(me.peer);
        me.closed = true;
    }

    /// What has come since the last look, at each node.
    void collect() {
        look_at(server_, seen_[0]);
        look_at(*clients_[0], seen_[1]);
        look_at(*clients_[1], seen_[2]);
    }
    void look_at(node& at, place& seen) {
        auto& sink = at.sink;
        for (; seen.arrivals < sink.arrivals.size(); ++seen.arrivals) {
            if (auto* me = find(at, sink.arrivals[seen.arrivals].peer)) me->open = true;
        }
        for (; seen.letters < sink.letters.size(); ++seen.letters) take(at, sink.letters[seen.letters]);
        for (; seen.endings < sink.endings.size(); ++seen.endings) {
            auto* const me = find(at, sink.endings[seen.endings].peer);
            if (me == nullptr) continue;  // a link that nothing was sent over
            CHECK_FALSE((me->told || me->closed));
            me->told = true;
        }
    }
    void take(node& at, recording_sink::letter const& letter) {
        REQUIRE(letter.frames.size() == 3);
        auto& l = links_.at(std::stoul(letter.frames[0]));
        auto& me = l.ends[&at == &server_ ? 1 : 0];
        if (&at == &server_ && !me.open) {  // the first word says whose connection it is
            me.peer = letter.peer;
            me.open = true;
        }
        REQUIRE(me.peer == letter.peer);
        REQUIRE_FALSE((me.told || me.closed));
        REQUIRE(letter.frames[1] == std::to_string(me.got));
        ++me.got;
        ++received_;
    }
    [[nodiscard]] end* find(node& at, peer_id peer) {
        for (auto& l : links_) {
            for (auto& e : l.ends) {
                if (e.at == &at && e.peer == peer && (e.open || &at != &server_)) return &e;
            }
        }
        return nullptr;
    }
    /// Whether end `which` has heard all that it must.
    [[nodiscard]] static bool settled(link const& l, std::size_t which) {
        auto const& me = l.ends[which];
        auto const& other = l.ends[1 - which];
        if (me.closed || !me.open) return true;
        return other.closed ? me.told && me.got == other.sent : !me.told && me.got == other.sent;
    }

    World& world_;
    std::mt19937_64 random_;
    node& server_;
    std::array<node*, 2> clients_;
    endpoint where_{};
    std::deque<link> links_;
    std::array<place, 3> seen_;
    std::size_t received_ = 0;
};

}  // namespace fastqueue::test
