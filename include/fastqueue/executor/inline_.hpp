#pragma once

#include <fastqueue/executor/finished_list.hpp>
#include <fastqueue/executor/job_ring.hpp>
#include <fastqueue/policy/executor.hpp>

#include <array>
#include <cassert>
#include <functional>
#include <utility>

namespace fastqueue::executor {

/// Runs jobs on the owner's thread, from inside `kick`: for tests, for programs that want no threads, and for
/// handlers that cost less than a hand-over. A handler that takes its time holds up the owner's heartbeats.
///
/// `submit` only puts in line; a job that comes to be submitted while another runs is begun after it, by the
/// same `kick`, and never from inside. One thread at a time.
class inline_ {
public:
    /// \param options  only the capacity counts
    /// \param wake     called from inside `kick`
    /// \throws std::bad_alloc
    inline_(policy::executor_options options, std::function<void()> wake)
        : rings_{detail::job_ring{options.capacity}, detail::job_ring{options.capacity},
                 detail::job_ring{options.capacity}, detail::job_ring{options.capacity}},
          wake_{std::move(wake)},
          thread_ends_{std::move(options.thread_ends)} {}
    ~inline_() { stop(); }
    inline_(inline_ const&) = delete;
    inline_& operator=(inline_ const&) = delete;

    void submit(policy::job& j) noexcept {
        assert(j.level < policy::job_levels);
        j.state.store(policy::job_state::queued, std::memory_order_relaxed);
        rings_[j.level].put(j);
    }

    /// Runs all that is in line, lower levels first; nothing if it is called by a job or by `wake`.
    void kick() noexcept {
        if (std::exchange(running_, true)) return;
        while (auto* const j = stopped_ ? nullptr : claim()) {
            j->state.store(policy::job_state::running, std::memory_order_relaxed);
            j->thread = 0;
            j->run(*j);
            if (finished_.add(*j) && wake_) wake_();
        }
        running_ = false;
    }

    /// Also after `stop`, for all that was not begun.
    bool retract(policy::job& j) noexcept {
        if (!rings_[j.level].retract(j)) return false;
        j.state.store(policy::job_state::retracted, std::memory_order_relaxed);
        return true;
    }

    policy::job* finished() noexcept { return finished_.take_all(); }

    /// What is still in line stays there until it is retracted.
    void stop() noexcept {
        if (!std::exchange(stopped_, true) && thread_ends_) thread_ends_(0);
    }

private:
    policy::job* claim() noexcept {
        for (auto& ring : rings_) {
            if (auto* const j = ring.claim()) return j;
        }
        return nullptr;
    }

    std::array<detail::job_ring, policy::job_levels> rings_;
    detail::finished_list finished_;
    std::function<void()> wake_;
    std::function<void(std::uint32_t)> thread_ends_;
    bool running_ = false;
    bool stopped_ = false;
};

static_assert(policy::executor<inline_>);

}  // namespace fastqueue::executor
