#pragma once

#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_id.hpp>

#include <cstdint>
#include <optional>

namespace fastqueue {

/// What happens to a task whose worker was lost while it may have run it.
enum class delivery : std::uint8_t {
    at_least_once,  ///< it is run again
    at_most_once,   ///< it is never run again, and never sent ahead to a busy worker
};

/// What happens to a task whose `unique` key another one has that lives.
enum class on_duplicate : std::uint8_t {
    reject,   ///< it is refused as a `duplicate`
    attach,   ///< it is not run: it gets the other one's result
    replace,  ///< the other one is cancelled if it has not begun; else it is refused
};

/// How a task wants to be treated. Defaults are FQ1's; what is at its default is not sent.
struct task_options {
    std::optional<fastqueue::priority> priority;  ///< none: the port's
    fastqueue::delivery delivery = fastqueue::delivery::at_least_once;
    bool meta = false;              ///< the result carries attempt, worker and times
    bool reply_both = false;        ///< a submit is answered at once and again at the end
    bool retries_said = false;      ///< somebody has said how many, so that it goes before a definition's
    bool retry_delay_said = false;  ///< the same of delay, back-off and longest wait
    bool retry_jitter_said = false;
    std::uint32_t retries = 0;             ///< 0 to 1000: tries after a failure of the handler
    std::uint64_t retry_delay_ms = 1000;   ///< before the first retry
    double retry_backoff = 2;              ///< factor from one retry to the next, 1 to 100
    std::uint64_t retry_max_ms = 600'000;  ///< no wait is longer
    double retry_jitter = 0.1;             ///< 0 to 1: so much of each wait is left to chance
    std::uint64_t soft_timeout_ms = 0;     ///< of one attempt: then the handler is asked to stop; 0: none
    std::uint64_t timeout_ms = 0;          ///< of one attempt: then it ends as `timeout`; 0: none
    std::optional<std::uint64_t> countdown_ms;  ///< not before so long after it was accepted
    std::optional<std::uint64_t> eta_us;        ///< not before this time, microseconds UTC
    std::optional<std::uint64_t> expires_ms;    ///< not begun so long after it was accepted: `expired`
    std::optional<std::uint64_t> expires_us;    ///< not begun at this time, microseconds UTC: `expired`
    std::uint64_t key_hash = 0;  ///< of `key`, for balancing policies that keep a key with a worker
    uuid resent;                 ///< the epoch to which this id was first sent; empty: never before
};

inline constexpr std::uint32_t max_retries = 1000;

}  // namespace fastqueue
