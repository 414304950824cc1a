#pragma once

#include <fastqueue/testing/simulated_executor.hpp>
#include <fastqueue/testing/simulated_store.hpp>
#include <fastqueue/testing/simulated_stream.hpp>
#include <fastqueue/transport/simulated.hpp>

#include <chrono>
#include <cstdint>

namespace fastqueue::testing {

/// A bundle's choices with network, time, threads and disk replaced.
template <class Policies>
struct simulated_policies : Policies {
    using transport_policy = transport::simulated;
    using executor_policy = simulated_executor;
    using store_policy = simulated_store;
};

/// How a simulated system is set up. Times are virtual.
struct simulated_system_options {
    std::uint32_t workers = 2;
    std::uint32_t concurrency = 1;  ///< of each worker
    std::uint32_t clients = 1;
    std::chrono::microseconds run_least{
        100};  ///< how long a handler takes; it is called at the end of that time
    std::chrono::microseconds run_most{20'000};
    bool handlers_first = false;  ///< it is called at the beginning, so that its progress is told
    std::chrono::microseconds commit_least{100};  ///< how long the control plane's disk takes
    std::chrono::microseconds commit_most{5'000};
    std::chrono::milliseconds down_least{1};  ///< how long a storm leaves down what it has crashed
    std::chrono::milliseconds down_most{2'000};
    std::chrono::milliseconds client_timeout{3'600'000};
    std::uint32_t max_deaths = 1000;  ///< a storm kills more often than a year in production
    link_options link = {};
};

/// What happens in a storm.
struct storm_options {
    std::chrono::milliseconds duration{3'000};
    std::uint32_t faults = 10;
    bool cuts = true;        ///< connections break
    bool crashes = true;     ///< workers die, also at a `crash_point`, and are started again
    bool restarts = true;    ///< the control plane dies, and is started again on its disk
    bool partitions = true;  ///< nothing arrives for a while
    bool pauses = true;      ///< a worker stands still for a while
};

/// Thrown by `crash_point` where the worker dies: it ends the handler, as the end of its process would. No std::exception,
/// so that a handler does not take it for one of its own.
struct simulated_crash {};

}  // namespace fastqueue::testing
