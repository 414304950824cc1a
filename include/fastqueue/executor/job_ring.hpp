#pragma once

#include <fastqueue/policy/executor.hpp>

#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace fastqueue::executor::detail {

/// A bounded first-in-first-out ring of jobs: one owner puts in and takes back, any number of threads claim.
/// No locks, and no allocation after construction.
///
/// An entry belongs to whoever moves its ticket on from "full": a claiming thread or the owner who retracts.
/// Tickets are positions and never come again, and nobody looks into a job before its entry is won. So a
/// retracted job may be freed or put in again at once, whatever a slow thread has read before.
class job_ring {
public:
    /// \param capacity  the most jobs that are ever in the ring at once, 1 and up
    /// \throws std::bad_alloc
    explicit job_ring(std::uint32_t capacity)
        : mask_{std::bit_ceil(std::size_t{capacity}) * 2 - 1}, entries_{new entry[mask_ + 1]} {}

    /// Owner only. The ring has twice the room that it needs, since a retracted job leaves a hole behind:
    /// when holes fill it up it is tidied, which costs O(1) a call on average.
    /// \return how many jobs became claimable by this call: more than one if it has tidied up
    std::uint32_t put(policy::job& j) noexcept {
        auto const moved = filled_ - head_.load(std::memory_order_acquire) > mask_ ? tidy() : 0U;
        append(j);
        return moved + 1;
    }

    /// Owner only. Takes back a job that has been put in.
    /// \return whether it had not been claimed, and now never is
    bool retract(policy::job& j) noexcept {
        auto expected = full(j.ticket);
        return at(j.ticket).ticket.compare_exchange_strong(expected, expected + 1, std::memory_order_acq_rel,
                                                           std::memory_order_relaxed);
    }

    /// Takes out the oldest job; nullptr if there is none. Any thread.
    policy::job* claim() noexcept {
        for (;;) {
            auto const position = head_.load(std::memory_order_acquire);
            if (position >= tail_.load(std::memory_order_acquire)) return nullptr;
            if (auto* const j = claim(position)) return j;
        }
    }

    /// Whether there is nothing to claim; holes count as something until a `claim` has passed them.
    [[nodiscard]] bool empty() const noexcept {
        return head_.load(std::memory_order_acquire) >= tail_.load(std::memory_order_acquire);
    }

private:
    struct entry {
        std::atomic<std::uint64_t> ticket{0};
        std::atomic<policy::job*> task{nullptr};
    };
    static constexpr std::size_t cache_line = 64;

    static constexpr std::uint64_t full(std::uint64_t position) noexcept { return 2 * position + 1; }
    entry& at(std::uint64_t position) noexcept { return entries_[position & mask_]; }

    void append(policy::job& j) noexcept {
        auto& e = at(filled_);
        j.ticket = filled_;
        e.task.store(&j, std::memory_order_relaxed);
        e.ticket.store(full(filled_), std::memory_order_release);
        tail_.store(++filled_, std::memory_order_release);
    }

    // Claims the entry there and moves the head past it; nullptr if somebody else has had it. The job is read
    // before the ticket is won: afterwards the owner may fill the entry again.
    policy::job* claim(std::uint64_t position) noexcept {
        auto& e = at(position);
        auto seen = e.ticket.load(std::memory_order_acquire);
        policy::job* won = nullptr;
        if (seen == full(position)) {
            auto* const j = e.task.load(std::memory_order_relaxed);
            if (e.ticket.compare_exchange_strong(seen, seen + 1, std::memory_order_acq_rel)) won = j;
        }
        head_.compare_exchange_strong(position, position + 1, std::memory_order_acq_rel,
                                      std::memory_order_relaxed);
        return won;
    }

    // Moves every job behind the last one, in order, so that the holes are left in front of the head. At most
    // half of the entries are jobs, so the next time is at least half a ring away. Meanwhile a thread may
    // miss the one job that is on its way; `put` counts it as new, so that somebody is woken for it.
    std::uint32_t tidy() noexcept {
        std::uint32_t moved = 0;
        auto const end = filled_;
        for (auto position = head_.load(std::memory_order_acquire); position < end;
             position = head_.load(std::memory_order_acquire)) {
            if (auto* const j = claim(position)) {
                append(*j);
                ++moved;
            }
        }
        assert(moved <= (mask_ + 1) / 2);  // the worker never holds more jobs than the capacity it asked for
        return moved;
    }

    std::size_t mask_;
    std::unique_ptr<entry[]> entries_;
    std::uint64_t filled_ = 0;  // the owner's copy of tail_
    alignas(cache_line) std::atomic<std::uint64_t> tail_{0};
    alignas(cache_line) std::atomic<std::uint64_t> head_{0};
};

}  // namespace fastqueue::executor::detail
