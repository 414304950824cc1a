#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/transport/inproc_hub.hpp>
#include <fastqueue/transport/inproc_mailbox.hpp>
#include <fastqueue/transport/peer_table.hpp>
#include <fastqueue/transport/turn_clock.hpp>
#include <fastqueue/zmtp/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::transport {

/// Messages between the threads of one process: no sockets, no encoding, one copy. Either a thread is lent to
/// it (`run`), or it is turned by an owner with another loop: `poll` when `set_wake`'s function was called or
/// `next_deadline` has come, and `flush` after sending from outside a turn.
///
/// Threads: one at a time, `wake` excepted. When it goes, its peers see `errc::connection_lost`.
class inproc {
public:
    /// \param hub     where others are found
    /// \param limits  of messages and of what may wait for a peer, as in the other transports
    explicit inproc(std::shared_ptr<inproc_hub> hub, zmtp::limits limits = {})
        : hub_{std::move(hub)}, limits_{limits} {}
    inproc(inproc const&) = delete;
    inproc& operator=(inproc const&) = delete;
    ~inproc() {
        hub_->stop_listening(mailbox_.get());
        auto const unread = mailbox_->close();
        peers_.for_each([](peer& p) { tell_end(p); });
        for (auto const& parcel : unread) {
            if (parcel.what == inproc_parcel::content::arrival) put_end(parcel.link, 0);
        }
    }

    void attach(policy::transport_sink& sink) noexcept { sink_ = &sink; }

    /// \return success, `errc::stopped`, or `std::errc::address_in_use`
    [[nodiscard]] std::error_code listen(endpoint const& where, std::uint32_t tag, endpoint& bound) {
        if (stopping_) return errc::stopped;
        return hub_->listen(where, {mailbox_, tag}, bound);
    }
    void stop_listening() noexcept { hub_->stop_listening(mailbox_.get()); }

    [[nodiscard]] peer_id dial(endpoint const& where, std::uint32_t tag) {
        auto const id = peers_.emplace();
        auto& p = *peers_.find(id);
        p.id = id;
        p.tag = tag;
        reserve();
        auto const door = stopping_ ? std::nullopt : hub_->find(where);
        if (door) {
            p.link = std::make_shared<inproc_link>();
            p.link->mailbox = {mailbox_, door->mailbox};
            p.link->id[0] = id;
            if (door->mailbox->put({inproc_parcel::content::arrival, p.link, 1, door->tag})) {
                opening_.push_back(id);
                return id;
            }
            p.link.reset();
        }
        lose_later(p, errc::refused);
        return id;
    }

    [[nodiscard]] std::error_code send(peer_id to, std::span<std::string_view const> frames) {
        auto* const p = peers_.find(to);
        if (p == nullptr || p->stage != phase::ready) return errc::no_such_peer;
        std::uint64_t octets = 0;
        for (auto const frame : frames) {
            octets += frame.size();
            if (frame.size() > limits_.frame_bytes) return errc::message_too_large;
        }
        if (frames.empty() || frames.size() > limits_.message_frames || octets > limits_.message_bytes) {
            return errc::message_too_large;
        }
        auto const cost = octets + (frames.size() + 1) * inproc_batch::frame_bytes;
        if (p->link->queued[1 - p->end].load(std::memory_order_relaxed) + cost > limits_.send_queue_bytes) {
            tell_end(*p);
            lose_later(*p, errc::send_queue_full);
            return errc::send_queue_full;
        }
        p->link->queued[1 - p->end].fetch_add(cost, std::memory_order_relaxed);
        if (p->batch.empty()) p->batch = hub_->take_batch();
        p->batch.append(frames);
        touch(*p);
        return {};
    }

    [[nodiscard]] std::uint64_t queued(peer_id to) const noexcept {
        auto const* const p = peers_.find(to);
        return p == nullptr || !p->link ? 0 : p->link->queued[1 - p->end].load(std::memory_order_relaxed);
    }

    void close(peer_id which) noexcept {
        auto* const p = peers_.find(which);
        if (p == nullptr || p->stage == phase::gone) return;
        hand_over(*p);
        tell_end(*p);
        p->stage = phase::gone;
        touch(*p);
    }

    void arm(std::optional<instant> deadline) noexcept { armed_ = deadline; }
    [[nodiscard]] clock_reading now() const noexcept { return clock_.now(); }
    void wake() noexcept { mailbox_->wake(); }

    /// Turns until `stop`.
    void run() {
        while (turn()) {}
    }
    /// Waits until there is something to do, and does it.
    /// \return false: it was stopped
    bool turn() {
        flush();  // what was sent outside a turn
        if (!stopping_ && !busy()) mailbox_->wait(armed_);
        return poll();
    }
    /// Does what is there, without waiting.
    /// \return false: it was stopped
    bool poll() {
        if (!stopping_) do_turn();
        return !stopping_;
    }
    /// From within a turn: what is queued is handed over, all peers are closed, `run` returns.
    void stop() noexcept {
        stopping_ = true;
        stop_listening();
        armed_.reset();
        peers_.for_each([this](peer& p) { close(p.id); });
    }

    /// Hands over what was sent so far, outside a turn or within one.
    void flush() {
        for (auto const id : touched_) {
            auto& p = *peers_.find(id);
            p.touched = false;
            hand_over(p);
            if (p.stage == phase::gone) peers_.erase(id);
        }
        touched_.clear();
    }
    /// When `poll` next has something to do, though nobody calls `set_wake`'s function.
    [[nodiscard]] std::optional<instant> next_deadline() const noexcept {
        return busy() ? std::optional{now().steady} : armed_;
    }
    /// \param on_filled  called, from any thread, when there is something after there was nothing; it must
    ///                   only wake the owner's loop, and call nothing of this object
    void set_wake(std::function<void()> on_filled) { mailbox_->set_wake(std::move(on_filled)); }

private:
    enum class phase : std::uint8_t { dialling, ready, lost, gone };

    struct peer {
        std::shared_ptr<inproc_link> link;  // none: the dial was refused
        std::size_t end = 0;                // of the link, that we are
        inproc_batch batch;                 // what leaves at the end of the turn
        std::error_code reason;             // why it is lost
        peer_id id{};
        std::uint32_t tag = 0;
        phase stage = phase::dialling;
        bool touched = false;
    };

    // Something is still to be told that nobody puts into the mailbox.
    [[nodiscard]] bool busy() const noexcept { return !lost_.empty() || !opening_.empty(); }

    void do_turn() {
        clock_.begin_turn();
        bool const woken = mailbox_->take(parcels_);
        for (auto const id : std::exchange(opening_, {})) {
            if (auto* const p = peers_.find(id); p != nullptr && p->stage == phase::dialling) open(*p);
        }
        tell_lost();
        for (auto& parcel : parcels_) unpack(parcel);
        parcels_.clear();
        if (armed_ && *armed_ <= now().steady) {
            armed_.reset();
            sink_->due();
        }
        if (woken && !stopping_) sink_->woken();
        if (!stopping_) sink_->turn_end();
        flush();
        clock_.end_turn();
    }

    void open(peer& p) {
        p.stage = phase::ready;
        sink_->opened(p.id, {.tag = p.tag,
                             .accepted = p.end == 1,
                             .one_at_a_time = false,
                             .same_process = true,
                             .address = "127.0.0.1"});
    }

    void tell_lost() {
        for (auto const id : std::exchange(lost_, {})) {
            auto* const p = peers_.find(id);
            if (p == nullptr || p->stage != phase::lost) continue;
            p->stage = phase::gone;
            touch(*p);
            sink_->closed(id, p->reason);
        }
    }

    void unpack(inproc_parcel& parcel) {
        if (parcel.what == inproc_parcel::content::arrival) return welcome(parcel);
        auto const id = parcel.link->id[parcel.end];
        if (parcel.what == inproc_parcel::content::messages) {
            deliver(id, parcel.batch);
            auto const before =
                parcel.link->queued[parcel.end].fetch_sub(parcel.batch.bytes(), std::memory_order_relaxed);
            if (before > policy::much_queued) parcel.link->mailbox[1 - parcel.end]->wake();
            return hub_->give_back(std::move(parcel.batch));
        }
        auto* const p = peers_.find(id);
        if (p == nullptr || (p->stage != phase::ready && p->stage != phase::dialling)) return;
        p->stage = phase::gone;
        touch(*p);
        sink_->closed(id, errc::connection_lost);
    }

    void welcome(inproc_parcel& parcel) {
        if (stopping_) return put_end(parcel.link, 0);
        auto const id = peers_.emplace();
        auto& p = *peers_.find(id);
        p.id = id;
        p.tag = parcel.tag;
        p.end = 1;
        p.link = std::move(parcel.link);
        p.link->id[1] = id;
        reserve();
        open(p);
    }

    void deliver(peer_id from, inproc_batch const& batch) {
        std::string_view octets = batch.octets;
        for (std::size_t at = 0; at < batch.layout.size();) {
            // The sink may have closed it in the message before.
            auto const* const p = peers_.find(from);
            if (p == nullptr || p->stage != phase::ready) return;
            frames_.clear();
            for (auto left = batch.layout[at++]; left > 0; --left) {
                frames_.push_back(octets.substr(0, batch.layout[at]));
                octets.remove_prefix(batch.layout[at++]);
            }
            sink_->message(from, frames_);
        }
    }

    void hand_over(peer& p) {
        if (p.batch.empty()) return;
        p.link->mailbox[1 - p.end]->put(
            {inproc_parcel::content::messages, p.link, 1 - p.end, 0, std::exchange(p.batch, {})});
    }

    static void put_end(std::shared_ptr<inproc_link> const& link, std::size_t end) {
        link->mailbox[end]->put({inproc_parcel::content::end, link, end});
    }
    static void tell_end(peer const& p) {
        if (p.link && p.stage != phase::lost && p.stage != phase::gone) put_end(p.link, 1 - p.end);
    }

    void lose_later(peer& p, std::error_code why) {
        p.stage = phase::lost;
        p.reason = why;
        p.batch = {};
        lost_.push_back(p.id);
    }

    void touch(peer& p) noexcept {
        if (!std::exchange(p.touched, true)) touched_.push_back(p.id);  // has room: see reserve
    }
    void reserve() {
        if (touched_.capacity() < peers_.size()) touched_.reserve(2 * peers_.size());
    }

    std::shared_ptr<inproc_hub> hub_;
    zmtp::limits limits_;
    std::shared_ptr<inproc_mailbox> mailbox_ = std::make_shared<inproc_mailbox>();
    policy::transport_sink* sink_ = nullptr;
    turn_clock clock_;
    peer_table<peer> peers_;
    std::vector<inproc_parcel> parcels_;
    std::vector<std::string_view> frames_;
    std::vector<peer_id> touched_;
    std::vector<peer_id> opening_;
    std::vector<peer_id> lost_;
    std::optional<instant> armed_;
    bool stopping_ = false;
};

static_assert(policy::runnable_transport<inproc>);
static_assert(policy::tells_queue<inproc>);
static_assert(policy::flushes<inproc>);

}  // namespace fastqueue::transport
