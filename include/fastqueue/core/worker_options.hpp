#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/limits.hpp>
#include <fastqueue/model/task_id.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// The numbers and names of a worker.
struct worker_options {
    std::string id;
    uuid incarnation;
    std::uint32_t concurrency = 1;  ///< handlers that run at once, 1 to 1024
    std::uint32_t window = 512;     ///< runs that may be here at once; never less than `concurrency`
    std::uint32_t weight = 1;
    endpoint control_plane{"127.0.0.1", 5555};
    std::optional<endpoint> discovery;   ///< where to ask for the management port first
    std::optional<endpoint> management;  ///< known already: discovery is not asked
    std::optional<endpoint> address;     ///< where its own ports are; none: runs come over its connection
    std::optional<std::array<std::uint16_t, 4>> ports;
    std::vector<std::string> tasks;
    std::vector<std::pair<std::string, std::string>> defaults;  ///< of tasks, as a header has them
    std::vector<std::string> contents{"json"};
    struct schedule {
        std::string tokens;  ///< behind the verb, with a space before each
        std::string arguments;
    };
    std::vector<schedule> schedules;  ///< declared to each control plane that it registers with
    std::chrono::milliseconds cancel_grace{10'000};   ///< a handler that was asked to stop has so long
    std::chrono::milliseconds taken_patience{5'000};  ///< how long it asks again when its name is taken
    std::string host;
    std::uint64_t pid = 0;
    std::string version;
    fastqueue::limits limits;
    std::uint64_t seed = 0;
};

}  // namespace fastqueue::core
