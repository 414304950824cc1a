#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace fastqueue::policy {

/// About what a round trip takes between processes of one machine, with a wake-up at each hop: whoever has just been busy is
/// likely to be needed again within it, and need not be woken then.
/// \source Karlin, Li, Manasse, Owicki: Empirical studies of competitive spinning for a shared-memory multiprocessor, 1991
inline constexpr std::chrono::microseconds usual_spin{100};

/// Lets another thread run.
struct system_yield {
    void operator()() const noexcept { std::this_thread::yield(); }
};

/// Looks until something is there, and lets other threads run in between: what a thread does before it sleeps, where it has
/// just been busy. Who yields to a program that computes gets the processor back only when that one's slice is over, some
/// milliseconds later, whereas who sleeps is let in as soon as it is woken. So after such a yield it does not look for a
/// while, longer each time it happens again. Threads: any at once.
/// \tparam Clock, Yield  the system's, but in tests
template <class Clock = std::chrono::steady_clock, class Yield = system_yield>
class basic_spinner {
public:
    /// \param limit  how long; 0 or less: not at all
    /// \param look   returns whether something is there
    /// \return whether something was
    template <class Look>
    bool operator()(std::chrono::microseconds limit, Look&& look) {
        if (limit.count() <= 0 || rests()) return false;
        auto before = Clock::now();
        auto const until = before + limit;
        do {
            yield_();
            bool const crowded = Clock::now() - before > a_turn;
            bool const found = look();
            if (crowded) rest_more();
            if (crowded || found) return found;
            before = Clock::now();
        } while (before < until);
        calm();
        return false;
    }

private:
    /// Threads that give way in turn themselves have done so by then.
    static constexpr std::chrono::milliseconds a_turn{1};
    static constexpr std::uint32_t shortest_rest = 64;  // times it is asked
    static constexpr std::uint32_t longest_rest = 4096;

    [[nodiscard]] bool rests() noexcept {
        auto const left = rest_.load(std::memory_order_relaxed);
        if (left == 0) return false;
        rest_.store(left - 1, std::memory_order_relaxed);
        return true;
    }
    void rest_more() noexcept {
        auto const next = next_rest_.load(std::memory_order_relaxed);
        rest_.store(next, std::memory_order_relaxed);
        next_rest_.store(std::min(2 * next, longest_rest), std::memory_order_relaxed);
    }
    void calm() noexcept {
        if (next_rest_.load(std::memory_order_relaxed) != shortest_rest)
            next_rest_.store(shortest_rest, std::memory_order_relaxed);
    }

    std::atomic<std::uint32_t> rest_{0};
    std::atomic<std::uint32_t> next_rest_{shortest_rest};
    [[no_unique_address]] Yield yield_;
};

using spinner = basic_spinner<>;

}  // namespace fastqueue::policy
