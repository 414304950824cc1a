#pragma once

#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/hash.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_options.hpp>
#include <fastqueue/model/task_state.hpp>
#include <fastqueue/policy/store.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::core {

/// What few tasks have, kept apart so that the many stay small.
struct task_terms {
    task_options options;
    std::string attributes;      ///< see task_attributes
    std::string history;         ///< of the attempts that went wrong: see trouble_log
    std::string progress;        ///< of the present attempt, as its handler told it
    std::uint32_t failures = 0;  ///< counted against `retries`
    std::uint32_t deaths = 0;    ///< counted against `max_deaths`
    bool has_news = false;       ///< of its progress, in this turn
};

/// Whether a task asks for nothing that its control plane must remember beyond what every task has.
[[nodiscard]] inline bool is_usual(task_options const& o) noexcept {
    return o.retries == 0 && o.timeout_ms == 0 && o.soft_timeout_ms == 0;
}

/// What tells two tasks apart that bear one id.
[[nodiscard]] inline std::uint64_t task_fingerprint(std::string_view name, std::string_view content,
                                                    std::string_view arguments) noexcept {
    return hash_bytes(arguments, hash_bytes(content, hash_bytes(name)));
}

/// A task that has not ended, as the control plane holds it. A pooled node: in a lane while it waits, in a
/// list of its worker while it is out. There may be ten million: each octet counts.
struct task {
    task_id id;
    policy::task_number number = 0;  ///< its name in the store
    std::uint64_t sequence = 0;      ///< order of acceptance: of two in a lane the smaller goes first
    std::uint64_t submitted_us = 0;
    std::uint64_t started_us = 0;       ///< of the present attempt; 0: not begun, as far as known
    policy::store_sequence stored = 0;  ///< the latest write that its present state rests on
    std::string arguments;
    std::uint32_t octets = 0;       ///< of its arguments, wherever they are
    std::uint32_t key_hash = 0;     ///< for balancing policies: so many bits of the key's are enough; 0: none
    std::uint32_t ledger = none;    ///< its entry in the id ledger
    std::uint32_t name = none;      ///< in the name table
    std::uint32_t worker = none;    ///< who holds it
    std::uint32_t previous = none;  ///< links of the list it is in
    std::uint32_t next = none;
    std::uint32_t waiters = none;  ///< who wants to know of its end
    std::uint32_t terms = none;    ///< what it asks for beyond the usual, and what went wrong with it
    std::uint32_t attempt = 0;     ///< grows with every `run` that is sent and not given back unbegun
    std::uint32_t cost_us = 0;     ///< what its worker's credit was charged
    std::uint16_t content = 0;     ///< in the content table; 0: json
    task_state state : 4 = task_state::queued;
    priority level : 2 = priority::normal;
    bool at_most_once : 1 = false;
    bool recalled : 1 = false;          ///< asked back; the answer is on its way
    bool cancel_requested : 1 = false;  ///< its worker was asked to stop it
    bool overdue : 1 = false;           ///< it expired while a worker held it that had not begun it
    bool restored : 1 = false;          ///< from an earlier life: a worker may still have it, and will say so
    bool unsure : 1 = false;            ///< its present attempt may have been given out, and is not stored
    bool left : 1 = false;              ///< its arguments are in the store only
    bool fetching : 1 = false;          ///< its worker gets it when they have come from there
    bool periodic : 1 = false;          ///< of a schedule: nobody but the store could name it again
};
static_assert(sizeof(void*) != 8 || sizeof(task) <= 104 + sizeof(std::string));

}  // namespace fastqueue::core
