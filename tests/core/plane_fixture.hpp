#pragma once

// A whole control plane without a network: virtual time, peers that are made up, and all that it sends taken apart.

#include <fastqueue/balancing/least_loaded.hpp>
#include <fastqueue/core/plane.hpp>
#include <fastqueue/eviction/lru.hpp>
#include <fastqueue/testing/delayed_store.hpp>
#include <fastqueue/time_zones/utc.hpp>

#include "core/ids.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace plane_test {

namespace fq = fastqueue;
using namespace std::chrono_literals;
using fq::peer_id;
using fq::core::port_role;

/// One pair that was sent, taken apart.
struct reply {
    std::string line;  ///< verb and positional tokens
    std::map<std::string, std::string> fields;
    std::string payload;
    fq::wire::form layout = fq::wire::form::frames;
    std::size_t message = 0;  ///< which message it came in, counted over all
    std::vector<std::string> envelope;

    std::string field(std::string const& key) const {
        auto const at = fields.find(key);
        return at == fields.end() ? std::string{} : at->second;
    }
};

/// Counts what the plane tells its observer.
struct watcher {
    std::vector<std::string> workers;
    std::vector<fq::task_state> tasks;
    std::uint64_t notices = 0;
    void on(fq::policy::task_event const& e) noexcept { tasks.push_back(e.state); }
    void on(fq::policy::worker_event const& e) noexcept {
        static constexpr std::string_view names[] = {"joined", "inactive", "lost", "left"};
        workers.push_back(std::string{e.worker} + ' ' +
                          std::string{names[static_cast<std::size_t>(e.change)]});
    }
    void on(fq::policy::notice_event const&) noexcept { ++notices; }
};

struct bundle {
    using eviction_policy = fq::eviction::lru;
    using balancing_policy = fq::balancing::least_loaded;
    using store_policy = fq::testing::delayed_store;
    using observer_policy = watcher;
    using time_zone_policy = fq::time_zones::utc;
};

using core_test::id;
using core_test::text;

struct dial {
    fq::endpoint to;
    std::uint32_t tag = 0;
    peer_id peer = peer_id::none;
};

class world {
public:
    explicit world(fq::core::plane_options options = usual())
        : store{id(4711)}, core{options, store, observer, zones} {
        store.flush(core.outbox().awaited());
        core.at(now);
        turn();
    }
    /// A life of a control plane whose store outlives it.
    explicit world(std::shared_ptr<fq::testing::durable_disk> disk, fq::core::plane_options options = usual())
        : store{std::move(disk)}, core{options, store, observer, zones} {
        core.at(now);
        core.restore();
        turn();
    }
    static fq::core::plane_options usual() {
        fq::core::plane_options o;
        o.base = "tcp://127.0.0.1:5555";
        o.management = "tcp://127.0.0.1:5560";
        o.results = "tcp://127.0.0.1:5559";
        o.unknown_names = fq::core::unknown_tasks::wait;
        o.seed = 7;
        return o;
    }

    // ---- peers

    peer_id connect(port_role role, bool req = false, std::string_view address = "127.0.0.1",
                    bool same_process = false) {
        auto const peer = static_cast<peer_id>(++last_peer);
        core.at(now);
        core.opened(peer, {static_cast<std::uint32_t>(role), true, req, same_process, address});
        return peer;
    }
    void disconnect(peer_id peer, fq::errc why = fq::errc::connection_lost) {
        core.at(now);
        core.closed(peer, fq::make_error_code(why));
        turn();
    }
    void frames(peer_id peer, std::vector<std::string> const& octets) {
        std::vector<std::string_view> const views{octets.begin(), octets.end()};
        core.at(now);
        core.message(peer, views);
    }
    /// Sends one pair; the turn is not ended.
    void say(peer_id peer, std::string const& tokens, std::string const& payload = {}) {
        frames(peer, {"FQ1 " + tokens, payload});
    }
    /// Sends one pair and ends the turn. \return all that the peer has been sent since it was last asked
    std::vector<reply> ask(peer_id peer, std::string const& tokens, std::string const& payload = {}) {
        say(peer, tokens, payload);
        turn();
        return take(peer);
    }
    /// The same for a request that has exactly one answer.
    reply ask1(peer_id peer, std::string const& tokens, std::string const& payload = {}) {
        auto replies = ask(peer, tokens, payload);
        CAPTURE(tokens);
        REQUIRE(replies.size() == 1);
        return replies.front();
    }
    std::vector<reply> take(peer_id peer) {
        auto const at = inbox.find(peer);
        return at == inbox.end() ? std::vector<reply>{} : std::exchange(at->second, {});
    }

    // ---- workers

    static std::string registration(std::string const& name, std::uint64_t incarnation,
                                    std::string const& fields) {
        return "register " + name + " incarnation=" + text(incarnation) + ' ' + fields;
    }
    static std::string document(std::string const& tasks, std::string const& runs = {}) {
        return R"({"tasks":[)" + tasks + R"(],"runs":[)" + runs + "]}";
    }
    /// A worker whose runs come down its own connection. \return that connection
    peer_id worker(std::string const& name, std::string const& fields = "concurrency=1",
                   std::string const& tasks = R"("add")", std::uint64_t incarnation = 1000) {
        auto const peer = connect(port_role::management);
        auto const answer = ask(peer, registration(name, incarnation, fields), document(tasks));
        REQUIRE_FALSE(answer.empty());
        CAPTURE(answer.front().payload);
        REQUIRE(answer.front().line == "registered " + name);
        for (std::size_t i = 1; i < answer.size(); ++i) inbox[peer].push_back(answer[i]);
        return peer;
    }
    /// Lets every dial that was asked for succeed. \return their connections, in order
    std::vector<peer_id> accept_dials() {
        std::vector<peer_id> peers;
        for (auto const& d : std::exchange(dials, {})) {
            core.at(now);
            core.opened(d.peer, {d.tag, false, false, false, "127.0.0.1"});
            peers.push_back(d.peer);
        }
        turn();
        return peers;
    }
    void refuse_dials(fq::errc why = fq::errc::refused) {
        for (auto const& d : std::exchange(dials, {})) {
            core.at(now);
            core.closed(d.peer, fq::make_error_code(why));
        }
        turn();
    }
    /// Answers a run.
    void done(peer_id worker, reply const& run, std::string const& state, std::string const& payload = {}) {
        say(worker, "done " + lease(run) + ' ' + state, payload);
        turn();
    }
    static std::string lease(reply const& run) {
        auto const first = run.line.find(' ');
        auto const second = run.line.find(' ', first + 1);
        return run.line.substr(first + 1, run.line.find(' ', second + 1) - first - 1);
    }

    // ---- time

    void turn() {
        core.at(now);
        core.turn();
        store.flush(core.outbox().awaited());
        if (commits) store.commit_all();
        fq::policy::store_news news;
        store.poll(news);
        core.committed(news);
        perform();
        more_room = core.sent([this](fq::peer_id peer) {
            auto const at = queued.find(peer);
            return at == queued.end() ? std::uint64_t{0} : at->second;
        });
    }
    /// Lets time pass, waking the plane when it asks for it, as a shell does.
    void pass(std::chrono::microseconds time) {
        auto const until = now.steady + time;
        int wakes = 0;
        while (now.steady < until) {
            REQUIRE(++wakes < 100'000);  // it must not ask to be woken for ever
            auto const next = std::clamp(core.next_deadline(), now.steady, until);
            now.wall += std::chrono::duration_cast<std::chrono::microseconds>(next - now.steady);
            now.steady = next;
            turn();
        }
    }
    /// Time in which the process stands still.
    void freeze(std::chrono::microseconds time) {
        now.steady += time;
        now.wall += time;
    }

    fq::testing::delayed_store store;
    watcher observer;
    fq::time_zones::utc zones;
    fq::core::plane<bundle> core;
    fq::clock_reading now{fq::instant{std::chrono::hours{1000}}, fq::from_epoch_us(1'790'000'000'000'000)};
    bool commits = true;                      ///< the store commits at the end of each turn
    std::map<peer_id, std::uint64_t> queued;  ///< octets that the way to a peer holds
    bool more_room = false;                   ///< after the latest turn workers may get more
    std::map<peer_id, std::vector<reply>> inbox;
    std::vector<dial> dials;
    std::vector<peer_id> closed;
    std::size_t messages = 0;
    std::uint64_t last_peer = 0;

private:
    void perform() {
        std::vector<std::string_view> views;
        std::vector<dial> dialled;
        core.outbox().perform(
            core.committed_up_to(),
            [&](fq::core::outgoing& m) {
                m.pairs.frames(m.layout, m.envelope, views);
                receive(m.to, views);
            },
            [&](fq::core::link_action const& action) {
                if (auto const* d = std::get_if<fq::core::dial_action>(&action)) {
                    dialled.push_back({d->to, d->tag, static_cast<peer_id>(++last_peer)});
                    core.dialled(d->tag, dialled.back().peer);
                } else {
                    auto const peer = std::get<fq::core::close_action>(action).peer;
                    closed.push_back(peer);
                    std::erase_if(dials, [&](dial const& d2) { return d2.peer == peer; });
                }
            });
        dials.insert(dials.end(), dialled.begin(), dialled.end());
    }
    void receive(peer_id to, std::vector<std::string_view> const& views) {
        ++messages;
        fq::wire::pair_cursor cursor{views};
        REQUIRE_FALSE(cursor.trouble());
        std::vector<std::string> envelope;
        if (cursor.form() == fq::wire::form::packed) {
            envelope.assign(views.begin(), views.end() - 1);
        } else {
            envelope.assign(views.begin(),
                            views.end() - static_cast<std::ptrdiff_t>(cursor.pairs_left()) * 2);
        }
        fq::wire::pair p;
        while (cursor.next(p)) {
            fq::wire::header h;
            CAPTURE(std::string{p.header});
            REQUIRE_FALSE(h.parse(p.header, 100'000));
            reply r;
            r.line = h.verb();
            for (auto const token : h.positional()) r.line.append(" ").append(token);
            for (auto const& f : h.fields()) r.fields.emplace(f.key, f.value);
            r.payload = p.payload;
            r.layout = cursor.form();
            r.message = messages;
            r.envelope = envelope;
            inbox[to].push_back(std::move(r));
        }
    }
};

}  // namespace plane_test
