#pragma once

#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/wire/run_message.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace fastqueue::core {

/// One run at a worker. Pooled; while its handler runs, the handler's thread reads what is above the line.
struct run_record {
    wire::lease_name lease;
    priority level = priority::normal;
    std::string name;
    std::string arguments;
    std::string content;
    std::string traceparent;
    // ---- the loop's own
    std::uint64_t sequence = 0;
    std::uint32_t previous = none;
    std::uint32_t next = none;
    std::uint64_t soft_timeout_ms = 0;
    std::uint64_t timeout_ms = 0;
    bool begun = false;      ///< told to the control plane, and so in the list of those that run
    bool dropped = false;    ///< its lease is gone: its end is told to nobody
    bool overtime = false;   ///< it went over its hard limit: whatever comes of it is `timeout`
    bool given_up = false;   ///< the worker ends, and waits for it no longer
    bool cancelled = false;  ///< somebody asked to stop it
    bool stuck =
        false;  ///< its time is over and it does not return: it has been answered, and another has its place
    bool overdue = false;  ///< the same, and nobody could take its place so far
    instant limit_at{};    ///< of its attempt, where there is one
};

/// How a handler ended, as the shell tells it.
struct run_result {
    wire::run_end end = wire::run_end::success;
    errc code = errc::handler_error;
    bool final = false;
    std::optional<std::uint64_t> retry_after_ms;
    std::uint64_t took_us = 0;
};

/// What a worker wants its shell to do with an executor.
struct run_action {
    enum class kind : std::uint8_t {
        execute,  ///< hand it to the executor
        retract,  ///< take it back if it has not begun, and say so by `retracted`
        stop,     ///< let its stop token fire
        end,      ///< its time is over: end what runs it, where that can be done; else as `stop`
        replace,  ///< it does not return: have another take its place, and say by `stuck` whether that was done
    };
    kind what;
    std::uint32_t run;
};

}  // namespace fastqueue::core
