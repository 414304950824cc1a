#pragma once

#include <fastqueue/transport/zmtp_peer.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

namespace fastqueue::transport {

/// The addresses of one dial, tried one after another.
struct tcp_dial {
    std::vector<asio::ip::tcp::endpoint> addresses;
    std::size_t next = 0;
    bool refused = false;       // an address answered that nobody listens
    bool unanswered = false;    // an address did not answer at all: somebody may live there
    std::uint32_t attempt = 0;  // so that the end of an attempt that was given up is told from this one's
};

/// One peer of a `tcp` transport: its ZMTP connection, its socket, and what the loop has to remember of them.
struct tcp_connection : zmtp_peer {
    tcp_connection(asio::io_context& io, peer_stage begun, std::uint32_t tag_of_it)
        : zmtp_peer{begun, tag_of_it}, socket{io} {}

    asio::ip::tcp::socket socket;
    std::unique_ptr<tcp_dial> dial;  // until it is connected
    bool guarded = false;            // counted among the unfinished handshakes
    bool reading = false;            // a wait for octets is under way
    bool writing = false;            // a wait for room is under way
    bool paused = false;             // not read from, since it does not read
    bool shut = false;               // our end is closed
    bool write_broken = false;       // the rest of what it sent is still to be read

    [[nodiscard]] std::uint64_t queued() const noexcept { return zmtp && !write_broken ? zmtp->queued() : 0; }
    [[nodiscard]] std::string_view pending() const noexcept {
        return zmtp && !write_broken ? zmtp->pending() : std::string_view{};
    }
    void disconnect() noexcept {
        std::error_code ignored;
        socket.close(ignored);
    }
};

}  // namespace fastqueue::transport
