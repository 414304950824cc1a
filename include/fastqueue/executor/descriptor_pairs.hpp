#pragma once

#include <fastqueue/model/descriptor.hpp>

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

using fastqueue::detail::descriptor;

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
