#pragma once

#include <fastqueue/model/endpoint.hpp>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

// Who listens on a port, as far as Linux tells a user without rights: only of processes of his own.

namespace fastqueue::cli {

namespace detail {

/// The inodes of the sockets that listen on a port, from /proc/net/tcp and tcp6.
[[nodiscard]] inline std::vector<std::string> listening_inodes(std::uint16_t port) {
    constexpr std::string_view listens = "0A";
    std::vector<std::string> found;
    for (auto const* const file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream lines{file};
        std::string line;
        std::getline(lines, line);  // the head
        while (std::getline(lines, line)) {
            std::istringstream words{line};
            std::string number, local, remote, state, queues, timer, retransmits, user, timeout, inode;
            words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
                timeout >> inode;
            auto const hex = std::string_view{local}.substr(local.find(':') + 1);
            std::uint16_t here = 0;
            std::from_chars(hex.data(), hex.data() + hex.size(), here, 16);
            if (state == listens && here == port && !inode.empty()) found.push_back(inode);
        }
    }
    return found;
}

/// Whether a process has one of the sockets open; false where that may not be seen.
[[nodiscard]] inline bool has_socket(std::filesystem::path const& process,
                                     std::vector<std::string> const& inodes) {
    std::error_code unseen;
    std::filesystem::directory_iterator files{process / "fd", unseen};
    for (; !unseen && files != std::filesystem::directory_iterator{}; files.increment(unseen)) {
        std::error_code gone;
        auto const target = std::filesystem::read_symlink(files->path(), gone).string();
        for (auto const& inode : inodes) {
            if (target == "socket:[" + inode + "]") return true;
        }
    }
    return false;
}

}  // namespace detail

/// `process 4711 (fastqueue)`, or `another process` where that cannot be seen.
[[nodiscard]] inline std::string holder_of(endpoint const& at) {
    std::string const unknown = "another process";
    auto const inodes = detail::listening_inodes(at.port);
    if (inodes.empty()) return unknown;
    std::error_code unseen;
    std::filesystem::directory_iterator processes{"/proc", unseen};
    for (; !unseen && processes != std::filesystem::directory_iterator{}; processes.increment(unseen)) {
        auto const id = processes->path().filename().string();
        if (id.find_first_not_of("0123456789") != id.npos || !detail::has_socket(processes->path(), inodes))
            continue;
        std::ifstream file{processes->path() / "comm"};
        std::string name;
        std::getline(file, name);
        return "process " + id + (name.empty() ? "" : " (" + name + ")");
    }
    return unknown;
}

}  // namespace fastqueue::cli
