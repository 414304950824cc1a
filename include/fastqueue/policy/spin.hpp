#pragma once

#include <chrono>
#include <thread>

namespace fastqueue::policy {

/// About what a round trip takes between processes of one machine, with a wake-up at each hop: whoever has just been busy is
/// likely to be needed again within it, and need not be woken then.
/// \source Karlin, Li, Manasse, Owicki: Empirical studies of competitive spinning for a shared-memory multiprocessor, 1991
inline constexpr std::chrono::microseconds usual_spin{100};

/// Looks until something is there, for `limit` at most, and lets other threads run in between: what a thread does before it
/// sleeps, where it has just been busy.
/// \param look  returns whether something is there
/// \return whether something was
template <class Look>
bool spin(std::chrono::microseconds limit, Look&& look) {
    if (limit.count() <= 0) return false;
    auto const until = std::chrono::steady_clock::now() + limit;
    do {
        std::this_thread::yield();
        if (look()) return true;
    } while (std::chrono::steady_clock::now() < until);
    return false;
}

}  // namespace fastqueue::policy
