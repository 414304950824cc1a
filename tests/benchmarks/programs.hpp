#pragma once

#include "benchmarks/processes.hpp"
#include "benchmarks/stream.hpp"

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

// Servers that are programs of the system: where they are, how a process becomes one.
namespace bench {

/// Its path; empty: it is not installed. Servers may lie where only root looks.
[[nodiscard]] inline std::string find_program(std::string const& name) {
    if (name.starts_with('/')) return ::access(name.c_str(), X_OK) == 0 ? name : std::string{};
    auto const* const path = std::getenv("PATH");
    std::istringstream folders{std::string{path == nullptr ? "" : path} + ":/usr/sbin"};
    for (std::string folder; std::getline(folders, folder, ':');) {
        auto const at = folder + '/' + name;
        if (::access(at.c_str(), X_OK) == 0) return at;
    }
    return {};
}

/// A port that nobody listens on now; the server that is told it takes it.
[[nodiscard]] inline std::string free_port() {
    std::string port;
    static_cast<void>(listen_somewhere(port));
    return port;
}

/// This process becomes the program, and keeps its number. It is silent, but for what it says on `talk`, its standard
/// input and output.
[[noreturn]] inline void become(std::vector<std::string> words, channel* talk = nullptr) {
    auto const path = find_program(words[0]);
    descriptor const nowhere{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    for (int const standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere.get(), standard);
    if (talk != nullptr) talk->become_standard();
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(path.c_str(), arguments.data());
    fail(words[0]);
}

}  // namespace bench
