#pragma once

#include <fastqueue/policy/transport.hpp>

#include <cstdint>

namespace fastqueue::shell {

/// How many octets are on their way to `peer` already, as far as the transport tells; else 0.
template <class Transport>
[[nodiscard]] std::uint64_t queued(Transport const& transport, peer_id peer) noexcept {
    if constexpr (policy::tells_queue<Transport>)
        return transport.queued(peer);
    else
        return 0;
}

}  // namespace fastqueue::shell
