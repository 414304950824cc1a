#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/indexed_heap.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/testing/simulated_network.hpp>
#include <fastqueue/transport/peer_table.hpp>
#include <fastqueue/transport/zmtp_peer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::transport {

/// One peer of a `simulated` transport.
struct simulated_peer : zmtp_peer {
    using zmtp_peer::zmtp_peer;
    testing::stream_id stream{};
};

/// ZMTP 3.1 over a simulated network, in virtual time: what `tcp` is to the real one, with the same
/// `zmtp::connection`. The network turns it, so everything runs in the network's one thread; `wake` too may
/// be called from that thread only. Its destructor is the end of a process that was not killed; for that
/// there is `simulated_network::crash`.
class simulated final : private testing::simulated_host {
public:
    /// \param network    outlives this
    /// \param node_name  of the node this belongs to; it is added if no living node has that name
    simulated(testing::simulated_network& network, std::string node_name, zmtp::limits limits = {})
        : network_{network}, node_{network.find_node(node_name)}, limits_{limits} {
        if (node_ == testing::node_id::none) node_ = network.add_node(std::move(node_name));
        host_ = network.add_host(node_, *this);
    }
    ~simulated() override { network_.remove_host(host_); }

    [[nodiscard]] testing::node_id node() const noexcept { return node_; }

    void attach(policy::transport_sink& sink) noexcept { sink_ = &sink; }

    /// The host of `where` may be anything: the listener is reached under the node's name, and as loopback.
    [[nodiscard]] std::error_code listen(endpoint const& where, std::uint32_t tag, endpoint& bound) {
        return network_.listen(host_, where, tag, bound);
    }
    void stop_listening() noexcept { network_.stop_listening(host_); }

    [[nodiscard]] peer_id dial(endpoint const& where, std::uint32_t tag) {
        auto const id = make_peer(network_.dial(host_, where), tag);
        peers_.find(id)->address = where.host;
        return id;
    }
    /// The same as a PUSH socket, to a PULL socket.
    [[nodiscard]] peer_id dial_push(endpoint const& where, std::uint32_t tag) {
        auto const id = dial(where, tag);
        peers_.find(id)->pushes = true;
        return id;
    }

    [[nodiscard]] std::error_code send(peer_id peer, std::span<std::string_view const> frames) {
        auto* const p = peers_.find(peer);
        if (p == nullptr || p->stage != peer_stage::ready) return errc::no_such_peer;
        auto result = p->zmtp->send(frames);
        if (result == errc::send_queue_full) {
            write(*p);
            result = p->zmtp->send(frames);
        }
        if (result == errc::send_queue_full) lose_later(*p, errc::send_queue_full);
        touch(*p);
        return result;
    }

    [[nodiscard]] std::uint64_t queued(peer_id peer) const noexcept {
        auto const* const p = peers_.find(peer);
        return p == nullptr || !p->zmtp ? 0 : p->zmtp->queued();
    }

    /// Writes what was sent in this turn so far.
    void flush() {
        for (auto const id : touched_) {
            auto* const p = peers_.find(id);
            if (p != nullptr && p->stage == peer_stage::ready) write(*p);
        }
    }

    void close(peer_id peer) noexcept {
        auto* const p = peers_.find(peer);
        if (p != nullptr && p->stage != peer_stage::closing && p->stage != peer_stage::gone) retire(*p);
    }

    void arm(std::optional<instant> deadline) noexcept {
        armed_ = deadline;
        ask_for_turn(deadline);
    }
    [[nodiscard]] clock_reading now() const noexcept { return network_.now(); }
    void wake() noexcept {
        woken_ = true;
        if (!turn_comes_) ask_for_turn(now().steady);
    }

private:
    struct receiver {
        simulated& owner;
        simulated_peer& peer;

        void ready() {
            if (peer.stage != peer_stage::handshaking) return;
            peer.stage = peer_stage::ready;
            owner.sink_->opened(peer.id, peer.info());
        }
        void message(std::span<std::string_view const> frames) {
            if (peer.stage == peer_stage::ready && !peer.pushes) owner.sink_->message(peer.id, frames);
        }
    };

    static constexpr std::chrono::seconds linger{1};

    // ---- what the network tells ----

    void accepted(testing::stream_id stream, std::uint32_t tag, std::string_view from) override {
        turn_comes_ = true;
        auto& p = *peers_.find(make_peer(stream, tag));
        p.address = from;
        p.accepted = true;
        p.begin_handshake(limits_, now().steady);
    }
    void connected(testing::stream_id stream) override {
        turn_comes_ = true;
        if (auto* const p = find(stream); p != nullptr && p->stage == peer_stage::connecting) {
            p->begin_handshake(limits_, now().steady);
            touch(*p);
        }
    }
    void bytes(testing::stream_id stream, std::string_view octets) override {
        turn_comes_ = true;
        auto* const p = find(stream);
        if (p == nullptr || p->stage < peer_stage::handshaking || p->stage >= peer_stage::closing) return;
        auto const failed = p->zmtp->receive(octets, now().steady, receiver{*this, *p});
        touch(*p);
        if (failed && p->stage < peer_stage::closing) refuse(*p, failed);
    }
    void room(testing::stream_id stream) override {
        turn_comes_ = true;
        if (auto* const p = find(stream)) touch(*p);
    }
    void ended(testing::stream_id stream, std::error_code why) override {
        turn_comes_ = true;
        if (auto* const p = find(stream)) end(*p, why);
    }
    void alarm() override {
        turn_comes_ = true;
        if (alarm_ && *alarm_ <= now().steady) alarm_.reset();
    }

    void turn() override {
        turn_comes_ = false;
        in_turn_ = true;
        tell_lost();
        tell_elapsed();
        if (std::exchange(woken_, false)) sink_->woken();
        sink_->turn_end();
        settle();
        in_turn_ = false;
        if (!deadlines_.empty()) ask_for_turn(deadlines_.top_key());
        if (!lost_.empty()) ask_for_turn(now().steady);
    }

    void tell_lost() {
        for (auto const id : std::exchange(lost_, {})) {
            auto* const p = peers_.find(id);
            if (p == nullptr || p->stage != peer_stage::lost) continue;
            p->stage = peer_stage::gone;
            touch(*p);
            sink_->closed(id, p->reason);
        }
    }

    void tell_elapsed() {
        auto const steady = now().steady;
        while (!deadlines_.empty() && deadlines_.top_key() <= steady) {
            auto const slot = deadlines_.top();
            auto& p = *peers_.at(slot);
            if (auto const due = p.next_deadline(); due && *due <= steady) elapsed(p);
            touch(p);
            auto const next = p.next_deadline();
            if (next) deadlines_.set(slot, std::max(*next, steady + std::chrono::microseconds{1}));
            if (!next) deadlines_.erase(slot);
        }
        if (armed_ && *armed_ <= steady) {
            armed_.reset();
            sink_->due();
        }
    }

    void elapsed(simulated_peer& p) {
        if (p.stage == peer_stage::closing) return end(p, errc::connection_lost);
        if (p.stage != peer_stage::handshaking && p.stage != peer_stage::ready) return;
        if (auto const failed = p.zmtp->tick(now().steady)) refuse(p, failed);
    }

    // ---- the end of a turn ----

    void touch(simulated_peer& p) noexcept {
        if (!std::exchange(p.touched, true)) touched_.push_back(p.id);  // has room: see make_peer
        if (!turn_comes_ && !in_turn_) ask_for_turn(now().steady);
    }

    void settle() {
        for (std::size_t i = 0; i < touched_.size(); ++i) {
            auto& p = *peers_.find(touched_[i]);
            p.touched = false;
            if (p.connected()) write(p);
            if (p.stage == peer_stage::closing && p.zmtp->pending().empty()) p.stage = peer_stage::gone;
            if (p.stage == peer_stage::gone) {
                forget(p);
                continue;
            }
            auto const next = p.next_deadline();
            auto const slot = peers_.slot_of(p.id);
            if (next && (!deadlines_.contains(slot) || *next < deadlines_.key(slot))) {
                deadlines_.set(slot, *next);
            }
        }
        touched_.clear();
    }

    void write(simulated_peer& p) {
        auto const pending = p.zmtp->pending();
        if (pending.empty()) return;
        auto const written = network_.write(p.stream, pending);
        if (written > 0 && p.zmtp->queued() > policy::much_queued) ask_for_turn(now().steady);
        p.zmtp->consumed(written, now().steady);
    }

    void forget(simulated_peer& p) {
        network_.finish(p.stream);
        by_stream_.erase(p.stream);
        deadlines_.erase(peers_.slot_of(p.id));
        peers_.erase(p.id);
    }

    // ---- ways to end; the sink is told last, for it may do anything ----

    void end(simulated_peer& p, std::error_code why) {
        bool const tell = p.known_to_sink();
        if (p.stage != peer_stage::lost) p.stage = peer_stage::gone;
        touch(p);
        if (tell) sink_->closed(p.id, why);
    }
    void refuse(simulated_peer& p, std::error_code why) {
        bool const tell = p.known_to_sink();
        retire(p);
        if (tell) sink_->closed(p.id, why);
    }
    void lose_later(simulated_peer& p, std::error_code why) {
        p.stage = peer_stage::lost;
        p.reason = why;
        lost_.push_back(p.id);
    }
    void retire(simulated_peer& p) noexcept {
        p.stage = p.connected() ? peer_stage::closing : peer_stage::gone;
        p.limit = now().steady + linger;
        touch(p);
    }

    // ---- small things ----

    [[nodiscard]] peer_id make_peer(testing::stream_id stream, std::uint32_t tag) {
        auto const id = peers_.emplace(peer_stage::connecting, tag);
        auto& p = *peers_.find(id);
        p.id = id;
        p.stream = stream;
        p.limit = instant::max();  // the network sees to the time of a dial
        by_stream_[stream] = id;
        if (touched_.capacity() < peers_.size()) touched_.reserve(2 * peers_.size());
        touch(p);
        return id;
    }
    [[nodiscard]] simulated_peer* find(testing::stream_id stream) const noexcept {
        auto const found = by_stream_.find(stream);
        return found == by_stream_.end() ? nullptr : peers_.find(found->second);
    }
    /// Deadlines that move away cost nothing: an alarm that comes too early finds nothing to do.
    void ask_for_turn(std::optional<instant> when) {
        if (!when || *when == instant::max() || (alarm_ && *alarm_ <= *when)) return;
        alarm_ = when;
        network_.alarm_at(host_, *when);
    }

    testing::simulated_network& network_;
    testing::node_id node_;
    testing::host_id host_{};
    zmtp::limits limits_;
    policy::transport_sink* sink_ = nullptr;
    peer_table<simulated_peer> peers_;
    std::map<testing::stream_id, peer_id> by_stream_;
    indexed_heap<instant> deadlines_;  // by slot; never later than the true ones
    std::vector<peer_id> touched_;
    std::vector<peer_id> lost_;
    std::optional<instant> armed_;
    std::optional<instant> alarm_;  // the earliest one asked for
    bool woken_ = false;
    bool in_turn_ = false;
    bool turn_comes_ = false;  // the network has told something at this moment
};

static_assert(policy::transport<simulated>);
static_assert(policy::tells_queue<simulated>);
static_assert(policy::pushes<simulated>);
static_assert(policy::flushes<simulated>);

}  // namespace fastqueue::transport
