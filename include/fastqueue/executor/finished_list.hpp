#pragma once

#include <fastqueue/policy/executor.hpp>

#include <atomic>

namespace fastqueue::executor::detail {

/// Jobs that have run, linked through `next`: any thread adds, the owner takes all at once. No locks, no
/// allocation.
class finished_list {
public:
    /// Any thread. Marks `j` finished; the owner may have it again before this returns.
    /// \return whether the list was empty, so that the owner must be told
    bool add(policy::job& j) noexcept {
        j.state.store(policy::job_state::finished, std::memory_order_relaxed);
        auto* seen = newest_.load(std::memory_order_relaxed);
        do {
            j.next = seen;
        } while (
            !newest_.compare_exchange_weak(seen, &j, std::memory_order_acq_rel, std::memory_order_relaxed));
        return seen == nullptr;
    }

    /// Owner only. Everything that was added since the last call, oldest first; nullptr if nothing was.
    policy::job* take_all() noexcept {
        auto* newest = newest_.exchange(nullptr, std::memory_order_acq_rel);
        policy::job* oldest = nullptr;
        while (newest != nullptr) {
            auto* const older = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = older;
        }
        return oldest;
    }

private:
    alignas(64) std::atomic<policy::job*> newest_{nullptr};
};

}  // namespace fastqueue::executor::detail
