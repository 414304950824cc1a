#pragma once

#include <fastqueue/model/peer.hpp>

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdint>
#include <utility>

namespace fastqueue::transport::detail {

/// One accepted connection of libzmq's, by a descriptor of our own for the same socket: libzmq has no call that ends one
/// connection of a ROUTER, and its own descriptor's number may belong to another socket at any time. Linux.
class zmq_link {
public:
    /// \param descriptor  libzmq's
    explicit zmq_link(int descriptor)
        : theirs_{descriptor},
          own_{::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)},
          socket_{socket_behind(own_ < 0 ? theirs_ : own_)} {}
    zmq_link(zmq_link const&) = delete;
    zmq_link& operator=(zmq_link const&) = delete;
    ~zmq_link() { let_go(); }

    peer_id peer{};                ///< whose it is, once that is known
    std::uint64_t quiet_from = 0;  ///< the round of its listener from which on nothing of it can be new
    bool wanted = true;            ///< else it is cut, and the sink hears nothing of it

    /// The peer's system has all that was written.
    [[nodiscard]] bool is_written() const noexcept {
        int left = 0;
        return own_ < 0 || ::ioctl(own_, SIOCOUTQ, &left) != 0 || left == 0;
    }
    /// libzmq meets an end where it reads next, after it has written what it holds: in a round of its loop it writes first.
    void finish() const noexcept {
        if (own_ >= 0) ::shutdown(own_, SHUT_RD);
    }
    /// Ends it at once.
    void cut() const noexcept {
        if (own_ >= 0) ::shutdown(own_, SHUT_RDWR);
    }

    /// libzmq says that it has ended. The peer is told so only when the last descriptor is closed.
    void has_ended() noexcept {
        ended_ = true;
        let_go();
    }
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    /// libzmq hands on what it has read from a connection after it has said that it has ended, and before it closes it.
    [[nodiscard]] bool is_handed_on() const noexcept { return ended_ && socket_behind(theirs_) != socket_; }

private:
    [[nodiscard]] static std::uint64_t socket_behind(int descriptor) noexcept {
        struct ::stat about {};
        return ::fstat(descriptor, &about) == 0 ? static_cast<std::uint64_t>(about.st_ino) : 0;
    }
    void let_go() noexcept {
        if (own_ >= 0) ::close(std::exchange(own_, -1));
    }

    int theirs_;
    int own_;
    std::uint64_t socket_;  // by its inode, which no other open socket has
    bool ended_ = false;
};

}  // namespace fastqueue::transport::detail
