#pragma once

#include <fastqueue/zmtp/limits.hpp>

#include <chrono>
#include <cstdint>

namespace fastqueue::transport {

/// The numbers of a `zmq` transport.
struct zmq_options {
    zmtp::limits limits{};                   ///< what each connection may do
    std::uint32_t max_connections = 16'384;  ///< accepted ones beyond are closed at once
    std::chrono::milliseconds connect_time{
        5000};  ///< for a name's look-up and the connection, by IPv4 and by IPv6 each
    std::chrono::milliseconds linger{1000};  ///< how long `close` and `stop` wait for a peer to read
    int receive_messages = 64;  ///< whole messages that libzmq may read ahead for each peer; at least 1
    int backlog = 1024;         ///< connections that the system may hold before libzmq accepts
    /// Whether a dial says a message of one empty frame first (ZMQ_PROBE_ROUTER), which FQ1's roles ignore. A `zmq` listener
    /// knows of the connection by it, where it would otherwise not before the peer has something to say.
    bool probe = true;
};

}  // namespace fastqueue::transport
