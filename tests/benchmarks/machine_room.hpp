#pragma once

#include "benchmarks/processes.hpp"

#include <chrono>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

// What the machine has room for: a step that does not fit is left out, and said to be.
namespace bench {

/// The processor time of the calling thread: what others take of the machine meanwhile is not in it. To ask costs some
/// hundred nanoseconds.
struct processor_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<processor_clock>;
    static constexpr bool is_steady = true;

    [[nodiscard]] static time_point now() noexcept {
        ::timespec spent{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
        return time_point{std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec}};
    }
};

/// Octets of memory that can be had without swapping.
[[nodiscard]] inline std::uint64_t memory_available() {
    std::ifstream told{"/proc/meminfo"};
    std::string word;
    std::uint64_t kib = 0;
    while (told >> word) {
        if (word == "MemAvailable:" && told >> kib) return kib * 1024;
    }
    return 0;
}

/// Octets of memory that a process takes; "self" is this one.
[[nodiscard]] inline std::uint64_t resident_octets(std::string const& id = "self") {
    std::ifstream told{"/proc/" + id + "/statm"};
    std::uint64_t size = 0;
    std::uint64_t pages = 0;
    told >> size >> pages;
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// Lets this process, and those forked from it, open as many files as the system allows.
/// \return how many that is
inline std::uint64_t raise_descriptors() {
    ::rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("setrlimit");
    return limit.rlim_cur;
}

/// Ports that connections to one address can be made from.
[[nodiscard]] inline std::uint64_t ephemeral_ports() {
    std::ifstream told{"/proc/sys/net/ipv4/ip_local_port_range"};
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    return told >> first >> last ? last - first + 1 : 28'232;
}

}  // namespace bench
