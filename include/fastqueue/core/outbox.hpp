#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/policy/store.hpp>
#include <fastqueue/wire/pair_writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <variant>
#include <vector>

namespace fastqueue::core {

/// A message that a machine wants sent, gathered over a turn.
struct outgoing {
    peer_id to = peer_id::none;
    wire::form layout = wire::form::frames;
    wire::envelope envelope;
    policy::store_sequence after =
        0;  ///< it rests on this write, and must not leave before that is committed
    wire::pair_writer pairs;
};

struct dial_action {
    dial_action(endpoint where, std::uint32_t named, bool as_push)
        : to{std::move(where)}, tag{named}, push{as_push} {}
    endpoint to;
    std::uint32_t tag;
    bool push;  ///< to a PULL socket
};
struct close_action {
    explicit close_action(peer_id whom) noexcept : peer{whom} {}
    peer_id peer;
};
using link_action = std::variant<dial_action, close_action>;

/// What a machine wants done: messages, and connections to make and end. It is only ever appended to, and
/// performed by the shell at the end of the turn. This is also the commit barrier: a message stays until what
/// it rests on is stored. Buffers are kept from turn to turn. One thread at a time.
class outbox {
public:
    /// A new message to `to`; the index is valid until `perform`.
    [[nodiscard]] std::size_t open(peer_id to, wire::form layout, wire::envelope const& envelope = {}) {
        if (used_ == messages_.size()) messages_.emplace_back();
        if (used_ > 0) octets_ += messages_[used_ - 1].pairs.octets();
        auto& m = messages_[used_];
        m.to = to;
        m.layout = layout;
        m.envelope = envelope;
        m.after = 0;
        m.pairs.clear();
        return used_++;
    }
    [[nodiscard]] outgoing& operator[](std::size_t index) noexcept { return messages_[index]; }
    /// Counts the times that `perform` has ended: an index is good as long as this stands.
    [[nodiscard]] std::uint64_t turn() const noexcept { return turn_; }

    void dial(endpoint to, std::uint32_t tag) {
        links_.emplace_back(std::in_place_type<dial_action>, std::move(to), tag, false);
    }
    /// To a PULL socket. Where the transport has no such dial, the machine is told at once: `dialled(tag, peer_id::none)`.
    void dial_push(endpoint to, std::uint32_t tag) {
        links_.emplace_back(std::in_place_type<dial_action>, std::move(to), tag, true);
    }
    void close(peer_id peer) { links_.emplace_back(std::in_place_type<close_action>, peer); }

    /// Hands out what may leave, oldest first: `send(outgoing&)`, then `link(link_action const&)`, so that a
    /// last word reaches a peer before its connection is closed.
    template <class Send, class Link>
    void perform(policy::store_sequence committed, Send&& send, Link&& link) {
        release(committed, send);
        for (std::size_t i = 0; i < used_; ++i) {
            auto& m = messages_[i];
            if (m.pairs.empty()) continue;
            m.after <= committed ? send(m) : hold(m);
        }
        give_memory_back();
        used_ = 0;
        octets_ = 0;
        ++turn_;
        auto const links = std::exchange(links_, {});
        for (auto const& action : links) link(action);
    }
    /// Octets of this turn's messages, about: many are handed out before the turn's end.
    [[nodiscard]] std::size_t octets() const noexcept {
        return used_ == 0 ? 0 : octets_ + messages_[used_ - 1].pairs.octets();
    }
    /// Whether something waits for a commit.
    [[nodiscard]] bool holds() const noexcept { return !held_.empty(); }
    /// The latest write that a message rests on, of this turn or held back before.
    [[nodiscard]] policy::store_sequence awaited() const noexcept {
        auto latest = latest_held_;
        for (std::size_t i = 0; i < used_; ++i) {
            if (!messages_[i].pairs.empty()) latest = std::max(latest, messages_[i].after);
        }
        return latest;
    }

private:
    void hold(outgoing& m) {
        latest_held_ = std::max(latest_held_, m.after);
        held_.push_back(std::move(m));
    }
    /// A turn with many large messages leaves no more behind than others need.
    void give_memory_back() {
        constexpr std::size_t enough = 8U << 20U;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < used_; ++i) {
            kept += messages_[i].pairs.capacity();
            if (kept > enough) messages_[i].pairs.release();
        }
        constexpr std::size_t usual = 1024;
        if (messages_.size() > usual) messages_.resize(usual);
    }
    template <class Send>
    void release(policy::store_sequence committed, Send&& send) {
        if (held_.empty()) return;
        for (auto& m : held_) {
            if (m.after <= committed) send(m);
        }
        std::erase_if(held_, [&](outgoing const& m) { return m.after <= committed; });
    }

    std::deque<outgoing> messages_;
    std::size_t used_ = 0;
    std::size_t octets_ = 0;  // of all but the last
    std::uint64_t turn_ = 1;
    std::deque<outgoing> held_;
    policy::store_sequence latest_held_ = 0;  // of all that ever were: what is committed is no longer awaited
    std::vector<link_action> links_;
};

}  // namespace fastqueue::core
