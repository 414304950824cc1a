#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/transport/peer_table.hpp>
#include <fastqueue/transport/turn_clock.hpp>
#include <fastqueue/transport/zmq_bell.hpp>
#include <fastqueue/transport/zmq_options.hpp>
#include <fastqueue/transport/zmq_peer.hpp>
#include <fastqueue/transport/zmq_sockets.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>
#include <zmq.hpp>

namespace fastqueue::transport {

/// ZMTP 3.1 over TCP by libzmq. Listeners are ROUTER sockets, each dialled connection is a DEALER or PUSH socket; on the wire it is
/// what `tcp` is, and the two talk to each other. For programs that have libzmq anyway; `tcp` is faster and keeps more of the
/// laws. What libzmq cannot do:
///
/// * It tells nothing of who came before it speaks: `opened` of an accepted peer comes right before its first message. Our own
///   dials say an empty message for that (`zmq_options::probe`), which a listener of ours does not pass on.
/// * After `stop_listening` the port stays open until the last peer that came to it has gone, for libzmq ends a listener's
///   connections with it. Whoever comes then is cut: his dial ends with `errc::connection_lost`, or comes to nothing, and is not refused.
/// * It does not say why a dial failed: all that fails before its time is `errc::refused`, and an end of a socket type that does
///   not fit is `errc::connection_lost`. Names are looked up in the thread
///   that serves all connections of the transport; IPv4 is tried before IPv6, one address each.
/// * What a peer sends is read ahead up to `receive_messages` whole messages, counted and not weighed; of one message's frames
///   only the size is bounded before the message has come whole.
/// * No order is kept across peers, and the loop is nobody else's (`asio`): see `tcp`.
/// * A large frame that takes longer than the heartbeat's time counts as silence.
/// * A peer that names itself, and comes again under that name while its old connection lives, is not heard (ZMQ_ROUTER_HANDOVER
///   would let strangers end connections). A dial costs four descriptors.
/// * Unfinished handshakes are not counted, and names that peers give themselves reach libzmq unchecked: it is for networks whose
///   peers are known.
///
/// What is sent is bounded by octets, as in `tcp`: libzmq is told no high water mark, and says when it has let go of a message.
///
/// Threads: one at a time, `wake` excepted, which is also safe in a signal's handler. libzmq has a thread of its own. The
/// destructor waits for a name look-up that is under way, and up to `linger` for dialled peers that were closed and have not
/// read all. After `fork` the child must not touch it. Linux.
/// \source libzmq 4.3's manual; `policy/transport.hpp` has the laws
class zmq {
public:
    /// An accepted peer is told before its first message, and not earlier.
    static constexpr bool knows_silent_peers = false;
    /// A dial after `stop_listening` is refused.
    static constexpr bool refuses_after_stop_listening = false;

    /// \throws std::system_error, ::zmq::error_t  no descriptor is left
    explicit zmq(zmq_options options = {}) : options_{options}, inbox_{options.limits} {
        context_.set(::zmq::ctxopt::max_sockets, most_sockets);
    }
    zmq(zmq const&) = delete;
    zmq& operator=(zmq const&) = delete;
    ~zmq() = default;

    void attach(policy::transport_sink& sink) noexcept { sink_ = &sink; }

    /// \return success; `errc::stopped`; `errc::bad_address`; the system's error (`std::errc::address_in_use` ...)
    [[nodiscard]] std::error_code listen(endpoint const& where, std::uint32_t tag, endpoint& bound) {
        if (stopping_) return errc::stopped;
        try {
            auto const id = listeners_.emplace(context_, options_, ++names_, tag);
            auto& l = *listeners_.find(id);
            l.id = id;
            auto const failed = detail::bind(l.socket, where, bound);
            if (failed) listeners_.erase(id);
            changed_ = true;
            return failed;
        } catch (::zmq::error_t const& e) {
            return {e.num(), std::system_category()};
        }
    }

    void stop_listening() noexcept {
        listeners_.for_each([](listener& l) { l.stopped = true; });
        if (!in_turn_) drop_listeners();
    }

    [[nodiscard]] peer_id dial(endpoint const& where, std::uint32_t tag) {
        return begin_dial(where, tag, false);
    }
    /// The same as a PUSH socket, to a PULL socket.
    [[nodiscard]] peer_id dial_push(endpoint const& where, std::uint32_t tag) {
        return begin_dial(where, tag, true);
    }

    [[nodiscard]] std::error_code send(peer_id to, std::span<std::string_view const> frames) {
        auto* const p = peers_.find(to);
        if (p == nullptr || p->stage != stage::ready) return errc::no_such_peer;
        std::uint64_t octets = 0;
        for (auto const frame : frames) {
            octets += frame.size();
            if (frame.size() > options_.limits.frame_bytes) return errc::message_too_large;
        }
        if (frames.empty() || frames.size() > options_.limits.message_frames ||
            octets > options_.limits.message_bytes)
            return errc::message_too_large;
        auto const cost = octets + frames.size() * frame_cost;
        if (p->queued() + cost > options_.limits.send_queue_bytes) {
            lose_later(*p, errc::send_queue_full);
            return errc::send_queue_full;
        }
        if (put(*p, frames, cost)) return {};
        if (!p->dialled && !std::exchange(p->unreachable, true)) await_end(*p);
        return errc::no_such_peer;
    }

    [[nodiscard]] std::uint64_t queued(peer_id to) const noexcept {
        auto const* const p = peers_.find(to);
        return p == nullptr ? 0 : p->queued();
    }

    void close(peer_id which) noexcept {
        auto* const p = peers_.find(which);
        if (p == nullptr || p->stage == stage::closing || p->stage == stage::gone) return;
        bool const connected = p->stage == stage::ready || (p->stage == stage::lost && !p->dialled);
        p->stage = connected ? stage::closing : stage::gone;
        p->limit = clock_.now().steady + options_.linger;
        p->account->awaited.store(true, std::memory_order_release);
        touch(*p);
    }

    void arm(std::optional<instant> deadline) noexcept { armed_ = deadline; }
    [[nodiscard]] clock_reading now() const noexcept { return clock_.now(); }
    void wake() noexcept { bell_->wake(); }

    /// Turns until `stop`.
    void run() {
        while (turn()) {}
    }
    /// One turn, which waits until there is something to do.
    /// \return false: it was stopped, and all is closed
    bool turn() { return turn(true); }
    /// The same without waiting, for an owner with another loop.
    bool poll() { return turn(false); }

    /// From within a turn. The sink hears nothing more; what is queued is written if the peers read it within `linger`, then
    /// `run` returns.
    void stop() noexcept {
        if (stopping_) return;
        stopping_ = true;
        stop_by_ = now().steady + options_.linger;
        stop_listening();
        armed_.reset();
        peers_.for_each([this](peer& p) { close(p.id); });
    }

private:
    using peer = detail::zmq_peer;
    using listener = detail::zmq_listener;
    using stage = detail::zmq_stage;
    using found = detail::zmq_inbox::found;

    static constexpr int most_sockets = 16'384;
    static constexpr std::size_t most_messages_a_turn = 256;
    static constexpr std::uint64_t frame_cost = 64;  // libzmq's own for a frame
    static constexpr std::chrono::milliseconds a_moment{1};

    // ---- the loop ----

    bool turn(bool may_wait) {
        settle();  // what was done outside a turn
        if (finished()) return end_all();
        await(may_wait);
        clock_.begin_turn();
        in_turn_ = true;
        bool const woken = bell_->take();
        tell_lost();
        serve();
        check_endings();
        tell_elapsed();
        if (woken && !stopping_) sink_->woken();
        if (!stopping_) sink_->turn_end();
        in_turn_ = false;
        settle();
        clock_.end_turn();
        return !finished() || end_all();
    }
    [[nodiscard]] bool finished() const noexcept {
        return stopping_ && (peers_.size() == 0 || now().steady >= stop_by_);
    }
    /// \return false
    bool end_all() noexcept {
        peers_.for_each([this](peer& p) {
            if (p.link) p.link->cut();
            p.stage = stage::gone;
            touch(p);
        });
        settle();
        return false;
    }

    void await(bool may_wait) {
        if (std::exchange(changed_, false)) list_sockets();
        auto timeout = std::chrono::milliseconds{0};
        if (may_wait && lost_.empty()) timeout = time_left();
        // An interrupted wait is a turn with nothing in it.
        if (zmq_poll(items_.data(), static_cast<int>(items_.size()), static_cast<long>(timeout.count())) <
            0) {
            for (auto& item : items_) item.revents = 0;
        }
    }
    /// \return -1: as long as it takes
    [[nodiscard]] std::chrono::milliseconds time_left() const {
        auto earliest = armed_;
        auto const consider = [&](instant at) {
            if (!earliest || at < *earliest) earliest = at;
        };
        auto const steady = now().steady;
        if (stopping_) consider(stop_by_);
        if (!ending_.empty()) consider(steady + a_moment);
        for (auto const id : timed_) {
            auto const* const p = peers_.find(id);
            if (p == nullptr) continue;
            if (p->limit) consider(*p->limit);
            if (p->stage == stage::closing && !p->finished) consider(steady + 4 * a_moment);
        }
        if (!earliest) return std::chrono::milliseconds{-1};
        constexpr std::chrono::milliseconds longest{3'600'000};
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(
            std::min<instant::duration>(*earliest - steady, longest));
        return std::max(left, std::chrono::milliseconds{0});
    }
    void list_sockets() {
        items_.assign(1, {nullptr, bell_->descriptor(), ZMQ_POLLIN, 0});
        owners_.assign(1, {});
        auto const add = [this](auto& both, owner of) {
            for (void* const handle : {both.monitor.handle(), both.socket.handle()}) {
                items_.push_back({handle, 0, ZMQ_POLLIN, 0});
                owners_.push_back(of);
            }
        };
        listeners_.for_each([&](listener& l) { add(l, {.listener = l.id}); });
        peers_.for_each([&](peer& p) {
            if (p.dialled) add(*p.dialled, {.peer = p.id});
        });
    }

    void serve() {
        for (std::size_t i = 1; i < items_.size(); i += 2) {
            bool const events = items_[i].revents != 0;
            bool const messages = items_[i + 1].revents != 0;
            if (auto* const l = listeners_.find(owners_[i].listener)) {
                if (events) read_events(*l);
                if (messages || l->ending > 0) read_messages(*l);
            } else if (auto* const p = peers_.find(owners_[i].peer); p != nullptr && p->dialled) {
                if (events) read_events(*p);
                if (messages || p->dropped) read_messages(*p);
            }
        }
    }

    void tell_lost() {
        for (auto const id : std::exchange(lost_, {})) {
            auto* const p = peers_.find(id);
            if (p == nullptr || p->stage != stage::lost) continue;  // the sink has closed it since
            end(*p, p->reason);
        }
    }

    void tell_elapsed() {
        auto const steady = now().steady;
        for (std::size_t i = 0; i < timed_.size(); ++i) {
            auto* const p = peers_.find(timed_[i]);
            if (p == nullptr || !p->limit || *p->limit > steady) continue;
            if (p->stage == stage::dialling) try_other(*p, errc::unreachable);
            if (p->stage == stage::closing) touch(*p);
        }
        if (armed_ && *armed_ <= steady && !stopping_) {
            armed_.reset();
            sink_->due();
        }
    }

    // ---- the end of a turn ----

    void touch(peer& p) noexcept {
        if (!std::exchange(p.touched, true)) touched_.push_back(p.id);  // has room: see make_peer
    }
    void settle() noexcept {
        std::erase_if(timed_, [this](peer_id id) {
            auto* const p = peers_.find(id);
            if (p == nullptr) return true;
            if (p->stage == stage::closing) touch(*p);
            p->watched = p->stage == stage::dialling || p->stage == stage::closing;
            return !p->watched;
        });
        for (std::size_t i = 0; i < touched_.size(); ++i) {
            auto& p = *peers_.find(touched_[i]);
            p.touched = false;
            if (p.stage == stage::closing) finish(p);
            if (p.stage == stage::gone) forget(p);
        }
        touched_.clear();
        drop_listeners();
    }

    /// Ends a connection where all is written, or its time is over.
    void finish(peer& p) noexcept {
        bool const late = (p.limit && *p.limit <= now().steady) || p.dropped;
        if (late) p.limit.reset();
        if (!late && p.finished) return;
        if (!late && (p.queued() != 0 || (p.link && !p.link->is_written()))) return watch(p);
        p.finished = true;
        if (p.dialled) {
            auto const linger = late ? 0 : detail::milliseconds(options_.linger);
            zmq_setsockopt(p.dialled->socket.handle(), ZMQ_LINGER, &linger, sizeof linger);
            p.stage = stage::gone;
        } else if (p.link) {
            late ? p.link->cut() : p.link->finish();
            watch(p);
        }
    }
    void watch(peer& p) noexcept {
        if (!std::exchange(p.watched, true)) timed_.push_back(p.id);  // has room: see make_peer
    }

    void forget(peer& p) noexcept {
        if (auto* const l = listeners_.find(p.listener)) {
            if (auto const at = l->peers.find(p.routing_id); at != l->peers.end() && at->second == p.id)
                l->peers.erase(at);
        }
        if (p.link) p.link->peer = {};
        if (p.dialled) changed_ = true;
        peers_.erase(p.id);
    }

    void drop_listeners() noexcept {
        for (peer_id idle{1}; idle != peer_id{};) {
            idle = {};
            listeners_.for_each([&](listener const& l) {
                if (l.stopped && l.peers.empty() && (stopping_ || !l.has_links())) idle = l.id;
            });
            listeners_.erase(idle);
            changed_ = changed_ || idle != peer_id{};
        }
    }

    // ---- messages go ----

    /// \return false: libzmq knows no such peer any more
    [[nodiscard]] bool put(peer& p, std::span<std::string_view const> frames, std::uint64_t cost) {
        auto* const l = listeners_.find(p.listener);
        if (!p.dialled && l == nullptr) return false;
        auto& socket = p.dialled ? p.dialled->socket : l->socket;
        pack(p, frames, cost);
        bool known = true;
        for (std::size_t i = 0; i < parcels_.size() && known; ++i) {
            int const more = i + 1 < parcels_.size() ? ZMQ_SNDMORE : 0;
            known = zmq_msg_send(parcels_[i].handle(), socket.handle(), more | ZMQ_DONTWAIT) >= 0;
        }
        parcels_.clear();
        return known;
    }
    /// All of it before any is sent: half a message could not be taken back.
    void pack(peer& p, std::span<std::string_view const> frames, std::uint64_t cost) {
        parcels_.clear();
        try {
            if (!p.dialled) parcels_.emplace_back(p.routing_id.data(), p.routing_id.size());
            for (auto const frame : frames.first(frames.size() - 1))
                parcels_.emplace_back(frame.data(), frame.size());
        } catch (::zmq::error_t const&) {
            throw std::bad_alloc{};
        }
        parcels_.push_back(detail::zmq_parcel::pack(p.account, frames.back(), cost));
    }

    // ---- a listener ----

    void read_events(listener& l) {
        for (detail::zmq_event event; l.monitor.next(event);) {
            auto const descriptor = static_cast<int>(event.value);
            if (event.what == ZMQ_EVENT_ACCEPTED) {
                auto& link = l.links[descriptor];
                link = std::make_shared<detail::zmq_link>(descriptor);
                link->wanted = ++accepted_ <= options_.max_connections && !l.stopped;
                if (!link->wanted) link->cut();
            } else if (event.what == ZMQ_EVENT_DISCONNECTED) {
                auto const at = l.links.find(descriptor);
                if (at == l.links.end()) continue;
                auto const link = at->second;
                link->has_ended();
                if (accepted_ > 0) --accepted_;
                auto* const p = peers_.find(link->peer);
                if (p == nullptr) continue;  // what it said may be still to come: see `drop_links`
                l.links.erase(at);
                await_end(*p);
            }
        }
    }

    /// One round: each peer that has something is heard at least once.
    void read_messages(listener& l) {
        ++l.round;
        drop_links(l);
        static_cast<void>(l.socket.get(::zmq::sockopt::events));  // lets libzmq hand on what has come
        auto const most = std::max(most_messages_a_turn, l.links.size() + l.peers.size() + 1);
        for (std::size_t i = 0; i < most; ++i) {
            auto const what = inbox_.next(l.socket, 1);
            if (what == found::nothing) return;
            heard(l, what);
            inbox_.clear();
        }
    }

    /// Connections that ended without having been heard, when a whole round after that was over.
    static void drop_links(listener& l) {
        std::erase_if(l.links, [&l](auto const& entry) {
            auto& link = *entry.second;
            if (!link.is_handed_on()) return false;
            if (link.quiet_from == 0) link.quiet_from = l.round;
            return l.round > link.quiet_from;
        });
    }

    void heard(listener& l, found what) {
        auto const known = l.peers.find(inbox_.head());
        auto* p = known == l.peers.end() ? nullptr : peers_.find(known->second);
        if (p != nullptr && has_come_again(l, *p)) end(*std::exchange(p, nullptr), errc::connection_lost);
        if (p == nullptr) {
            p = welcome(l);
            if (p == nullptr || is_probe(what)) return;
        }
        p->spoke = l.round;
        deliver(*p, what);
    }
    /// Who names himself may connect anew before we have told that he has gone.
    [[nodiscard]] bool has_come_again(listener& l, peer const& p) noexcept {
        if (is_number(p.routing_id) || !p.link || !p.link->ended()) return false;
        auto const at = l.links.find(inbox_.descriptor());
        return at != l.links.end() && at->second->peer == peer_id{};
    }
    [[nodiscard]] bool is_probe(found what) const noexcept {
        return what == found::message && inbox_.frames().size() == 1 && inbox_.frames()[0].empty();
    }
    void deliver(peer& p, found what) {
        if (p.stage != stage::ready || stopping_) return;
        if (what == found::message && !inbox_.frames().empty()) return sink_->message(p.id, inbox_.frames());
        if (p.link) p.link->cut();
        end(p, errc::message_too_large);
    }

    /// Someone speaks for the first time.
    [[nodiscard]] peer* welcome(listener& l) {
        read_events(l);  // that this connection was accepted has been told before it could speak
        auto const id = make_peer(l.tag);
        auto& p = *peers_.find(id);
        p.listener = l.id;
        p.routing_id = inbox_.head();
        p.spoke = l.round;
        l.peers.insert_or_assign(p.routing_id, id);
        join(l, p);
        if (!p.link || p.link->ended()) await_end(p);
        bool const wanted = !stopping_ && (p.link ? p.link->wanted : !l.stopped);
        p.stage = wanted ? stage::ready : stage::closing;
        if (!wanted && p.link) p.link->cut();
        auto const address = detail::plain_address(inbox_.property("Peer-Address"));
        if (wanted)
            sink_->opened(id, {.tag = p.tag,
                               .accepted = true,
                               .one_at_a_time = inbox_.property("Socket-Type") == "REQ",
                               .same_process = false,
                               .address = address});
        return &p;
    }
    /// Finds the connection that a new peer speaks over. A descriptor's number may have been used again before we heard the
    /// one who had it: the younger of two peers has what lives, and the other one has ended.
    void join(listener& l, peer& p) {
        auto const at = l.links.find(inbox_.descriptor());
        if (at == l.links.end()) return;
        if (auto* const other = peers_.find(at->second->peer)) {
            if (is_older(p.routing_id, other->routing_id)) return;
            other->link.reset();
            await_end(*other);
        }
        p.link = at->second;
        p.link->peer = p.id;
        if (p.link->ended()) l.links.erase(at);
    }
    /// libzmq numbers who has no name, in the order in which they came.
    [[nodiscard]] static bool is_older(std::string_view a, std::string_view b) noexcept {
        if (!is_number(a) || !is_number(b)) return false;
        auto const number = [](std::string_view id) {
            std::uint32_t n = 0;
            for (auto const c : id.substr(1)) n = n << 8U | static_cast<unsigned char>(c);
            return n;
        };
        return number(b) - number(a) < 0x8000'0000U;
    }

    [[nodiscard]] static bool is_number(std::string_view id) noexcept {
        return id.size() == 5 && id[0] == '\0';
    }

    // ---- a dialled peer ----

    [[nodiscard]] peer_id begin_dial(endpoint const& where, std::uint32_t tag, bool push) {
        auto const id = make_peer(tag);
        auto& p = *peers_.find(id);
        p.where = where;
        p.address = where.host;
        p.push = push;
        p.ipv6 = where.is_ipv6();
        watch(p);
        if (stopping_)
            p.stage = stage::gone;
        else if (!begin(p))
            lose_later(p, errc::unreachable);
        return id;
    }
    [[nodiscard]] bool begin(peer& p) {
        p.limit = now().steady + options_.connect_time;
        changed_ = true;
        try {
            p.dialled = std::make_unique<detail::zmq_dialled>(context_, options_, ++names_, p.push);
        } catch (::zmq::error_t const&) {
            return false;
        }
        return p.dialled->connect(p.where, p.ipv6);
    }
    /// A name may have an IPv6 address, too.
    void try_other(peer& p, errc why) {
        in_addr numeric{};
        bool const is_name = ::inet_pton(AF_INET, p.where.host.c_str(), &numeric) != 1;
        if (is_name && !std::exchange(p.ipv6, true) && begin(p)) return;
        end(p, why);
    }

    void read_events(peer& p) {
        auto* const of = p.dialled.get();
        for (detail::zmq_event event;
             p.dialled.get() == of && p.stage != stage::gone && of->monitor.next(event);)
            take(p, event);
    }
    void take(peer& p, detail::zmq_event const& event) {
        bool const dialling = p.stage == stage::dialling;
        switch (event.what) {
            case ZMQ_EVENT_CONNECTED:
                return connected(p, static_cast<int>(event.value));
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
                return opened(p);
            case ZMQ_EVENT_CLOSED:
                if (dialling) try_other(p, errc::refused);
                return;
            case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                p.reason = detail::handshake_trouble(event);
                return;
            case ZMQ_EVENT_DISCONNECTED:
                if (dialling) return end(p, p.reason ? p.reason : errc::connection_lost);
                p.dropped = true;
                return await_end(p);
            case ZMQ_EVENT_CONNECT_RETRIED:
                p.flushed = p.dropped;
                return;
            default:
                return;
        }
    }
    void connected(peer& p, int descriptor) {
        detail::zmq_ends const ends{descriptor};
        if (ends.is_echo) return end(p, errc::refused);
        if (!ends.address.empty()) p.address = ends.address;
        p.limit.reset();  // libzmq has a time for the handshake
    }
    void opened(peer& p) {
        if (p.stage != stage::dialling) return;
        p.stage = stage::ready;
        p.limit.reset();
        static_cast<void>(p.dialled->has_pipe());  // lets libzmq notice that it has a connection
        if (stopping_) return;
        sink_->opened(p.id, {.tag = p.tag,
                             .accepted = false,
                             .one_at_a_time = false,
                             .same_process = false,
                             .address = p.address});
    }

    void read_messages(peer& p) {
        bool const all_has_come = p.dropped && (p.flushed || !p.dialled->has_pipe());
        for (std::size_t i = 0; i < most_messages_a_turn && p.stage != stage::gone; ++i) {
            auto const what = inbox_.next(p.dialled->socket, 0);
            if (what == found::nothing) {
                if (all_has_come) end(p, errc::connection_lost);
                return;
            }
            deliver(p, what);
            inbox_.clear();
        }
    }

    // ---- ways to end ----

    /// Its connection has ended, or so it seems: what has come over it is told first.
    void await_end(peer& p) {
        if (std::exchange(p.ends, true)) return;
        ending_.push_back(p.id);
        if (auto* const l = listeners_.find(p.listener)) ++l->ending;
    }
    void check_endings() {
        for (std::size_t i = 0; i < ending_.size();) {
            auto const id = ending_[i];
            auto* const p = peers_.find(id);
            bool const over = p == nullptr || p->stage == stage::gone || has_ended(*p);
            if (!over) {
                ++i;
                continue;
            }
            ending_[i] = ending_.back();
            ending_.pop_back();
            if (p == nullptr) continue;
            if (auto* const l = listeners_.find(p->listener)) --l->ending;
            if (p->link && !p->link->ended()) p->link->cut();
            bool const tell = p->stage == stage::ready;
            p->stage = stage::gone;
            touch(*p);
            if (tell && !stopping_) sink_->closed(id, errc::connection_lost);
        }
    }
    /// Whether an accepted peer will not be heard any more.
    [[nodiscard]] bool has_ended(peer& p) {
        auto* const l = listeners_.find(p.listener);
        if (l == nullptr) return false;  // a dialled one: see `read_messages`
        if (p.stage == stage::lost || !p.is_handed_on()) return false;
        if (p.quiet_from == 0) p.quiet_from = l->round + 1;
        return l->round >= p.quiet_from && p.spoke < l->round;
    }

    /// Now. An accepted one stays, unheard, until libzmq has nothing of it any more.
    void end(peer& p, std::error_code why) {
        bool const tell = p.stage <= stage::lost && !stopping_;
        p.stage = p.dialled || p.listener == peer_id{} ? stage::gone : stage::closing;
        if (p.link) p.link->cut();
        p.finished = true;
        touch(p);
        if (tell) sink_->closed(p.id, why);
    }
    /// From inside a call of the sink's, which is told next turn.
    void lose_later(peer& p, std::error_code why) {
        p.stage = stage::lost;
        p.reason = why;
        if (p.link) p.link->cut();
        lost_.push_back(p.id);
    }

    [[nodiscard]] peer_id make_peer(std::uint32_t tag) {
        auto const id = peers_.emplace(bell_, tag);
        peers_.find(id)->id = id;
        if (touched_.capacity() < peers_.size()) touched_.reserve(2 * peers_.size());
        if (timed_.capacity() < timed_.size() + peers_.size())
            timed_.reserve(2 * (timed_.size() + peers_.size()));
        return id;
    }

    struct owner {
        peer_id listener{};
        peer_id peer{};
    };

    zmq_options options_;
    std::shared_ptr<detail::zmq_bell> bell_ = std::make_shared<detail::zmq_bell>();
    ::zmq::context_t context_;  // before all sockets, which it waits for
    policy::transport_sink* sink_ = nullptr;
    turn_clock clock_;
    peer_table<listener> listeners_;
    peer_table<peer> peers_;
    detail::zmq_inbox inbox_;
    std::vector<zmq_pollitem_t> items_;
    std::vector<owner> owners_;  // of the item at the same place
    std::vector<::zmq::message_t> parcels_;
    std::vector<peer_id> touched_;
    std::vector<peer_id> timed_;   // dialled, or closed and not written
    std::vector<peer_id> ending_;  // whose connections have ended
    std::vector<peer_id> lost_;
    std::optional<instant> armed_;
    instant stop_by_{};
    std::uint64_t names_ = 0;     // given to monitors
    std::uint32_t accepted_ = 0;  // connections that live
    bool changed_ = true;         // there are other sockets than are listed
    bool in_turn_ = false;
    bool stopping_ = false;
};

static_assert(policy::runnable_transport<zmq>);
static_assert(policy::tells_queue<zmq>);
static_assert(policy::pushes<zmq>);

}  // namespace fastqueue::transport
