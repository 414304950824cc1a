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

/// Names a task within its store: chosen by the control plane, larger with each task that it accepts, never used twice.
using task_number = std::uint64_t;

/// A task as it is stored. The views live only during the call that passes them.
struct task_record {
    task_number number = 0;
    task_id id;
    std::string_view name;
    std::string_view content;  ///< of the arguments; empty: json
    std::string_view arguments;
    std::string_view attributes;  ///< see task_attributes
    task_options options;         ///< of which delivery, retries, limits and key matter after a restart
    priority level = priority::normal;
    std::uint64_t fingerprint = 0;   ///< of name, content and arguments
    std::uint64_t submitted_us = 0;  ///< UTC, as all times here
    std::uint64_t due_us = 0;        ///< not before; 0: at once
    std::uint64_t expires_us = 0;    ///< not after; 0: never
};

/// An attempt that ended without a result: what is now known of the task.
struct attempt_record {
    task_number number = 0;
    task_id id;
    std::uint32_t attempt = 0;   ///< the highest that was given out
    std::uint32_t failures = 0;  ///< counted against `retries`
    std::uint32_t deaths = 0;    ///< counted against `max_deaths`
    std::uint64_t due_us = 0;    ///< when it is tried again; 0: at once
    std::string_view history;    ///< of the attempts that went wrong; opaque
};

/// The end of a task as it is stored.
struct result_record {
    task_number number = 0;
    task_id id;
    task_state state = task_state::success;
    errc code{};  ///< none on success
    std::string_view value;
    std::uint32_t attempt = 0;
    std::string_view worker;
    std::uint64_t started_us = 0;
    std::uint64_t finished_us = 0;
    std::string_view history;
    bool dead = false;  ///< a dead letter: arguments and options are kept with it
};

/// A task that waited or ran when its store was last closed.
struct stored_task {
    task_record task;
    std::uint64_t octets =
        0;              ///< of its arguments, which are empty in `task` where they were left in the store
    bool left = false;  ///< they were: see `fetch`
    attempt_record last;
    std::uint32_t claimed = 0;  ///< the attempt of the latest claim; 0: none
};

/// A task that had ended.
struct stored_end {
    task_record task;  ///< arguments and options only of a dead letter
    result_record result;
    bool has_value = false;  ///< its result was not forgotten
};

/// Takes what a store has kept.
class restore_sink {
public:
    /// Each task that has not ended, by number.
    virtual void task(stored_task const& stored) = 0;
    /// Each that has, in the order of their ends.
    virtual void end(stored_end const& stored) = 0;
    /// Each name that was a member.
    virtual void member(std::string_view name) = 0;

protected:
    ~restore_sink() = default;
};

/// A `put` that lost: the store held that id already, from another control plane. What is there stands.
struct already_stored {
    task_id id;
    task_state state = task_state::queued;
    std::uint64_t fingerprint = 0;
};

/// Arguments that were asked for.
struct fetched_arguments {
    task_number number = 0;
    std::string arguments;
};

/// A copy of the store that was asked for.
struct backup_done {
    std::string path;
    std::string failure;  ///< empty: it is there, and complete
};

/// What a store tells when it is asked.
struct store_news {
    store_sequence committed = 0;          ///< everything up to this number is safe
    std::vector<already_stored> existing;  ///< puts among them that found the id taken
    std::vector<fetched_arguments>
        fetched;                       ///< since it was last asked, in the order in which they were asked for
    std::vector<backup_done> backups;  ///< since it was last asked
    std::optional<std::string> full;   ///< no new task may be put, and why; ends are still written
    std::optional<std::string> failure;  ///< it can't write any more, and why: stop accepting at once
};

template <class S>
concept writes_tasks = requires(S s, task_record const& task, attempt_record const& attempt,
                                result_record const& result, task_number number, std::uint32_t n,
                                std::string_view name) {
    { s.put(task) } -> std::same_as<store_sequence>;
    { s.claim(number, n) } -> std::same_as<store_sequence>;
    { s.requeue(attempt) } -> std::same_as<store_sequence>;
    { s.finish(result) } -> std::same_as<store_sequence>;
    { s.forget(number) } -> std::same_as<store_sequence>;
    { s.erase(number) } -> std::same_as<store_sequence>;
    { s.member(name, true) } -> std::same_as<store_sequence>;
};

template <class S>
concept tells_commits = requires(S s, store_sequence awaited, store_news& news) {
    { s.flush(awaited) } -> std::same_as<void>;
    { s.poll(news) } -> std::same_as<void>;
};

/// Where tasks survive. Every write is appended to a batch and numbered; nothing waits for a disk. Nothing that a client
/// can see leaves the control plane before the write that it rests on is committed.
///
/// expression              | throws    | law
/// s.attach(wake)          | bad_alloc | `wake` may be called from any thread when `poll` has news
/// s.put(task)             | bad_alloc | adds it, unless the id is there: then the news say so at its commit
/// s.claim(number, n)      | bad_alloc | attempt n has been given to a worker whose death nobody else could tell of
/// s.requeue(attempt)      | bad_alloc | this attempt has ended without a result; the task waits again
/// s.finish(result)        | bad_alloc | the task has ended; the first one stands
/// s.forget(number)        | bad_alloc | drops a result's value, and a dead letter's arguments; the id stays used
/// s.erase(number)         | bad_alloc | drops a task that has ended: its id is not known any more
/// s.member(name, there)   | bad_alloc | a worker has joined, or left with nothing in its hands; or a pause or a
///                         |           | schedule was made or ended, whose text has a `=` in it: any octets
/// s.flush(awaited)        | never     | at the end of a turn: what was appended may be written now, as one batch; somebody
///                         |           | waits for the writes up to `awaited`, the rest may wait a moment for company
/// s.poll(news)            | bad_alloc | what was committed, fetched, found taken or failed since; sequences grow by one a
///                         |           | write
/// s.epoch()               | never     | names this store's life: kept by a durable store, new with each volatile one
template <class S>
concept store = writes_tasks<S> && tells_commits<S> &&
    requires(S s, S const& cs, std::function<void()> wake) {
    s.attach(wake);
    { cs.epoch() } -> std::same_as<uuid>;
};

/// A store that outlives its control plane.
///
/// expression              | throws    | law
/// s.keeps()               | never     | false: it is none after all (one that was selected at run time); then nothing
///                         |           | below does anything
/// s.restore(sink, octets) | error     | before the first write: tells all that was kept, and waits for the disk. Once the
///                         |           | arguments come to `octets`, those of further tasks are left where they are
/// s.fetch(number)         | bad_alloc | asks for the arguments of a task that has not ended: they come as news, also where
///                         |           | its `put` is not yet committed
/// s.backup(path)          | bad_alloc | asks for a consistent copy, in a new file; done or not comes as news
template <class S>
concept durable_store = store<S> && requires(S s, S const& cs, restore_sink& sink, std::uint64_t octets,
                                             task_number number, std::string path) {
    { cs.keeps() } -> std::same_as<bool>;
    s.restore(sink, octets);
    s.fetch(number);
    s.backup(path);
};

}  // namespace fastqueue::policy
