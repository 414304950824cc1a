#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fastqueue::zmtp {

/// Largest body of a frame that arrives before the handshake is done, in bytes. CURVE's commands fit.
inline constexpr std::uint64_t handshake_frame_bytes = 4096;

/// What one connection takes from its peer and keeps for it. A breach closes the connection.
/// The defaults suit FastQueue's roles; a duration of zero turns that timer off.
struct limits {
    /// Largest frame body, in bytes, received or sent.
    std::uint64_t frame_bytes = (16U << 20U) + (64U << 10U);
    /// Largest sum of the frame bodies of one message, in bytes, received or sent.
    std::uint64_t message_bytes = 64U << 20U;
    /// Most frames in one message, received or sent. Empty frames cost nothing on the wire but memory here.
    std::uint32_t message_frames = 131'080;
    /// Most bytes that may wait in `pending()`: the largest message with its frame headers fits once.
    std::uint64_t send_queue_bytes = 72U << 20U;
    /// From construction (accepted or connected) to READY; trickled octets do not extend it.
    std::chrono::milliseconds handshake_time{30'000};
    /// A PING goes out when nothing was received for so long. Zero: never.
    std::chrono::milliseconds heartbeat_interval{5'000};
    /// The connection ends when after that PING nothing at all was received for so long; any octet counts as
    /// life. Zero: never.
    std::chrono::milliseconds heartbeat_timeout{15'000};
    /// Told to the peer in PING: it may close when it hears nothing for so long. Rounded up to 100 ms, at
    /// most 65.5 s (libzmq multiplies it in 16 bits). Zero: none.
    std::chrono::milliseconds heartbeat_ttl{30'000};
};

}  // namespace fastqueue::zmtp
