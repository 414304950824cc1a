#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/outcome.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_options.hpp>
#include <fastqueue/model/task_state.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue {

/// A task that is about to be sent, as an interceptor sees it.
struct outgoing_task {
    task_id const& id;
    std::string_view name;
    std::string_view arguments;  ///< encoded
    task_options& options;
    std::string& key;
    std::string& traceparent;  ///< W3C trace context, for the worker; empty: none
};

/// How a client is set up.
struct client_options {
    endpoint discovery{"127.0.0.1", 5550};      ///< where the control plane is asked for
    std::chrono::milliseconds timeout{30'000};  ///< for each operation, from its begin to its answer
    std::uint32_t retries = 3;  ///< further dials before "nobody there", as long as there never was contact
    std::uint64_t seed = 0;     ///< of back-off's jitter; 0: random
    /// Sees each task before it is sent and may change how it is treated; on the thread that sends it. What it throws, the
    /// call throws, and nothing is sent.
    std::function<void(outgoing_task&)> before_call = {};
};

/// Where a task stands, as the control plane knows it.
struct task_status {
    task_state state = task_state::queued;
    std::error_code error;  ///< of one that failed
    std::string value;      ///< encoded, or the error's text; empty while there is none
    task_meta meta;
};

/// How many tasks an order to cancel has met.
struct cancelled_tasks {
    std::uint64_t cancelled = 0;      ///< had not begun, and never will
    std::uint64_t asked_to_stop = 0;  ///< were at a worker, which was asked to stop them
};

}  // namespace fastqueue
