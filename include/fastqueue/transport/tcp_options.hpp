#pragma once

#include <fastqueue/policy/spin.hpp>
#include <fastqueue/zmtp/connection.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fastqueue::transport {

/// The numbers of a `tcp` transport.
struct tcp_options {
    zmtp::limits limits{};                         ///< what each connection may do
    std::uint32_t max_connections = 16'384;        ///< accepted ones beyond are closed at once
    std::uint32_t max_handshakes = 1024;           ///< unfinished handshakes of accepted connections, in all
    std::uint32_t max_handshakes_a_host = 256;     ///< and from one address
    std::chrono::milliseconds connect_time{5000};  ///< for resolving a name, and for each address it has
    std::chrono::milliseconds linger{1000};        ///< how long `close` and `stop` wait for a peer to read
    std::size_t read_bytes = 256U << 10U;          ///< of the one buffer that all connections read into
    std::size_t read_pause_bytes = 4U << 20U;  ///< a peer that leaves more than this unread is not read from
    std::chrono::microseconds spin = policy::usual_spin;  ///< how long `run` looks for more before it sleeps
    int backlog = 1024;  ///< connections that the system may hold before we accept
};

}  // namespace fastqueue::transport
