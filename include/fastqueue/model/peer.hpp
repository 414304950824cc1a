#pragma once

#include <cstdint>
#include <string_view>

namespace fastqueue {

/// Names one connection of one transport, for as long as that transport lives: a number is never used again.
enum class peer_id : std::uint64_t { none = 0 };

/// What a transport knows of a connection when its handshake is done.
struct peer_info {
    std::uint32_t tag = 0;       ///< what `listen` or `dial` was given
    bool accepted = false;       ///< it came to a listener of ours
    bool one_at_a_time = false;  ///< it sends one request and then waits for one reply (REQ)
    bool same_process = false;   ///< both ends live in this process (inproc)
    std::string_view address;    ///< the peer's host as text, without port; valid during the call
};

}  // namespace fastqueue
