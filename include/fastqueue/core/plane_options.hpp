#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/limits.hpp>
#include <fastqueue/model/task_id.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace fastqueue::core {

/// What a control plane does with a task whose name no worker has announced.
enum class unknown_tasks : std::uint8_t {
    automatic,  ///< waits while it may still be announced (shortly after the start, before anybody has), then
                ///< refuses
    wait,
    refuse,
};

/// What listens where; also the tag of each listener.
enum class port_role : std::uint32_t { critical, high, normal, low, results, management, discovery, link };

/// The numbers and names of a control plane. Each has the default that the worker guide states.
struct plane_options {
    std::string id = "control-plane";
    std::string base;  ///< the addresses that discovery gives, as text
    std::string management;
    std::string results;
    std::vector<std::uint16_t> task_ports;  ///< critical to low, where they are not base ... base + 3
    std::uint32_t result_cache_size = 10'000;
    std::uint64_t result_cache_octets = 256ULL << 20U;
    std::chrono::seconds result_cache_ttl{3600};
    std::uint32_t id_ledger_size = 1'000'000;  ///< ids of ended tasks that are remembered
    std::chrono::milliseconds heartbeat{5'000};
    std::chrono::milliseconds inactive{30'000};
    std::chrono::milliseconds grace{1'000};  ///< a worker whose session broke may come back in it
    std::uint32_t max_deaths = 3;
    std::uint32_t max_dead_letters = 10'000;  ///< tasks that failed and are kept to be looked at
    std::uint64_t max_dead_octets = 64ULL << 20U;
    std::chrono::milliseconds reunion{10'000};  ///< after a restart workers may say in it what they still run
    std::uint64_t waiting_octets = 256ULL << 20U;  ///< of arguments in memory, where a store has them as well
    core::unknown_tasks unknown_names = core::unknown_tasks::automatic;
    bool has_local_worker = false;
    std::vector<std::string> worker_allow;    ///< hosts that a worker may name, beside loopback and its own
    std::vector<std::string> callback_allow;  ///< hosts that a callback may name, beside loopback
    fastqueue::limits limits;
    std::uint64_t seed = 0;      ///< of jitter and tables
    bool ids_from_seed = false;  ///< those of periodic tasks, for simulations; else nobody can guess them
    std::string version;
};

}  // namespace fastqueue::core
