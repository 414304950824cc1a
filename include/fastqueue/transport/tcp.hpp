#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/indexed_heap.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/policy/spin.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/transport/loop_gate.hpp>
#include <fastqueue/transport/loop_timer.hpp>
#include <fastqueue/transport/native_socket.hpp>
#include <fastqueue/transport/peer_table.hpp>
#include <fastqueue/transport/tcp_acceptor.hpp>
#include <fastqueue/transport/tcp_connection.hpp>
#include <fastqueue/transport/tcp_options.hpp>
#include <fastqueue/transport/turn_clock.hpp>
#include <fastqueue/transport/waker.hpp>
#include <fastqueue/transport/zmtp_peer.hpp>
#include <fastqueue/zmtp/handshake_guard.hpp>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::transport {

/// ZMTP 3.1 over TCP. Listeners are ROUTER, dialled connections DEALER, or PUSH where `dial_push` made them.
///
/// One turn takes whatever is ready, tells the sink, and then makes one write for each connection that has
/// something to send, unless `flush` wants it earlier; so the more there is to do, the larger the writes. A failure of one peer ends that
/// peer's connection and nothing else. `*` listens on IPv6 and IPv4 alike, where the system can do that.
///
/// Threads: one at a time, `wake` excepted. The destructor may wait for a name look-up that is under way.
/// After `fork` the child must not touch it; its descriptors are closed at exec.
/// \source RFC 37/ZMTP 3.1; `policy/transport.hpp` has the laws
class tcp {
public:
    explicit tcp(tcp_options options = {}) : tcp{nullptr, options} {}
    /// As a guest in somebody else's loop, which must not be turned by several threads at once: it has no `run` then, and does
    /// its work whenever the loop is turned. Destroyed in the loop's thread, or while nobody turns the loop; before the loop.
    explicit tcp(asio::io_context& host, tcp_options options = {}) : tcp{&host, options} {}
    tcp(tcp const&) = delete;
    tcp& operator=(tcp const&) = delete;
    ~tcp() = default;

    void attach(policy::transport_sink& sink) noexcept { sink_ = &sink; }

    /// \return success; `errc::stopped`; a resolver's or the system's error (`std::errc::address_in_use` ...)
    [[nodiscard]] std::error_code listen(endpoint const& where, std::uint32_t tag, endpoint& bound) {
        if (stopping_) return errc::stopped;
        return acceptor_.listen(where, tag, options_.backlog, bound);
    }

    void stop_listening() noexcept { acceptor_.stop_listening(); }

    /// From now on, where one process writes to several of our connections, its messages are told in the order in which they
    /// came to this machine. Costs a look at each connection that something came over in the same turn.
    void keep_order_across_peers() noexcept { ordered_ = true; }

    /// From now on peers are read from however much they leave unread themselves: for a role that asked for what comes. Two ends
    /// that both wait until the other one reads would wait for ever.
    void read_always() noexcept { options_.read_pause_bytes = std::numeric_limits<std::size_t>::max(); }

    /// Host names are looked up anew at each dial, and all their addresses are tried.
    [[nodiscard]] peer_id dial(endpoint const& where, std::uint32_t tag) {
        return begin_dial(where, tag, false);
    }
    /// The same as a PUSH socket, to a PULL socket.
    [[nodiscard]] peer_id dial_push(endpoint const& where, std::uint32_t tag) {
        return begin_dial(where, tag, true);
    }

    [[nodiscard]] std::error_code send(peer_id peer, std::span<std::string_view const> frames) {
        auto* const c = peers_.find(peer);
        if (c == nullptr || c->stage != peer_stage::ready) return errc::no_such_peer;
        auto result =
            c->zmtp->send(frames, [c](std::span<std::string_view const> parts) { return offer(*c, parts); });
        if (result == errc::send_queue_full) {
            // Perhaps it is only this turn that is large: what the system takes now need not wait for its
            // end.
            write(*c);
            result = c->zmtp->send(frames);
            if (result == errc::send_queue_full) lose_later(*c, errc::send_queue_full);
        }
        touch(*c);
        return result;
    }

    [[nodiscard]] std::uint64_t queued(peer_id peer) const noexcept {
        auto const* const c = peers_.find(peer);
        return c == nullptr ? 0 : c->queued();
    }

    /// Writes what was sent in this turn so far.
    void flush() {
        for (auto const id : touched_) {
            auto* const c = peers_.find(id);
            if (c != nullptr && c->stage == peer_stage::ready) write(*c);
        }
    }

    void close(peer_id peer) noexcept {
        auto* const c = peers_.find(peer);
        if (c == nullptr || c->stage == peer_stage::closing || c->stage == peer_stage::gone) return;
        retire(*c);
    }

    /// How long `run` looks for more before it sleeps; 0: not at all.
    void spin(std::chrono::microseconds limit) noexcept { options_.spin = limit; }
    void arm(std::optional<instant> deadline) {
        armed_ = deadline;
        gate_.enter();
    }
    [[nodiscard]] clock_reading now() const noexcept { return clock_.now(); }
    void wake() noexcept { waker_.wake(gate_); }

    /// Turns the loop until `stop`. Whatever else was posted to `context()` runs in the same turns.
    void run() {
        while (turn()) {}
    }
    /// One turn, which waits until there is something to do.
    /// \return false: it was stopped, and all is closed
    bool turn() { return turn(true); }
    /// The same without waiting, for an owner with another loop.
    bool poll() { return turn(false); }

    /// From within a turn. The sink hears nothing more but perhaps this turn's end; what is queued is written
    /// if the peers read it within `linger`, then `run` returns.
    void stop() noexcept {
        if (stopping_) return;
        stopping_ = true;
        stop_by_ = now().steady + options_.linger;
        resolver_.cancel();
        stop_listening();
        armed_.reset();
        peers_.for_each([this](tcp_connection& c) { close(c.id); });
    }

    /// Whether the loop is somebody else's.
    [[nodiscard]] bool is_guest() const noexcept { return gate_.is_guest(); }
    /// The loop, for what wants to run in the same thread.
    [[nodiscard]] asio::io_context& context() noexcept { return io_; }

private:
    tcp(asio::io_context* host, tcp_options const& options)
        : options_{options},
          guard_{{.total = options.max_handshakes, .per_address = options.max_handshakes_a_host}},
          gate_{host},
          scratch_(std::max<std::size_t>(options.read_bytes, 1024)) {
        gate_.on_turn([this] {
            end_turn();
            return must_go_on();
        });
    }

    /// What `zmtp::connection` tells of one peer.
    struct receiver {
        tcp& owner;
        tcp_connection& peer;

        void ready() { owner.opened(peer); }
        void message(std::span<std::string_view const> frames) {
            // The sink may have closed it in the message before.
            if (peer.stage == peer_stage::ready && !peer.pushes) owner.sink_->message(peer.id, frames);
        }
    };

    static constexpr int most_handlers_a_turn = 64;
    static constexpr int most_reads_a_turn = 4;

    // ---- the loop ----

    bool turn(bool may_wait) {
        settle();  // what was done outside a turn
        set_timer();
        if (!ended()) take_turn(may_wait);
        if (!ended()) return true;
        if (stopping_) cut_all();
        return false;
    }
    void take_turn(bool may_wait) {
        clock_.begin_turn();
        if (may_wait && !must_go_on())
            await_event();
        else
            io_.poll_one();
        for (int i = 0; i < most_handlers_a_turn && io_.poll_one() != 0; ++i) {}
        end_turn();
        clock_.end_turn();
    }
    [[nodiscard]] bool ended() const noexcept { return finished() || io_.stopped(); }
    /// What is still to be told must not wait for the network, nor must who waits for room.
    [[nodiscard]] bool must_go_on() const noexcept { return !lost_.empty() || drained_; }
    /// Being woken costs more than looking a few times more, and between two looks others get their turn: under load more has
    /// come by then, and fewer wake-ups bring more each.
    void await_event() {
        if (!look_(options_.spin, [this] { return io_.poll_one() != 0; })) io_.run_one();
    }
    void end_turn() {
        look_again();
        tell_lost();
        tell_elapsed();
        if (waker_.take() && !stopping_) sink_->woken();
        drained_ = false;
        if (!stopping_) sink_->turn_end();
        settle();
        if (!gate_.is_guest()) return;
        set_timer();
        if (finished()) leave();
    }
    /// A guest's last turn: nothing of his keeps the loop going.
    void leave() noexcept {
        cut_all();
        gate_.leave();
        timer_.cancel();
    }

    [[nodiscard]] bool finished() const noexcept {
        return stopping_ && (peers_.size() == 0 || now().steady >= stop_by_);
    }

    void cut_all() noexcept {
        peers_.for_each([this](tcp_connection& c) {
            c.stage = peer_stage::gone;
            touch(c);
        });
        settle();
    }

    void tell_lost() {
        auto const lost = std::exchange(lost_, {});
        for (auto const id : lost) {
            auto* const c = peers_.find(id);
            if (c == nullptr || c->stage != peer_stage::lost) continue;  // the sink has closed it since
            c->stage = peer_stage::gone;
            touch(*c);
            sink_->closed(id, c->reason);
        }
    }

    void tell_elapsed() {
        auto const steady = now().steady;
        while (!deadlines_.empty() && deadlines_.top_key() <= steady) {
            auto const slot = deadlines_.top();
            auto& c = *peers_.at(slot);
            // The deadline that is kept is an old one: most have moved on since.
            if (auto const due = c.next_deadline(); due && *due <= steady) elapsed(c);
            touch(c);
            auto const next = c.next_deadline();
            if (next) deadlines_.set(slot, std::max(*next, steady + std::chrono::milliseconds{1}));
            if (!next) deadlines_.erase(slot);
        }
        acceptor_.tick(steady);
        if (armed_ && *armed_ <= steady && !stopping_) {
            armed_.reset();
            sink_->due();
        }
    }

    void set_timer() {
        auto earliest = armed_;
        auto const consider = [&](std::optional<instant> const& at) {
            if (at && (!earliest || *at < *earliest)) earliest = at;
        };
        consider(acceptor_.next_deadline());
        if (!deadlines_.empty()) consider(deadlines_.top_key());
        if (stopping_) consider(stop_by_);
        timer_.set(earliest);
    }

    // ---- the end of a turn: every connection that something was done with is looked after once ----

    void touch(tcp_connection& c) noexcept {
        if (std::exchange(c.touched, true)) return;
        touched_.push_back(c.id);  // has room: see make_peer
        gate_.enter();
    }

    void settle() {
        for (std::size_t i = 0; i < touched_.size(); ++i) {
            auto* const c = peers_.find(touched_[i]);
            c->touched = false;
            settle(*c);
        }
        touched_.clear();
    }

    void settle(tcp_connection& c) {
        if (c.connected()) {
            write(c);
            if (c.stage == peer_stage::closing) finish_sending(c);
            await_octets(c);
        }
        if (c.stage == peer_stage::gone) return forget(c);
        auto const next = c.next_deadline();
        auto const slot = peers_.slot_of(c.id);
        if (next && (!deadlines_.contains(slot) || *next < deadlines_.key(slot))) deadlines_.set(slot, *next);
    }

    void forget(tcp_connection& c) noexcept {
        release_guard(c);
        deadlines_.erase(peers_.slot_of(c.id));
        peers_.erase(c.id);
    }

    /// Writes what the system takes now. What goes wrong is met again by `write`.
    static std::size_t offer(tcp_connection& c, std::span<std::string_view const> parts) noexcept {
        if (c.writing || c.write_broken) return 0;
        std::array<asio::const_buffer, 2> const buffers{asio::buffer(parts[0]), asio::buffer(parts[1])};
        std::error_code failed;
        auto const written = c.socket.send(buffers, 0, failed);
        return failed ? 0 : written;
    }
    void write(tcp_connection& c) {
        auto const before = c.queued();
        write_all(c);
        if (before > policy::much_queued && c.queued() < before) drained_ = true;
    }
    void write_all(tcp_connection& c) {
        while (!c.writing && !c.pending().empty()) {
            std::error_code ec;
            auto const written = c.socket.send(asio::buffer(c.pending().data(), c.pending().size()), 0, ec);
            if (ec == asio::error::interrupted) continue;
            if (ec && ec != asio::error::would_block) {
                // It may have said something before it went: reading will tell that, and then the end.
                c.write_broken = true;
                break;
            }
            c.zmtp->consumed(written, now().steady);
            if (!c.pending().empty()) await_room(c);
        }
    }

    void finish_sending(tcp_connection& c) noexcept {
        if (c.shut || !c.pending().empty()) return;
        // Closing outright would reset the connection if octets of the peer's are unread, and the system
        // would then throw away what we have just written. So the peer is told, and its end awaited for a
        // while.
        std::error_code ignored;
        c.socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
        c.shut = true;
    }

    void await_room(tcp_connection& c) {
        c.writing = true;
        auto ready = [this, id = c.id](std::error_code const& ec) {
            auto* const peer = peers_.find(id);
            if (ec || peer == nullptr) return;
            peer->writing = false;
            touch(*peer);
        };
        c.socket.async_wait(asio::ip::tcp::socket::wait_write, gate_.wrap(std::move(ready)));
    }

    void await_octets(tcp_connection& c) {
        auto const unread = c.pending().size();
        if (unread > options_.read_pause_bytes) c.paused = true;
        if (unread <= options_.read_pause_bytes / 2) c.paused = false;
        if (c.reading || c.paused) return;
        c.reading = true;
        auto ready = [this, id = c.id](std::error_code const& ec) {
            auto* const peer = peers_.find(id);
            if (ec || peer == nullptr) return;
            peer->reading = false;
            touch(*peer);
            if (ordered_) read_.push_back(id);
            if (peer->connected()) read(*peer);
        };
        c.socket.async_wait(asio::ip::tcp::socket::wait_read, gate_.wrap(std::move(ready)));
    }

    // ---- octets come ----

    void read(tcp_connection& c) {
        for (int i = 0; i < most_reads_a_turn && c.connected(); ++i) {
            std::error_code ec;
            auto const count = c.socket.receive(asio::buffer(scratch_), 0, ec);
            if (ec == asio::error::would_block || ec == asio::error::interrupted) return;
            if (ec) return end(c, errc::connection_lost);
            if (c.stage == peer_stage::closing) continue;  // nobody wants them, the end is awaited
            auto const failed = c.zmtp->receive({scratch_.data(), count}, now().steady, receiver{*this, c});
            if (failed && c.stage < peer_stage::closing) return refuse(c, failed);
            if (count < scratch_.size() || c.pending().size() > options_.read_pause_bytes) return;
        }
    }

    /// What came last this turn may have overtaken octets that reached another connection after that was read.
    void look_again() {
        for (std::size_t i = 0; i + 1 < read_.size(); ++i) {
            if (auto* const c = peers_.find(read_[i]); c != nullptr && c->connected()) read(*c);
        }
        read_.clear();
    }

    void opened(tcp_connection& c) {
        if (c.stage != peer_stage::handshaking) return;
        release_guard(c);
        c.stage = peer_stage::ready;
        sink_->opened(c.id, c.info());
    }

    // ---- ways to end; the sink is told last, for it may do anything ----

    /// At once.
    void end(tcp_connection& c, std::error_code why) {
        bool const tell = c.known_to_sink() && !stopping_;
        c.stage = peer_stage::gone;
        c.disconnect();
        touch(c);
        if (tell) sink_->closed(c.id, why);
    }

    /// The peer has broken the protocol: it is told so before the end.
    void refuse(tcp_connection& c, std::error_code why) {
        bool const tell = c.known_to_sink() && !stopping_;
        retire(c);
        if (tell) sink_->closed(c.id, why);
    }

    /// From inside a call of the sink's, which is told next turn.
    void lose_later(tcp_connection& c, std::error_code why) {
        c.stage = peer_stage::lost;
        c.reason = why;
        c.disconnect();
        lost_.push_back(c.id);
    }

    /// Without an event: what is queued is still written.
    void retire(tcp_connection& c) noexcept {
        bool const drain = c.connected();
        c.stage = drain ? peer_stage::closing : peer_stage::gone;
        if (drain) c.limit = now().steady + options_.linger;
        if (!drain) c.disconnect();
        release_guard(c);
        touch(c);
    }

    void elapsed(tcp_connection& c) {
        switch (c.stage) {
            case peer_stage::resolving:
                return end(c, errc::unreachable);
            case peer_stage::connecting:
                c.dial->unanswered = true;
                return connect_next(c);
            case peer_stage::handshaking:
            case peer_stage::ready:
                if (auto const failed = c.zmtp->tick(now().steady)) refuse(c, failed);
                return;
            case peer_stage::closing:
                return end(c, errc::connection_lost);
            case peer_stage::lost:
            case peer_stage::gone:
                return;
        }
    }

    void release_guard(tcp_connection& c) noexcept {
        if (std::exchange(c.guarded, false)) guard_.release(c.address);
    }

    // ---- connections come ----

    void admit(std::uint32_t tag, asio::ip::tcp::socket&& socket, std::string address) {
        if (peers_.size() >= options_.max_connections || !guard_.admit(address)) return;
        auto& c = *peers_.find(make_peer(peer_stage::connecting, tag));
        c.socket = std::move(socket);
        c.address = std::move(address);
        c.accepted = c.guarded = true;
        begin_handshake(c);
    }

    void begin_handshake(tcp_connection& c) {
        detail::set_no_delay(c.socket);
        c.begin_handshake(options_.limits, now().steady);
        deadlines_.erase(peers_.slot_of(c.id));  // that of connecting
        touch(c);
    }

    // ---- connections are made ----

    [[nodiscard]] peer_id begin_dial(endpoint const& where, std::uint32_t tag, bool push) {
        auto const id = make_peer(peer_stage::resolving, tag);
        auto& c = *peers_.find(id);
        c.pushes = push;
        c.dial = std::make_unique<tcp_dial>();
        c.limit = now().steady + options_.connect_time;
        std::error_code ec;
        auto const numeric = asio::ip::make_address(where.host, ec);
        if (stopping_) {
            c.stage = peer_stage::gone;
        } else if (!ec) {
            c.dial->addresses.emplace_back(numeric, where.port);
            connect_next(c);
        } else {
            auto done = [this, id](std::error_code const& failed, auto const& found) {
                resolved(id, failed, found);
            };
            resolver_.async_resolve(where.host, std::to_string(where.port),
                                    asio::ip::resolver_base::numeric_service, gate_.wrap(std::move(done)));
        }
        return id;
    }

    template <class Found>
    void resolved(peer_id id, std::error_code const& failed, Found const& found) {
        auto* const c = peers_.find(id);
        if (c == nullptr || c->stage != peer_stage::resolving) return;
        if (failed) return end(*c, errc::unreachable);
        for (auto const& entry : found) c->dial->addresses.push_back(entry.endpoint());
        connect_next(*c);
    }

    /// Begins with the next address that a socket can be opened for.
    void connect_next(tcp_connection& c) {
        c.stage = peer_stage::connecting;
        auto& d = *c.dial;
        while (d.next < d.addresses.size()) {
            auto const address = d.addresses[d.next++];
            c.disconnect();
            if (detail::open_socket(c.socket, address.protocol())) continue;
            c.limit = now().steady + options_.connect_time;
            deadlines_.erase(peers_.slot_of(c.id));
            c.address = detail::address_text(address.address());
            auto done = [this, id = c.id, n = ++d.attempt](std::error_code const& ec) {
                auto* const peer = peers_.find(id);
                if (peer == nullptr || peer->stage != peer_stage::connecting) return;
                if (peer->dial->attempt == n) connected(*peer, ec);
            };
            c.socket.async_connect(address, gate_.wrap(std::move(done)));
            return touch(c);
        }
        ++d.attempt;
        c.disconnect();
        // Refused means that nobody lives there; where one address has kept silent that is not known.
        lose_later(c, d.refused && !d.unanswered ? errc::refused : errc::unreachable);
    }

    void connected(tcp_connection& c, std::error_code const& ec) {
        if (!ec && !is_echo(c)) {
            c.dial.reset();
            return begin_handshake(c);
        }
        if (!ec || ec == asio::error::connection_refused) c.dial->refused = true;
        if (ec == asio::error::timed_out || ec == asio::error::connection_reset) c.dial->unanswered = true;
        connect_next(c);
    }

    /// A dial to a free port of this host may meet itself there (both ends are then one socket).
    [[nodiscard]] static bool is_echo(tcp_connection const& c) noexcept {
        std::error_code ec;
        auto const here = c.socket.local_endpoint(ec);
        if (ec) return false;
        auto const there = c.socket.remote_endpoint(ec);
        return !ec && here == there;
    }

    [[nodiscard]] peer_id make_peer(peer_stage stage, std::uint32_t tag) {
        auto const id = peers_.emplace(io_, stage, tag);
        auto& c = *peers_.find(id);
        c.id = id;
        if (touched_.capacity() < peers_.size()) touched_.reserve(2 * peers_.size());
        touch(c);
        return id;
    }

    tcp_options options_;
    zmtp::handshake_guard guard_;
    policy::transport_sink* sink_ = nullptr;
    detail::waker waker_;  // before the loop, which may hold its handler to the end
    detail::loop_gate gate_;
    asio::io_context& io_ = gate_.io();
    asio::ip::tcp::resolver resolver_{io_};
    detail::loop_timer timer_{gate_};
    turn_clock& clock_ = gate_.clock();
    tcp_acceptor acceptor_{gate_,
                           [this](std::uint32_t tag, asio::ip::tcp::socket&& socket, std::string address) {
                               admit(tag, std::move(socket), std::move(address));
                           }};
    peer_table<tcp_connection> peers_;
    indexed_heap<instant> deadlines_;  // by slot; never later than the true ones
    std::vector<peer_id> touched_;
    std::vector<peer_id> lost_;
    std::vector<peer_id> read_;  // this turn, where order is kept
    std::vector<char> scratch_;
    policy::spinner look_;
    std::optional<instant> armed_;
    instant stop_by_{};
    bool drained_ = false;  // a long queue has become shorter since the sink was asked last
    bool stopping_ = false;
    bool ordered_ = false;
};

static_assert(policy::runnable_transport<tcp>);
static_assert(policy::tells_queue<tcp>);
static_assert(policy::pushes<tcp>);
static_assert(policy::flushes<tcp>);

}  // namespace fastqueue::transport
