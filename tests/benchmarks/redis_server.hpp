#pragma once

#include "benchmarks/programs.hpp"

#include <string>
#include <utility>
#include <vector>

// The redis-server of the system, without files: of redis' own case, and of those that use it.
namespace bench::redis {

/// Whether there is one to be started.
[[nodiscard]] inline bool is_there() { return !find_program("redis-server").empty(); }

inline void serve(channel& talk, std::vector<std::string> const& more = {}) {
    auto const port = free_port();
    talk.say(port);
    std::vector<std::string> words{"redis-server", "--port", port,    "--bind", "127.0.0.1", "--save", "",
                                   "--appendonly", "no",     "--dir", "/tmp"};
    words.insert(words.end(), more.begin(), more.end());
    become(std::move(words));
}

}  // namespace bench::redis
