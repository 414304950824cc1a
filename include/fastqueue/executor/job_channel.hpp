#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/uio.h>

namespace fastqueue::executor::detail {

/// What goes between an executor and a child of it: a number, a length, and so many octets.
struct frame_head {
    std::uint64_t serial = 0;
    std::uint64_t size = 0;
};

/// With this bit a frame's number is that of a job that goes on: it tells of its progress.
inline constexpr std::uint64_t progress_bit = std::uint64_t{1} << 63U;

/// Larger frames are nobody's.
inline constexpr std::uint64_t most_frame_octets = std::uint64_t{1} << 32U;

/// \param wait  called when nothing is there, if `flags` is MSG_DONTWAIT; false: nothing will come
/// \return false if the other side has gone
template <class Wait>
[[nodiscard]] bool receive_octets(int fd, void* to, std::size_t size, int flags, Wait&& wait) noexcept {
    auto* at = static_cast<char*>(to);
    while (size > 0) {
        auto const n = ::recv(fd, at, size, flags);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN && wait()) continue;
        if (n <= 0) return false;
        at += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}
/// Waits for as long as it takes.
[[nodiscard]] inline bool receive_octets(int fd, void* to, std::size_t size) noexcept {
    return receive_octets(fd, to, size, 0, [] { return false; });
}

/// \return false if the other side has gone
[[nodiscard]] inline bool send_frame(int fd, std::uint64_t serial, std::string_view octets) noexcept {
    frame_head head{serial, octets.size()};
    std::array<::iovec, 2> pieces{{{&head, sizeof head}, {const_cast<char*>(octets.data()), octets.size()}}};
    ::msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    while (message.msg_iovlen > 0) {
        auto const n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        auto sent = static_cast<std::size_t>(n);
        for (; message.msg_iovlen > 0 && sent >= message.msg_iov->iov_len; --message.msg_iovlen)
            sent -= message.msg_iov++->iov_len;
        if (message.msg_iovlen == 0) break;
        message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + sent;
        message.msg_iov->iov_len -= sent;
    }
    return true;
}

/// Room is made for what has come, not for what the other side says: it may be out of its mind.
/// \param receive  `receive(to, size)`: false if the other side has gone
/// \param right    whether a frame with this number is wanted; what follows another one is not read
/// \return false if the other side has gone, or sent another frame
/// \throws std::bad_alloc
template <class Receive, class Right>
[[nodiscard]] bool receive_frame(Receive&& receive, Right&& right, std::string& octets) {
    constexpr std::uint64_t piece = 1U << 20U;
    frame_head head;
    octets.clear();
    if (!receive(&head, sizeof head) || !right(head.serial) || head.size > most_frame_octets) return false;
    while (octets.size() < head.size) {
        auto const have = octets.size();
        auto const more = static_cast<std::size_t>(std::min(piece, head.size - have));
        octets.resize(have + more);
        if (!receive(octets.data() + have, more)) return false;
    }
    return true;
}

}  // namespace fastqueue::executor::detail
