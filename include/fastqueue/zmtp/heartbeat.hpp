#pragma once

#include <fastqueue/model/time.hpp>
#include <fastqueue/zmtp/limits.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace fastqueue::zmtp {

/// `delay` after `from`, without overflow for delays that mean "never".
[[nodiscard]] constexpr instant later(instant from, std::chrono::milliseconds delay) noexcept {
    constexpr std::chrono::milliseconds ten_years = std::chrono::hours{24 * 3650};
    return saturating_add(from, std::clamp(delay, std::chrono::milliseconds{0}, ten_years));
}

/// When to send PING and when to give a peer up: the timers of one connection after its handshake. Reads no
/// clock; the owner reports what happens and asks what is due.
/// \source RFC 37/ZMTP 3.1, "Connection Heartbeating"
class heartbeat {
public:
    enum class action { none, ping, give_up };

    explicit heartbeat(limits const& limits) noexcept
        : interval_{limits.heartbeat_interval},
          timeout_{limits.heartbeat_timeout},
          own_ttl_{limits.heartbeat_ttl} {}

    /// Something arrived, if only one octet.
    void received(instant now) noexcept {
        last_received_ = now;
        waiting_ = false;
        peer_ttl_ = {};
    }

    /// The peer's PING said that it may be given up when it is silent for `ttl`; any later frame ends that.
    void peer_announced(std::chrono::milliseconds ttl) noexcept { peer_ttl_ = ttl; }

    /// A frame of the peer was complete after its PING.
    void peer_spoke() noexcept { peer_ttl_ = {}; }

    /// Something other than PING was queued for the peer.
    void sent() noexcept { ping_is_last_ = false; }

    /// A PING was queued, or one that was queued before has still not left.
    void pinged(instant now) noexcept {
        if (!waiting_ && now >= later(last_received_, interval_)) {
            waiting_ = true;
            waiting_since_ = now;
        }
        pinged_at_ = now;
        ping_is_last_ = true;
    }

    /// A part of what is queued before the end of the last PING has been written: the peer cannot have
    /// answered yet, but it reads.
    void ping_progressed(instant now) noexcept { waiting_since_ = now; }

    /// When `due()` next says something other than `none`; empty for never.
    [[nodiscard]] std::optional<instant> next() const noexcept {
        auto at = give_up_at();
        if (auto const ping = ping_at(); ping && (!at || *ping < *at)) at = ping;
        return at;
    }

    /// What is due at `now`.
    [[nodiscard]] action due(instant now) const noexcept {
        if (auto const at = give_up_at(); at && now >= *at) return action::give_up;
        if (auto const at = ping_at(); at && now >= *at) return action::ping;
        return action::none;
    }

private:
    using ms = std::chrono::milliseconds;

    [[nodiscard]] std::optional<instant> give_up_at() const noexcept {
        std::optional<instant> at;
        if (peer_ttl_ > ms{0}) at = later(last_received_, peer_ttl_);
        if (waiting_ && timeout_ > ms{0}) {
            auto const silent = later(waiting_since_, timeout_);
            if (!at || silent < *at) at = silent;
        }
        return at;
    }

    [[nodiscard]] std::optional<instant> ping_at() const noexcept {
        if (interval_ <= ms{0}) return std::nullopt;
        std::optional<instant> at;
        if (!waiting_) at = later(last_received_, interval_);
        // Our own PING made the peer wait for another frame of ours; where we only listen, none would come.
        if (ping_is_last_ && own_ttl_ > ms{0}) {
            auto const again = later(pinged_at_, std::max(own_ttl_ / 2, ms{1}));
            if (!at || again < *at) at = again;
        }
        return at;
    }

    ms interval_;
    ms timeout_;
    ms own_ttl_;
    ms peer_ttl_{0};
    instant last_received_{};
    instant waiting_since_{};
    instant pinged_at_{};
    bool waiting_ = false;       // a PING is out and nothing came since
    bool ping_is_last_ = false;  // nothing was sent after our last PING
};

}  // namespace fastqueue::zmtp
