#pragma once

#include <fastqueue/model/time.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue::testing {

/// A life of a simulated machine's process: a restarted node is a new one with the same name.
enum class node_id : std::uint32_t { none = 0 };
/// One user of the network within a node. Never used again.
enum class host_id : std::uint32_t { none = 0 };
/// One end of a byte stream between two hosts. Never used again.
enum class stream_id : std::uint64_t { none = 0 };

/// How octets travel between two nodes.
struct link_options {
    std::chrono::nanoseconds least_delay{std::chrono::microseconds{50}};
    std::chrono::nanoseconds most_delay{std::chrono::microseconds{500}};
    std::size_t window_bytes =
        256U << 10U;  ///< that one direction of a stream holds until they are delivered
};

/// What a simulated network tells one of its users; `transport::simulated` is one. Never called from within a
/// call to the network.
class simulated_host {
public:
    simulated_host() = default;
    simulated_host(simulated_host const&) = delete;
    simulated_host& operator=(simulated_host const&) = delete;
    virtual ~simulated_host() = default;

    /// Somebody on the node called `from` has dialled a listener of this host.
    virtual void accepted(stream_id stream, std::uint32_t tag, std::string_view from) = 0;
    /// A dial has succeeded.
    virtual void connected(stream_id stream) = 0;
    virtual void bytes(stream_id stream, std::string_view octets) = 0;
    /// Some of what was written has been delivered, so that more can be.
    virtual void room(stream_id stream) = 0;
    /// A dial has failed or the stream has ended, and is not there any more.
    virtual void ended(stream_id stream, std::error_code why) = 0;
    /// The time asked for has come.
    virtual void alarm() = 0;
    /// All that happened at this moment has been told.
    virtual void turn() = 0;
};

namespace detail {

struct simulated_chunk {
    instant at;
    std::string octets;
    bool last = false;  // the stream's end
};

/// One direction of a stream.
struct simulated_flow {
    std::deque<simulated_chunk> flight;
    std::size_t flying_bytes = 0;
    instant latest{};        // when the last of them arrives: none overtakes another
    bool scheduled = false;  // an event for the first of them is under way
    bool blocked = false;    // the writer was told that there is no room
    bool ended = false;
};

struct simulated_stream_state {
    std::array<host_id, 2> host{};  // of the dialler and of the acceptor; none: it has let go
    std::array<node_id, 2> node{};
    std::array<simulated_flow, 2> flow;  // [0] is written by the dialler
    bool connected = false;
};

}  // namespace detail

}  // namespace fastqueue::testing
