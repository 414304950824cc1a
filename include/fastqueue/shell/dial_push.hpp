#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/policy/transport.hpp>

#include <cstdint>

namespace fastqueue::shell {

/// Dials a PULL socket where the transport can; `peer_id::none` where it cannot, and then nothing follows.
template <class Transport>
[[nodiscard]] peer_id dial_push(Transport& transport, endpoint const& to, std::uint32_t tag) {
    if constexpr (policy::dials_as_push<Transport>)
        return transport.dial_push(to, tag);
    else
        return peer_id::none;
}

}  // namespace fastqueue::shell
