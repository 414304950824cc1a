#pragma once

#include <fastqueue/executor/futex.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace fastqueue::executor::detail {

/// Lets idle threads sleep and wakes just as many as are needed, without a lock.
///
/// A thread says `announce`, looks once more for work, and then sleeps or withdraws. Whoever makes work says
/// `rouse` after it. Both change the same counter: if the thread comes first `rouse` counts it, and if it
/// comes second it sees the work. So nobody sleeps beside work.
class sleepers {
public:
    void announce() noexcept { idle_.fetch_add(1, std::memory_order_acq_rel); }

    /// Takes back an announcement. If `rouse` has counted this thread by then its call stays open, and
    /// whoever sleeps next looks for work once more.
    void withdraw() noexcept {
        auto idle = idle_.load(std::memory_order_relaxed);
        while (idle > 0 && !idle_.compare_exchange_weak(idle, idle - 1, std::memory_order_acq_rel)) {}
    }

    /// After `announce`: blocks until this thread is called.
    void sleep() noexcept {
        auto calls = calls_.load(std::memory_order_acquire);
        for (;;) {
            if (calls == 0) {
                wait_while(calls_, 0);
                calls = calls_.load(std::memory_order_acquire);
            } else if (calls_.compare_exchange_weak(calls, calls - 1, std::memory_order_acq_rel)) {
                return;
            }
        }
    }

    /// Calls up to `wanted` of the threads that have announced themselves. Any thread.
    void rouse(std::uint32_t wanted) noexcept {
        auto idle = idle_.fetch_add(0, std::memory_order_acq_rel);  // a write, for the order told above
        while (idle > 0) {
            auto const called = std::min(idle, wanted);
            if (idle_.compare_exchange_weak(idle, idle - called, std::memory_order_acq_rel)) {
                call(called);
                return;
            }
        }
    }

    /// Lets `count` sleeps end, announced or not: for the end of all.
    void call(std::uint32_t count) noexcept {
        calls_.fetch_add(count, std::memory_order_seq_cst);
        wake(calls_, count);
    }

private:
    alignas(64) std::atomic<std::uint32_t> idle_{0};   // announced, and not yet called
    alignas(64) std::atomic<std::uint32_t> calls_{0};  // made, and not yet followed
};

}  // namespace fastqueue::executor::detail
