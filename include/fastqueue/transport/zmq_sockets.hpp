#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/transport/zmq_monitor.hpp>
#include <fastqueue/transport/zmq_options.hpp>
#include <fastqueue/zmtp/limits.hpp>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <zmq.hpp>

namespace fastqueue::transport::detail {

[[nodiscard]] inline int milliseconds(std::chrono::milliseconds time) noexcept {
    return static_cast<int>(time.count());
}

/// What every socket of ours has. Nothing is kept for who has gone; what waits for a peer we count ourselves.
inline void set_options(::zmq::socket_t& socket, zmq_options const& options) {
    namespace sockopt = ::zmq::sockopt;
    auto const& limits = options.limits;
    socket.set(sockopt::linger, 0);
    socket.set(sockopt::sndhwm, 0);
    socket.set(sockopt::rcvhwm, options.receive_messages);
    socket.set(sockopt::maxmsgsize, static_cast<std::int64_t>(limits.frame_bytes));
    socket.set(sockopt::handshake_ivl, milliseconds(limits.handshake_time));
    socket.set(sockopt::heartbeat_ivl, milliseconds(limits.heartbeat_interval));
    if (limits.heartbeat_interval.count() == 0) return;
    if (limits.heartbeat_timeout.count() != 0)
        socket.set(sockopt::heartbeat_timeout, milliseconds(limits.heartbeat_timeout));
    socket.set(sockopt::heartbeat_ttl, milliseconds(limits.heartbeat_ttl));
}

/// A dialled connection: a DEALER of its own, or a PUSH.
struct zmq_dialled {
    zmq_dialled(::zmq::context_t& context, zmq_options const& options, std::uint64_t name, bool push)
        : socket{context, push ? ::zmq::socket_type::push : ::zmq::socket_type::dealer},
          monitor{context, socket, name} {
        set_options(socket, options);
        // Not ZMQ_IMMEDIATE, and not "never" for reconnecting: both throw away what has come and was not fetched yet when
        // the connection ends. The socket is closed long before this time is over.
        constexpr int never = 3'600'000;
        socket.set(::zmq::sockopt::reconnect_ivl, never);
        if (!push) {
            socket.set(::zmq::sockopt::probe_router, options.probe);
            return;
        }
        // Nobody fetches what a PULL says, so libzmq stops reading it: little is to be held then.
        socket.set(::zmq::sockopt::rcvhwm, 1);
        socket.set(::zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(zmtp::handshake_frame_bytes));
    }
    /// \return whether the address is one
    [[nodiscard]] bool connect(endpoint const& to, bool ipv6) {
        socket.set(::zmq::sockopt::ipv6, ipv6);
        return zmq_connect(socket.handle(), to.text().c_str()) == 0;
    }
    /// There is a connection, or was until a moment ago and is not given up yet.
    [[nodiscard]] bool has_pipe() { return (socket.get(::zmq::sockopt::events) & ZMQ_POLLOUT) != 0; }

    ::zmq::socket_t socket;
    zmq_monitor monitor;
};

/// `host` as libzmq can bind it, which knows no names. May block. Empty where there is no such host.
[[nodiscard]] inline std::string numeric_host(std::string const& host) {
    ::in6_addr ignored{};
    if (host == "*" || ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 || host.find(':') != host.npos)
        return host;
    ::addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    std::string text(NI_MAXHOST, '\0');
    for (int const family : {AF_INET, AF_INET6}) {
        wanted.ai_family = family;
        ::addrinfo* found = nullptr;
        if (::getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) continue;
        std::unique_ptr<::addrinfo, void (*)(::addrinfo*)> const owner{found, &::freeaddrinfo};
        if (::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), NI_MAXHOST, nullptr, 0,
                          NI_NUMERICHOST) == 0)
            return text.c_str();
    }
    return {};
}

/// Binds `socket`.
/// \param[out] bound  as `where`, with the port that it has become; written on success only
/// \return success, `errc::bad_address`, or the system's error
[[nodiscard]] inline std::error_code bind(::zmq::socket_t& socket, endpoint const& where, endpoint& bound) {
    auto const host = numeric_host(where.host);
    if (host.empty()) return errc::bad_address;
    endpoint at{host, where.port};
    socket.set(::zmq::sockopt::ipv6, host == "*" || at.is_ipv6());
    if (zmq_bind(socket.handle(), at.text().c_str()) != 0) return {zmq_errno(), std::system_category()};
    auto const text = socket.get(::zmq::sockopt::last_endpoint);
    bound = endpoint{where.host, make_endpoint(text.c_str()).port};
    return {};
}

/// An address as the other transports tell it: without port, and IPv4 as IPv4.
[[nodiscard]] inline std::string plain_address(std::string_view address) {
    constexpr std::string_view mapped = "::ffff:";
    if (address.starts_with(mapped) && address.find('.') != address.npos)
        address.remove_prefix(mapped.size());
    return std::string{address};
}

/// Both ends of a connection of libzmq's.
struct zmq_ends {
    explicit zmq_ends(int descriptor) {
        ::sockaddr_storage here{};
        ::sockaddr_storage there{};
        ::socklen_t size = sizeof here;
        auto* const own = reinterpret_cast<::sockaddr*>(&here);
        auto* const other = reinterpret_cast<::sockaddr*>(&there);
        if (::getsockname(descriptor, own, &size) != 0) return;
        auto const mine = text(own, size);
        size = sizeof there;
        if (::getpeername(descriptor, other, &size) != 0) return;
        auto const its = text(other, size);
        address = plain_address(its.substr(0, its.find(' ')));
        is_echo = mine == its;
    }
    std::string address;
    bool is_echo = false;  ///< a dial to a free port of this host has met itself

private:
    [[nodiscard]] static std::string text(::sockaddr const* of, ::socklen_t size) {
        char host[NI_MAXHOST];
        char port[NI_MAXSERV];
        if (::getnameinfo(of, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) !=
            0)
            return {};
        return std::string{host} + ' ' + port;
    }
};

/// Why a handshake failed, as the other transports name it.
[[nodiscard]] inline errc handshake_trouble(zmq_event const& event) noexcept {
    if (event.what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return errc::peer_error;
    if (event.what != ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) return errc::connection_lost;
    switch (event.value) {
        case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
            return errc::mechanism_mismatch;
        case ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA:
            return errc::bad_metadata;
        default:
            return errc::bad_command;
    }
}

}  // namespace fastqueue::transport::detail
