#pragma once

#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/zmtp/connection.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace fastqueue::transport {

/// Where a peer is in its life. The order matters: from `closing` on, the sink hears no more of it but the
/// end of a lost one.
enum class peer_stage : std::uint8_t {
    resolving,
    connecting,
    handshaking,
    ready,
    closing,  ///< what is queued is written, then it ends
    lost,     ///< it has ended inside a call of the sink's: `closed` is told next turn
    gone      ///< it has ended, the object goes at the end of the turn
};

/// What transports that speak ZMTP over a byte stream know of one peer.
struct zmtp_peer {
    zmtp_peer(peer_stage begun, std::uint32_t tag_of_it) : stage{begun}, tag{tag_of_it} {}

    std::optional<zmtp::connection> zmtp;  // once there is a stream
    std::string address;
    peer_id id{};
    instant limit{};         // of resolving, connecting and closing
    std::error_code reason;  // why it is lost
    peer_stage stage;
    std::uint32_t tag;
    bool accepted = false;
    bool pushes = false;   // a dialled one: it is sent to and not heard
    bool touched = false;  // in the list of those to be looked after at the end of the turn

    /// Octets may flow.
    [[nodiscard]] bool connected() const noexcept {
        return stage == peer_stage::handshaking || stage == peer_stage::ready ||
               (stage == peer_stage::closing && zmtp.has_value());
    }
    /// The sink waits to be told of its end.
    [[nodiscard]] bool known_to_sink() const noexcept {
        if (stage >= peer_stage::closing) return false;
        return stage == peer_stage::ready || !accepted;
    }
    [[nodiscard]] std::optional<instant> next_deadline() const noexcept {
        switch (stage) {
            case peer_stage::resolving:
            case peer_stage::connecting:
            case peer_stage::closing:
                return limit;
            case peer_stage::handshaking:
            case peer_stage::ready:
                return zmtp->next_deadline();
            case peer_stage::lost:
            case peer_stage::gone:
                break;
        }
        return std::nullopt;
    }
    /// Listeners are ROUTER, dialled connections DEALER or PUSH.
    void begin_handshake(zmtp::limits const& limits, instant now) {
        zmtp::connection_options options;
        options.type = accepted ? zmtp::socket_type::router
                       : pushes ? zmtp::socket_type::push
                                : zmtp::socket_type::dealer;
        options.accepted = accepted;
        options.limits = limits;
        zmtp.emplace(std::move(options), now);
        stage = peer_stage::handshaking;
    }
    /// After the handshake.
    [[nodiscard]] peer_info info() const noexcept {
        return {.tag = tag,
                .accepted = accepted,
                .one_at_a_time = zmtp->peer_type() == zmtp::socket_type::req,
                .same_process = false,
                .address = address};
    }
};

}  // namespace fastqueue::transport
