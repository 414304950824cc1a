#pragma once

#include <atomic>
#include <cstdint>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

// `std::atomic::wait` of GCC 12 yields the processor several times before it sleeps, and `notify_one` is a system
// call a thread. On Linux the system's own way is cheaper.
namespace fastqueue::executor::detail {

/// Sleeps while `word` is `value`; may also return early. Any thread.
inline void wait_while(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
#if defined(__linux__)
    static_assert(sizeof word == sizeof value);
    ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
    word.wait(value, std::memory_order_acquire);
#endif
}

/// Ends the sleep of up to `count` threads that wait for `word`. Any thread.
inline void wake(std::atomic<std::uint32_t>& word, std::uint32_t count) noexcept {
#if defined(__linux__)
    if (count > 0) ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
#else
    for (; count > 0; --count) word.notify_one();
#endif
}

}  // namespace fastqueue::executor::detail
