#pragma once

#include <fastqueue/policy/spin.hpp>

#include <chrono>
#include <cstdint>

namespace fastqueue::store {

/// How a store in a file works. The defaults serve; tests and odd disks change them.
struct sqlite_options {
    std::chrono::milliseconds linger{20};      ///< so long may a write that nobody waits for wait for company
    std::uint32_t batch_operations = 4096;     ///< as many end that wait
    std::uint64_t batch_octets = 1ULL << 20U;  ///< so do as many octets
    std::uint64_t max_pending_octets = 64ULL << 20U;  ///< not yet committed: above, the disk is too slow
    std::uint64_t reserve_octets = 32ULL << 20U;  ///< left free for ends, but an eighth of the disk at most
    std::uint64_t checkpoint_octets = 32ULL << 20U;  ///< of the log, before it goes into the file
    std::uint64_t cache_octets = 64ULL << 20U;
    std::chrono::microseconds spin =
        policy::usual_spin;  ///< how long its thread looks for more before it sleeps
};

}  // namespace fastqueue::store
