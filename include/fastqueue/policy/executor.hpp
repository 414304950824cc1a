#pragma once

#include <fastqueue/policy/remote_job.hpp>
#include <fastqueue/policy/spin.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>

namespace fastqueue::policy {

enum class job_state : std::uint8_t {
    idle,
    queued,
    running,
    replaced,  ///< it runs, and its thread has been given up
    finished,
    retracted
};

/// One run of a handler, as an executor sees it: a node for its lists and a function to call. Owned and
/// pooled by the worker; an executor holds it from `submit` until it hands it back through `finished` or
/// `retract`.
struct job {
    using function = void (*)(job&) noexcept;

    function run = nullptr;
    job_transfer const* transfer = nullptr;  ///< for an executor that runs it in another process
    std::uint8_t level =
        0;  ///< 0 is begun before 1, 1 before 2, 2 before 3; first come first served within a level
    std::uint64_t took_us = 0;  ///< set by the function; an executor in virtual time sets it anew behind it
    std::atomic<job_state> state{job_state::idle};
    job* next = nullptr;       ///< for the executor's own lists and the list that `finished` gives
    std::uint64_t ticket = 0;  ///< for the executor: where it put the job, from `submit` on
    std::uint32_t thread =
        0;  ///< set by the executor before it runs it: which of its threads, 0 to concurrency - 1

    job() = default;
    job(job const&) = delete;
    job& operator=(job const&) = delete;

protected:
    ~job() = default;
};

inline constexpr std::uint8_t job_levels = 4;

struct executor_options {
    std::uint32_t concurrency = 1;                        ///< handlers that run at once, 1 to 1024
    std::uint32_t capacity = 1024;                        ///< jobs that may be held at once
    std::function<void(std::uint32_t)> thread_ends = {};  ///< called on each thread after its last job
    std::chrono::microseconds spin = usual_spin;  ///< how long a thread looks for more jobs before it sleeps
    job_service_maker service =
        {};  ///< for an executor that runs jobs in other processes: what runs them there
};

template <class E>
concept takes_jobs = requires(E e, job& j) {
    { e.submit(j) }
    noexcept->std::same_as<void>;
    { e.kick() }
    noexcept->std::same_as<void>;
    { e.retract(j) }
    noexcept->std::same_as<bool>;
};

template <class E>
concept gives_back = requires(E e) {
    { e.finished() }
    noexcept->std::same_as<job*>;
    { e.stop() }
    noexcept->std::same_as<void>;
};

/// Where handlers run.
///
/// expression             | throws    | law
/// E(executor_options, w) | yes       | w is `std::function<void()>`: called from any thread, when jobs have finished
///                        |           | and there is none to go on with. Before that short ones may gather, so an owner
///                        |           | that holds jobs looks at `finished` from time to time
/// e.submit(j)            | never     | j is idle and becomes queued; never more than `capacity` jobs are held
/// e.kick()               | never     | after a batch of submits: now somebody must begin them. An executor may begin earlier
/// e.retract(j)           | never     | true: j had not begun, it never will, and it is the caller's again (state
///                        |           | `retracted`); false: it has begun or finished, and comes by `finished`
/// e.finished()           | never     | all jobs that have finished since the last call, as a list through `next`,
///                        |           | oldest first; they are the caller's again
/// e.stop()               | never     | no job is begun any more; returns when those that run have finished
///
/// `thread_ends(n)` is called before `stop` returns, on the thread that ran the jobs with `j.thread` n.
/// Each job is run once, by `j.run(j)`, with `j.state` running; after it the state is finished. `submit`, `kick`, `retract`,
/// `finished` and `stop` are called from one thread at a time. Only the state may be read by that thread meanwhile.
template <class E>
concept executor = takes_jobs<E> && gives_back<E>;

/// An executor that reaches jobs that run: in another process, where a flag in the job's own memory says nothing. Others need
/// not; then the job is asked to stop through its flag, and is waited for.
///
/// expression             | throws    | law
/// e.interrupt(j)         | never     | j has been submitted and has not come back by `finished`; if it runs, it is told to stop
/// e.kill(j)              | never     | the same, and what runs it is ended: it comes back soon, lost
template <class E>
concept reaches_jobs = executor<E> && requires(E e, job& j) {
    { e.interrupt(j) }
    noexcept->std::same_as<void>;
    { e.kill(j) }
    noexcept->std::same_as<void>;
};

/// An executor on threads that goes on without one whose job does not return.
///
/// expression             | throws    | law
/// e.replace(j)           | never     | true: j runs, and another thread takes the place of its own, which ends when j returns; that comes
///                        |           | by `finished` even then. False: j does not run, or as many as the concurrency were replaced
///                        |           | and have not returned, or the system gives no thread. With `j.thread` up to twice the
///                        |           | concurrency
template <class E>
concept replaces_stuck = executor<E> && requires(E e, job& j) {
    { e.replace(j) }
    noexcept->std::same_as<bool>;
};

/// An executor that a role can make for itself. Another must be handed over as an instance.
template <class E>
concept makeable_executor =
    executor<E> && std::constructible_from<E, executor_options, std::function<void()>>;

}  // namespace fastqueue::policy
