#pragma once

#include <fastqueue/executor/finished_list.hpp>
#include <fastqueue/executor/job_ring.hpp>
#include <fastqueue/executor/sleepers.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/own_thread.hpp>
#include <fastqueue/policy/executor.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fastqueue::executor::detail {

/// \throws error (bad_option)
inline void check_executor_options(policy::executor_options const& options) {
    auto const check = [](char const* name, std::uint32_t value, std::uint32_t most) {
        if (value >= 1 && value <= most) return;
        throw error{errc::bad_option, std::string{"the executor's "} + name + " is " + std::to_string(value) +
                                          ": it must be 1 to " + std::to_string(most)};
    };
    check("concurrency", options.concurrency, 1024);
    check("capacity", options.capacity, 1U << 24U);
}

/// Threads that take jobs, the first of the lowest level first, and give them back: an executor but for what is done with a
/// job, which is `Call`'s: called as `call(job)` by the thread whose number stands in the job.
template <class Call>
class thread_pool {
public:
    thread_pool(policy::executor_options options, std::function<void()> wake, Call call = {})
        : rings_{ring(options), ring(options), ring(options), ring(options)},
          wake_{std::move(wake)},
          thread_ends_{std::move(options.thread_ends)},
          spin_{options.spin},
          call_{std::move(call)},
          concurrency_{options.concurrency} {
        pool_.resize(concurrency_ * std::size_t{2});  // the second half for those that are replaced
        ended_.reserve(pool_.size());
        fastqueue::detail::signals_blocked const blocked;
        try {
            for (std::uint32_t i = 0; i < concurrency_; ++i) begin(i);
        } catch (...) {
            stop();
            throw;
        }
    }
    ~thread_pool() { stop(); }
    thread_pool(thread_pool const&) = delete;
    thread_pool& operator=(thread_pool const&) = delete;

    /// Puts `j` in line; a thread that is awake may begin it at once.
    void submit(policy::job& j) noexcept {
        assert(j.level < policy::job_levels);
        j.state.store(policy::job_state::queued, std::memory_order_relaxed);
        fresh_ += rings_[j.level].put(j);
    }

    /// Wakes as many threads as there are new jobs, and no more.
    void kick() noexcept {
        if (fresh_ > 0) sleepers_.rouse(std::exchange(fresh_, 0));
    }

    /// Also after `stop`, for all that was not begun.
    bool retract(policy::job& j) noexcept {
        if (!rings_[j.level].retract(j)) return false;
        j.state.store(policy::job_state::retracted, std::memory_order_relaxed);
        return true;
    }

    policy::job* finished() noexcept { return finished_.take_all(); }

    /// As `policy::replaces_stuck` has it.
    bool replace(policy::job& j) noexcept {
        reap();
        auto const free = std::ranges::find_if(pool_, [](std::thread const& t) { return !t.joinable(); });
        auto running = policy::job_state::running;
        if (free == pool_.end() || !j.state.compare_exchange_strong(running, policy::job_state::replaced))
            return false;
        try {
            fastqueue::detail::signals_blocked const blocked;
            begin(static_cast<std::uint32_t>(free - pool_.begin()));
            return true;
        } catch (std::exception const&) {
            auto replaced = policy::job_state::replaced;
            j.state.compare_exchange_strong(replaced, policy::job_state::running);
            return false;
        }
    }

    /// Returns when the jobs that run have returned. What is still in line stays there until it is retracted.
    void stop() noexcept {
        stopping_.store(true, std::memory_order_release);
        sleepers_.rouse(0);
        sleepers_.call(static_cast<std::uint32_t>(pool_.size()));
        for (auto& thread : pool_) {
            if (thread.joinable()) thread.join();
        }
    }

private:
    static job_ring ring(policy::executor_options const& options) {
        check_executor_options(options);
        return job_ring{options.capacity};
    }

    static constexpr std::uint64_t most_untold_us = 50;
    static constexpr std::uint32_t most_untold_jobs = 128;

    void begin(std::uint32_t index) {
        pool_[index] = std::thread{[this, index] { work(index); }};
    }
    /// Joins the threads that were replaced and whose job has returned.
    void reap() noexcept {
        std::scoped_lock const lock{mutex_};
        for (auto const index : ended_) pool_[index].join();  // it has said so with its last word
        ended_.clear();
    }
    void work(std::uint32_t index) noexcept {
        fastqueue::detail::name_this_thread("fq-exec-" + std::to_string(index));
        untold owed;
        bool replaced = false;
        while (!replaced && !stopping_.load(std::memory_order_acquire)) {
            if (auto* const j = claim()) {
                j->thread = index;
                replaced = run(*j, owed);
            } else {
                tell(owed);
                if (!look_(spin_, [this] { return has_work(); })) rest();
            }
        }
        tell(owed);
        if (thread_ends_) thread_ends_(index);
        if (!replaced) return;
        std::scoped_lock const lock{mutex_};
        ended_.push_back(index);
    }

    /// What a thread has finished and its owner may not have been told of.
    struct untold {
        bool first = false;  // it found the list empty: nobody else tells of what is in it
        std::uint32_t jobs = 0;
        std::uint64_t us = 0;
    };
    void tell(untold& owed) noexcept {
        if (owed.first && wake_) wake_();
        owed = {};
    }

    policy::job* claim() noexcept {
        for (auto& ring : rings_) {
            if (auto* const j = ring.claim()) return j;
        }
        return nullptr;
    }

    /// Short jobs are told of together, when some have gathered or there is no other: being woken costs the owner
    /// more than they do.
    /// \return whether another thread has taken the place of this one
    [[nodiscard]] bool run(policy::job& j, untold& owed) noexcept {
        j.state.store(policy::job_state::running, std::memory_order_relaxed);
        call_(j);
        owed.us += j.took_us;  // before the owner has it back
        ++owed.jobs;
        bool const replaced = j.state.exchange(policy::job_state::finished, std::memory_order_relaxed) ==
                              policy::job_state::replaced;
        if (finished_.add(j)) owed.first = true;
        if (owed.us >= most_untold_us || owed.jobs >= most_untold_jobs) tell(owed);
        return replaced;
    }

    void rest() noexcept {
        sleepers_.announce();
        has_work() ? sleepers_.withdraw() : sleepers_.sleep();
    }
    /// Whether there is a reason not to sleep.
    [[nodiscard]] bool has_work() const noexcept {
        return stopping_.load(std::memory_order_acquire) ||
               std::ranges::any_of(rings_, [](auto const& ring) { return !ring.empty(); });
    }

    std::array<job_ring, policy::job_levels> rings_;
    sleepers sleepers_;
    finished_list finished_;
    std::function<void()> wake_;
    std::function<void(std::uint32_t)> thread_ends_;
    std::chrono::microseconds spin_;
    policy::spinner look_;
    Call call_;
    std::atomic<bool> stopping_{false};
    std::uint32_t fresh_ = 0;  // submitted and not yet kicked: the owner's
    std::uint32_t concurrency_;
    std::vector<std::thread> pool_;  // the owner's
    std::mutex mutex_;
    std::vector<std::uint32_t> ended_;  // of them, after they were replaced
};

}  // namespace fastqueue::executor::detail
