#pragma once

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fastqueue::executor::detail {

[[noreturn]] inline void throw_system(char const* what) {
    throw std::system_error{errno, std::system_category(), what};
}

/// Owns a file descriptor.
class descriptor {
public:
    descriptor() noexcept = default;
    explicit descriptor(int fd) noexcept : fd_{fd} {}
    descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~descriptor() { close(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    void close() noexcept {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

private:
    int fd_ = -1;
};

/// Two ends of a connection within the machine, which programs that are begun later do not get.
/// \param type  SOCK_STREAM, or SOCK_SEQPACKET
/// \throws std::system_error
[[nodiscard]] inline std::pair<descriptor, descriptor> connected_pair(int type) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) throw_system("socketpair");
    return {descriptor{ends[0]}, descriptor{ends[1]}};
}

/// A pipe: the end to read, which does not block, and the end to write. \throws std::system_error
[[nodiscard]] inline std::pair<descriptor, descriptor> pipe_pair() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_system("pipe");
    std::pair<descriptor, descriptor> made{descriptor{ends[0]}, descriptor{ends[1]}};
    if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) throw_system("fcntl");
    return made;
}

}  // namespace fastqueue::executor::detail
