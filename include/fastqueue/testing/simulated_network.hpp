#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/testing/event_queue.hpp>
#include <fastqueue/testing/random_engine.hpp>
#include <fastqueue/testing/simulated_stream.hpp>
#include <fastqueue/testing/trace_hash.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::testing {

/// A whole network in one thread, in virtual time: nodes, byte streams between them, and everything that can
/// befall them. All chance comes from the seed, so one seed gives one run, on every machine.
///
/// A node is reached under its name (`tcp://name:port`). `127.0.0.1`, `::1` and `localhost` mean whoever
/// listens on that port, the own node first: all nodes may be thought of as one machine. Octets of a stream
/// arrive in order, delayed and cut into pieces at random; a partition holds them back and healing lets them
/// go on, as TCP would.
class simulated_network {
public:
    explicit simulated_network(std::uint64_t seed) : random_{seed} { nodes_.emplace_back(); }
    simulated_network(simulated_network const&) = delete;
    simulated_network& operator=(simulated_network const&) = delete;

    // ---- time and chance ----

    [[nodiscard]] clock_reading now() const noexcept {
        auto const gone = std::chrono::duration_cast<std::chrono::microseconds>(now_ - beginning);
        return {now_, wall_beginning + wall_jump_ + gone};
    }
    /// Moves every wall clock; the monotonic ones go on as if nothing had been.
    void jump_wall_clock(std::chrono::microseconds by) noexcept { wall_jump_ += by; }
    /// The engine that decides everything: a test's own choices may come from it too.
    [[nodiscard]] random_engine& random() noexcept { return random_; }
    /// Equal for two runs in which the same happened.
    [[nodiscard]] std::uint64_t trace() const noexcept { return trace_.value(); }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }

    /// Calls `action` after `delay`, whatever happens to the nodes.
    void schedule(std::chrono::nanoseconds delay, std::function<void()> action) {
        queue_.push(now_ + delay, node_id::none, std::move(action));
    }
    /// The same, unless `node` has crashed by then.
    void schedule(node_id node, std::chrono::nanoseconds delay, std::function<void()> action) {
        if (alive(node)) queue_.push(now_ + delay, node, std::move(action));
    }

    /// Lets the next moment of one node happen.
    /// \return false if nothing is going to happen any more
    bool step() {
        if (queue_.empty()) return false;
        auto const at = queue_.top().at;
        auto const owner = queue_.top().owner;
        do {
            happen(queue_.pop());
        } while (!queue_.empty() && queue_.top().at == at && queue_.top().owner == owner);
        end_turns();
        return true;
    }

    /// Steps until `condition()` holds.
    /// \param limit        of virtual time
    /// \param most_events  so that a run that never comes to rest ends
    /// \return whether it held
    template <class Condition>
    [[nodiscard]] bool run_until(Condition&& condition, std::chrono::nanoseconds limit,
                                 std::uint64_t most_events = 10'000'000) {
        auto const end = now_ + limit;
        auto const last = events_ + most_events;
        while (!condition()) {
            if (events_ >= last) return false;
            if (queue_.empty() || queue_.top().at > end) {
                now_ = end;
                return condition();
            }
            step();
        }
        return true;
    }
    /// Lets time pass.
    void run_for(std::chrono::nanoseconds time) {
        (void)run_until([] { return false; }, time);
    }

    // ---- nodes ----

    /// A new node, also for a name that has crashed: that is its restart.
    node_id add_node(std::string name) {
        nodes_.push_back({std::move(name), true, false, {}});
        return static_cast<node_id>(nodes_.size() - 1);
    }
    /// The living node of that name, or none.
    [[nodiscard]] node_id find_node(std::string_view name) const noexcept {
        for (auto i = nodes_.size(); i-- > 1;) {
            if (nodes_[i].alive && nodes_[i].name == name) return static_cast<node_id>(i);
        }
        return node_id::none;
    }
    [[nodiscard]] bool alive(node_id node) const noexcept { return node != node_id::none && at(node).alive; }
    [[nodiscard]] std::string const& name_of(node_id node) const noexcept { return at(node).name; }

    /// Ends a node as `kill -9` would: nothing more leaves it, and what was under way from it arrives only in
    /// part. Its listeners, streams and timers are gone; calls that its objects still make have no effect.
    void crash(node_id node) {
        if (!alive(node)) return;
        at(node).alive = false;
        at(node).held.clear();
        trace_.add(static_cast<std::uint64_t>(node));
        for (auto& [id, s] : streams_) {
            for (std::size_t end = 0; end < 2; ++end) {
                if (s.node[end] == node) tear(id, s, end);
            }
            // It was being dialled: the machine is still there to refuse that.
            if (s.node[1] == node && !s.connected && s.host[0] != host_id::none) {
                schedule(s.node[0], random_delay(link_of(s)),
                         [this, dial = id] { end_at(dial, 0, errc::refused); });
            }
        }
        std::erase_if(listeners_, [&](listener const& l) { return l.node == node; });
        sweep();
    }
    /// Stops a node as SIGSTOP would: what comes to it waits.
    void pause(node_id node) noexcept { at(node).paused = true; }
    void resume(node_id node) {
        at(node).paused = false;
        for (auto& action : std::exchange(at(node).held, {})) queue_.push(now_, node, std::move(action));
    }

    // ---- links, by the names of two nodes ----

    void set_link(std::string const& a, std::string const& b, link_options options) {
        links_[pair_of(a, b)] = options;
    }
    void set_all_links(link_options options) {
        links_.clear();
        usual_link_ = options;
    }
    /// Breaks every stream between two nodes: both ends are told, what was under way arrives only in part.
    void cut(std::string const& a, std::string const& b) {
        for (auto& [id, s] : streams_) {
            if (!joins(s, a, b)) continue;
            for (std::size_t end = 0; end < 2; ++end) lose_some(id, s, end);
        }
    }
    /// Nothing arrives from `from` at `to` any more; dials between them get no answer.
    void partition_one_way(std::string const& from, std::string const& to) { blocked_.insert({from, to}); }
    void partition(std::string const& a, std::string const& b) {
        partition_one_way(a, b);
        partition_one_way(b, a);
    }
    void heal(std::string const& a, std::string const& b) {
        blocked_.erase({a, b});
        blocked_.erase({b, a});
        go_on();
    }
    void heal_all() {
        blocked_.clear();
        go_on();
    }

    // ---- for hosts: `transport::simulated` is one ----

    /// \param host  outlives its entry: see `remove_host`
    [[nodiscard]] host_id add_host(node_id node, simulated_host& host) {
        hosts_.push_back({&host, node, false});
        return static_cast<host_id>(hosts_.size());
    }
    /// As the end of a process that was not killed: what it has written arrives, then its streams end.
    void remove_host(host_id host) {
        for (auto& [id, s] : streams_) {
            for (std::size_t end = 0; end < 2; ++end) {
                if (s.host[end] == host) let_go(id, s, end);
            }
        }
        stop_listening(host);
        entry(host).user = nullptr;
        sweep();
    }
    [[nodiscard]] std::error_code listen(host_id host, endpoint const& where, std::uint32_t tag,
                                         endpoint& bound) {
        auto const node = entry(host).node;
        if (!alive(node)) return errc::stopped;
        auto const port = where.port != 0 ? where.port : free_port(node);
        if (find_listener(node, port) != nullptr) return std::make_error_code(std::errc::address_in_use);
        listeners_.push_back({host, node, port, tag});
        bound = {where.host, port};
        return {};
    }
    void stop_listening(host_id host) noexcept {
        std::erase_if(listeners_, [&](listener const& l) { return l.host == host; });
    }
    /// \return a stream that is going to be `connected` or `ended`
    [[nodiscard]] stream_id dial(host_id host, endpoint const& where) {
        auto const id = ++last_stream_;
        auto& s = streams_[id];
        s.host[0] = host;
        s.node[0] = entry(host).node;
        schedule(s.node[0], std::chrono::nanoseconds{0}, [this, id, where] { knock(id, where); });
        schedule(s.node[0], dial_time, [this, id] {
            auto const found = streams_.find(id);
            if (found != streams_.end() && !found->second.connected) end_at(id, 0, errc::unreachable);
        });
        return handle(id, 0);
    }
    /// \return how many octets, from the front, are taken; where these are not all, `room` follows
    std::size_t write(stream_id id, std::string_view octets) {
        auto const found = streams_.find(key_of(id));
        if (found == streams_.end()) return octets.size();
        auto& s = found->second;
        auto const end = end_of(id);
        auto& flow = s.flow[end];
        if (flow.ended || !alive(s.node[end])) return octets.size();
        auto const window = link_of(s).window_bytes;
        auto const taken = std::min(octets.size(), window - std::min(window, flow.flying_bytes));
        flow.blocked = taken < octets.size();
        for (auto left = octets.substr(0, taken); !left.empty();) {
            auto const size = random_.happens(500) ? left.size() : random_.between(1, left.size());
            launch(found->first, s, end, std::string{left.substr(0, size)}, false);
            left.remove_prefix(size);
        }
        return taken;
    }
    /// Ends a stream after what was written; the host hears no more of it.
    void finish(stream_id id) {
        auto const found = streams_.find(key_of(id));
        if (found == streams_.end()) return;
        auto const end = end_of(id);
        if (found->second.host[end] != host_id::none) let_go(found->first, found->second, end);
        sweep(found->first);
    }
    /// `alarm` comes at `when`. Several may be under way.
    void alarm_at(host_id host, instant when) {
        auto const node = entry(host).node;
        if (!alive(node)) return;
        queue_.push(std::max(when, now_), node, [this, host] {
            if (auto* user = enter(host)) user->alarm();
        });
    }

    static constexpr std::chrono::seconds dial_time{5};  ///< after which a dial without an answer fails

private:
    using stream_state = detail::simulated_stream_state;
    using stream_key = std::uint64_t;
    struct node_state {
        std::string name;
        bool alive = false;
        bool paused = false;
        std::vector<std::function<void()>> held;
    };
    struct host_state {
        simulated_host* user;
        node_id node;
        bool touched;
    };
    struct listener {
        host_id host;
        node_id node;
        std::uint16_t port;
        std::uint32_t tag;
    };

    static constexpr instant beginning{std::chrono::hours{1000}};
    static constexpr wall_instant wall_beginning{std::chrono::seconds{1'900'000'000}};

    [[nodiscard]] node_state& at(node_id n) noexcept { return nodes_[static_cast<std::size_t>(n)]; }
    [[nodiscard]] node_state const& at(node_id n) const noexcept {
        return nodes_[static_cast<std::size_t>(n)];
    }
    [[nodiscard]] host_state& entry(host_id h) noexcept { return hosts_[static_cast<std::size_t>(h) - 1]; }

    // ---- events ----

    void happen(event_queue<node_id>::event&& e) {
        now_ = std::max(now_, e.at);
        if (e.owner != node_id::none) {
            if (!alive(e.owner)) return;
            if (at(e.owner).paused) {
                at(e.owner).held.push_back(std::move(e.run));
                return;
            }
        }
        ++events_;
        trace_.add(static_cast<std::uint64_t>((now_ - beginning).count()));
        trace_.add(static_cast<std::uint64_t>(e.owner));
        e.run();
    }

    /// The host, if there is one still; its turn ends when this moment is over.
    [[nodiscard]] simulated_host* enter(host_id host) {
        if (host == host_id::none || entry(host).user == nullptr) return nullptr;
        if (!std::exchange(entry(host).touched, true)) touched_.push_back(host);
        return entry(host).user;
    }

    void end_turns() {
        for (auto const host : std::exchange(touched_, {})) {
            entry(host).touched = false;
            if (entry(host).user != nullptr && alive(entry(host).node)) entry(host).user->turn();
        }
    }

    // ---- connecting ----

    void knock(stream_key id, endpoint const& where) {
        auto const found = streams_.find(id);
        if (found == streams_.end() || found->second.host[0] == host_id::none) return;
        auto& s = found->second;
        auto const caller = s.node[0];
        listener const* door = nullptr;
        bool known = false;
        look_up(caller, where, door, known);
        auto const& there = door != nullptr ? name_of(door->node) : where.host;
        if (is_blocked(name_of(caller), there) || is_blocked(there, name_of(caller))) return;  // no answer
        auto const delay = random_delay(link_between(name_of(caller), there));
        if (door == nullptr) {
            auto const why = known ? errc::refused : errc::unreachable;
            return schedule(caller, 2 * delay, [this, id, why] { end_at(id, 0, why); });
        }
        auto const target = *door;
        s.node[1] = target.node;
        schedule(target.node, delay, [this, id, target] { welcome(id, target); });
    }

    void look_up(node_id caller, endpoint const& where, listener const*& door, bool& known) const {
        if (!where.is_loopback()) {
            auto const node = find_node(where.host);
            door = node == node_id::none ? nullptr : find_listener(node, where.port);
            known = std::ranges::any_of(nodes_, [&](node_state const& n) { return n.name == where.host; });
            return;
        }
        known = true;
        door = find_listener(caller, where.port);
        for (std::size_t i = 1; i < nodes_.size() && door == nullptr; ++i) {
            door = find_listener(static_cast<node_id>(i), where.port);
        }
    }

    void welcome(stream_key id, listener const& target) {
        auto const found = streams_.find(id);
        if (found == streams_.end() || found->second.host[0] == host_id::none) return;
        auto& s = found->second;
        auto const delay = random_delay(link_of(s));
        auto const* const door = find_listener(target.node, target.port);
        if (door == nullptr || door->host != target.host) {
            return schedule(s.node[0], delay, [this, id] { end_at(id, 0, errc::refused); });
        }
        s.host[1] = target.host;
        s.flow[1].latest = now_ + delay;  // nothing arrives before the connection does
        trace_.add(id);
        schedule(s.node[0], delay, [this, id] {
            auto const there = streams_.find(id);
            if (there == streams_.end()) return;
            there->second.connected = true;
            if (auto* user = enter(there->second.host[0])) user->connected(handle(id, 0));
        });
        if (auto* user = enter(target.host)) user->accepted(handle(id, 1), target.tag, name_of(s.node[0]));
    }

    // ---- octets ----

    void launch(stream_key id, stream_state& s, std::size_t from, std::string octets, bool last) {
        auto& flow = s.flow[from];
        flow.latest = std::max(flow.latest, now_ + random_delay(link_of(s)));
        flow.flying_bytes += octets.size();
        flow.ended = last;
        flow.flight.push_back({flow.latest, std::move(octets), last});
        fly(id, s, from);
    }

    void fly(stream_key id, stream_state& s, std::size_t from) {
        auto& flow = s.flow[from];
        auto const to = s.node[1 - from];
        if (flow.scheduled || flow.flight.empty() || !alive(to)) return;
        flow.scheduled = true;
        queue_.push(std::max(now_, flow.flight.front().at), to, [this, id, from] { land(id, from); });
    }

    void land(stream_key id, std::size_t from) {
        auto const found = streams_.find(id);
        if (found == streams_.end()) return;
        auto& s = found->second;
        auto& flow = s.flow[from];
        flow.scheduled = false;
        if (flow.flight.empty() || is_blocked(name_of(s.node[from]), name_of(s.node[1 - from]))) return;
        auto const chunk = std::move(flow.flight.front());
        flow.flight.pop_front();
        flow.flying_bytes -= chunk.octets.size();
        trace_.add(id);
        trace_.add(chunk.octets);
        if (chunk.last) return end_at(id, 1 - from, errc::connection_lost);
        fly(id, s, from);
        if (std::exchange(flow.blocked, false)) tell_room(id, s.node[from], from);
        if (auto* user = enter(s.host[1 - from])) user->bytes(handle(id, 1 - from), chunk.octets);
    }

    void tell_room(stream_key id, node_id node, std::size_t writer) {
        schedule(node, std::chrono::nanoseconds{0}, [this, id, writer] {
            auto const found = streams_.find(id);
            if (found == streams_.end()) return;
            if (auto* user = enter(found->second.host[writer])) user->room(handle(id, writer));
        });
    }

    void go_on() {
        for (auto& [id, s] : streams_) {
            for (std::size_t from = 0; from < 2; ++from) fly(id, s, from);
        }
    }

    // ---- ends ----

    /// Tells one end that the stream is over.
    void end_at(stream_key id, std::size_t end, std::error_code why) {
        auto const found = streams_.find(id);
        if (found == streams_.end()) return;
        auto const host = std::exchange(found->second.host[end], host_id::none);
        let_go(id, found->second, end);
        sweep(id);
        if (auto* user = enter(host)) user->ended(handle(id, end), why);
    }

    /// One end is done with the stream: the other is told after what is under way.
    void let_go(stream_key id, stream_state& s, std::size_t end) {
        s.host[end] = host_id::none;
        s.flow[1 - end].flight.clear();
        s.flow[1 - end].flying_bytes = 0;
        if (!s.flow[end].ended) launch(id, s, end, {}, true);
    }

    /// One end has died: the other is told after some of what is under way.
    void tear(stream_key id, stream_state& s, std::size_t end) {
        if (s.host[end] == host_id::none) return;
        lose_some(id, s, end);
        let_go(id, s, end);
    }

    /// Ends one direction in the middle of what is under way.
    void lose_some(stream_key id, stream_state& s, std::size_t from) {
        auto& flow = s.flow[from];
        auto const kept = static_cast<std::size_t>(random_.between(0, flow.flight.size()));
        if (kept < flow.flight.size()) {
            flow.flight.resize(kept + 1);
            auto& torn = flow.flight.back().octets;
            torn.resize(random_.between(0, torn.size()));
            flow.flight.back().last = false;
            flow.latest = flow.flight.back().at;
        }
        flow.flying_bytes = 0;
        for (auto const& chunk : flow.flight) flow.flying_bytes += chunk.octets.size();
        launch(id, s, from, {}, true);
    }

    /// Forgets streams that nobody holds and nothing waits for.
    void sweep() {
        std::erase_if(streams_, [](auto const& item) { return is_over(item.second); });
    }
    void sweep(stream_key id) {
        auto const found = streams_.find(id);
        if (found != streams_.end() && is_over(found->second)) streams_.erase(found);
    }
    [[nodiscard]] static bool is_over(stream_state const& s) noexcept {
        return s.host[0] == host_id::none && s.host[1] == host_id::none;
    }

    // ---- small things ----

    [[nodiscard]] static stream_id handle(stream_key key, std::size_t end) noexcept {
        return static_cast<stream_id>(key << 1U | end);
    }
    [[nodiscard]] static stream_key key_of(stream_id id) noexcept {
        return static_cast<std::uint64_t>(id) >> 1U;
    }
    [[nodiscard]] static std::size_t end_of(stream_id id) noexcept {
        return static_cast<std::size_t>(static_cast<std::uint64_t>(id) & 1U);
    }
    [[nodiscard]] static std::pair<std::string, std::string> pair_of(std::string const& a,
                                                                     std::string const& b) {
        return a < b ? std::pair{a, b} : std::pair{b, a};
    }
    [[nodiscard]] bool joins(stream_state const& s, std::string const& a, std::string const& b) const {
        return pair_of(name_of(s.node[0]), name_of(s.node[1])) == pair_of(a, b);
    }
    [[nodiscard]] link_options const& link_between(std::string const& a, std::string const& b) const {
        auto const found = links_.find(pair_of(a, b));
        return found == links_.end() ? usual_link_ : found->second;
    }
    [[nodiscard]] link_options const& link_of(stream_state const& s) const {
        return link_between(name_of(s.node[0]), name_of(s.node[1]));
    }
    [[nodiscard]] std::chrono::nanoseconds random_delay(link_options const& link) noexcept {
        auto const low = static_cast<std::uint64_t>(link.least_delay.count());
        auto const high = static_cast<std::uint64_t>(link.most_delay.count());
        return std::chrono::nanoseconds{static_cast<std::int64_t>(random_.between(low, high))};
    }
    [[nodiscard]] bool is_blocked(std::string const& from, std::string const& to) const {
        return !blocked_.empty() && blocked_.contains({from, to});
    }
    [[nodiscard]] listener const* find_listener(node_id node, std::uint16_t port) const noexcept {
        auto const found = std::ranges::find_if(
            listeners_, [&](listener const& l) { return l.node == node && l.port == port; });
        return found == listeners_.end() ? nullptr : &*found;
    }
    [[nodiscard]] std::uint16_t free_port(node_id node) const noexcept {
        std::uint16_t port = 49'152;
        while (find_listener(node, port) != nullptr) ++port;
        return port;
    }

    random_engine random_;
    trace_hash trace_;
    event_queue<node_id> queue_;
    instant now_ = beginning;
    std::chrono::microseconds wall_jump_{0};
    std::uint64_t events_ = 0;
    std::uint64_t last_stream_ = 0;
    std::vector<node_state> nodes_;  // [0] is nobody
    std::vector<host_state> hosts_;
    std::vector<listener> listeners_;
    std::vector<host_id> touched_;
    std::map<stream_key, stream_state> streams_;
    std::map<std::pair<std::string, std::string>, link_options> links_;
    std::set<std::pair<std::string, std::string>> blocked_;
    link_options usual_link_;
};

}  // namespace fastqueue::testing
