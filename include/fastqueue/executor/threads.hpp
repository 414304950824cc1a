#pragma once

#include <fastqueue/executor/thread_pool.hpp>
#include <fastqueue/policy/executor.hpp>

#include <functional>
#include <utility>

namespace fastqueue::executor {

namespace detail {

struct run_here {
    void operator()(policy::job& j) const noexcept { j.run(j); }
};

}  // namespace detail

/// Runs jobs on threads of its own, which are named `fq-exec-0` and so on, sleep while there is nothing to do
/// and take no signals (nor does a program that a handler starts, unless it unblocks them). Levels are
/// strict: a thread begins nothing while a job of a lower number waits. No lock and no allocation a job.
///
/// `submit`, `kick`, `retract`, `finished` and `stop` belong to one thread at a time, the owner; none of them
/// blocks but `stop`. Does not survive `fork`: the child has none of the threads.
class threads : public detail::thread_pool<detail::run_here> {
public:
    /// Begins the threads.
    /// \param wake  called by the threads; must not block, and must not call back
    /// \throws error (errc::bad_option) for a number out of range; std::system_error if the system gives no
    ///         thread, std::bad_alloc
    threads(policy::executor_options options, std::function<void()> wake)
        : thread_pool{std::move(options), std::move(wake)} {}
};

static_assert(policy::executor<threads>);
static_assert(policy::replaces_stuck<threads>);

}  // namespace fastqueue::executor
