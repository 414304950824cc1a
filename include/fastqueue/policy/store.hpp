#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_options.hpp>
#include <fastqueue/model/task_state.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::policy {

/// Counts what was written to a store: each write has a number, and all up to `committed` survive a crash.
using store_sequence = std::uint64_t;

/// A task as it is stored. The views live only during the call that passes them.
struct task_record {
    task_id id;
    std::string_view name;
    std::string_view content;
    std::string_view arguments;
    task_options options;
    priority level = priority::normal;
    std::uint64_t fingerprint = 0;   ///< of name, content and arguments
    std::uint64_t submitted_us = 0;  ///< UTC
};

/// The end of a task as it is stored.
struct result_record {
    task_id id;
    task_state state = task_state::success;
    errc code{};  ///< none on success
    std::string_view value;
    std::uint32_t attempt = 0;
    std::string_view worker;
    std::uint64_t started_us = 0;
    std::uint64_t finished_us = 0;
};

/// A `put` that lost: the store held that id already, from another control plane. What is there stands.
struct already_stored {
    task_id id;
    task_state state = task_state::queued;
    std::uint64_t fingerprint = 0;
};

/// What a store tells when it is asked.
struct store_news {
    store_sequence committed = 0;          ///< everything up to this number is safe
    std::vector<already_stored> existing;  ///< puts among them that found the id taken
    std::optional<std::string> failure;    ///< it can't write any more, and why: stop accepting at once
};

template <class S>
concept writes_tasks = requires(S s, task_record const& task, result_record const& result, task_id id,
                                std::uint32_t attempt) {
    { s.put(task) } -> std::same_as<store_sequence>;
    { s.claim(id, attempt) } -> std::same_as<store_sequence>;
    { s.requeue(id, attempt) } -> std::same_as<store_sequence>;
    { s.finish(result) } -> std::same_as<store_sequence>;
    { s.forget(id) } -> std::same_as<store_sequence>;
};

template <class S>
concept tells_commits = requires(S s, store_news& news) {
    { s.flush() } -> std::same_as<void>;
    { s.poll(news) } -> std::same_as<void>;
};

/// Where tasks survive. Every write is appended to a batch and numbered; nothing waits for a disk. Nothing that a client
/// can see leaves the control plane before the write that it rests on is committed.
///
/// expression              | throws    | law
/// s.attach(wake)          | bad_alloc | `wake` may be called from any thread when `poll` has news
/// s.put(task)             | bad_alloc | adds it, unless the id is there: then the news say so at its commit
/// s.claim(id, attempt)    | bad_alloc | this attempt has been given to a worker
/// s.requeue(id, attempt)  | bad_alloc | this attempt has ended without a result; the task waits again
/// s.finish(result)        | bad_alloc | the task has ended; the first one stands
/// s.forget(id)            | bad_alloc | drops the result; the id stays used
/// s.flush()               | never     | at the end of a turn: what was appended may be written now, as one batch
/// s.poll(news)            | bad_alloc | what was committed, found taken or failed since; sequences grow by one a write
/// s.epoch()               | never     | names this store's life: kept by a durable store, new with each volatile one
template <class S>
concept store = writes_tasks<S> && tells_commits<S> &&
    requires(S s, S const& cs, std::function<void()> wake) {
    s.attach(wake);
    { cs.epoch() } -> std::same_as<uuid>;
};

}  // namespace fastqueue::policy
