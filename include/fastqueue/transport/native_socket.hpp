#pragma once

#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <string>
#include <system_error>

#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace fastqueue::transport::detail {

// Asio's own calls make sockets that a child process inherits, which would keep a dead worker's connections
// open: here they are closed at exec, where the system can do that without a gap between two calls.

[[nodiscard]] inline std::error_code last_socket_error() noexcept { return {errno, std::system_category()}; }

/// Opens `socket` (a socket or an acceptor) for the family of `protocol`, non-blocking.
template <class Socket>
[[nodiscard]] std::error_code open_socket(Socket& socket, asio::ip::tcp protocol) {
    std::error_code ec;
#if defined(__linux__)
    int const fd = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return last_socket_error();
    socket.assign(protocol, fd, ec);
    if (ec) {
        ::close(fd);
        return ec;
    }
#else
    socket.open(protocol, ec);
    if (ec) return ec;
#if !defined(_WIN32)
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
#endif
#endif
    socket.non_blocking(true, ec);
    return ec;
}

/// Takes one waiting connection from `acceptor`, which is non-blocking.
/// \return success; `std::errc::operation_would_block` where none waits; else the system's error
[[nodiscard]] inline std::error_code accept_socket(asio::ip::tcp::acceptor& acceptor,
                                                   asio::ip::tcp::socket& socket,
                                                   asio::ip::tcp::endpoint& from) {
    std::error_code ec;
#if defined(__linux__)
    auto length = static_cast<::socklen_t>(from.capacity());
    int const fd = ::accept4(acceptor.native_handle(), from.data(), &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return last_socket_error();
    from.resize(length);
    socket.assign(from.protocol(), fd, ec);
    if (ec) {
        ::close(fd);
        return ec;
    }
#else
    acceptor.accept(socket, from, ec);
    if (ec) return ec;
#if !defined(_WIN32)
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
#endif
#endif
    socket.non_blocking(true, ec);
    return ec;
}

/// What every connection wants: small messages leave at once, for a turn already makes one write of many.
inline void set_no_delay(asio::ip::tcp::socket& socket) noexcept {
    std::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay{true}, ignored);
}

/// The address as text; an IPv4 address that came through an IPv6 socket as IPv4.
[[nodiscard]] inline std::string address_text(asio::ip::address address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    return address.to_string();
}

}  // namespace fastqueue::transport::detail
