#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/programs.hpp"
#include "benchmarks/redis_server.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

// Celery on redis, broker and results: its workers and those who submit are Python programs (celery_app.py), which say what
// ours say.
namespace bench::celery {

inline constexpr auto program = FASTQUEUE_BENCHMARK_SOURCES "/celery_app.py";
inline constexpr auto python = "/usr/bin/python3";  // the one that the system's packages are for

[[nodiscard]] inline bool is_there() {
    if (!redis::is_there() || find_program(python).empty() || ::access(program, R_OK) != 0) return false;
    process search{[](channel& talk) {
        become({python, "-c",
                "import importlib.util as i; print(all(map(i.find_spec, ('celery', 'redis'))), flush=True)"},
               &talk);
    }};
    return search.talk().hear(30) == "True";
}

/// Results stay until the room is needed: nobody forgets them.
inline void serve(channel& talk, std::filesystem::path const&) {
    redis::serve(talk, {"--maxmemory", "1gb", "--maxmemory-policy", "volatile-ttl"});
}

inline void work(channel& talk, std::string const& port, std::size_t) {
    become({python, program, "work", port}, &talk);
}

inline void submit(channel& talk, std::string const& port, share const& part, double seconds) {
    become({python, program, "submit", port, std::to_string(part.in_flight), std::to_string(part.payload),
            std::to_string(seconds)},
           &talk);
}

}  // namespace bench::celery
