#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/limits.hpp>

#include <chrono>
#include <cstdint>

namespace fastqueue::core {

/// The numbers and addresses of a client.
struct client_options {
    endpoint discovery{"127.0.0.1", 5550};
    std::uint32_t retries =
        3;  ///< dials after the first that may fail before "nobody there"; once there was contact, a
            ///< lost control plane is sought until the calls' own time is over
    std::size_t max_pending = 1'000'000;  ///< operations that may wait for their answers
    fastqueue::limits limits;
    std::uint64_t seed = 0;
};

}  // namespace fastqueue::core
