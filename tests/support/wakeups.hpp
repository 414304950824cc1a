#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace support {

/// Counts calls from any thread, and lets a test wait for the next one, though not for ever.
class wakeups {
public:
    void signal() {
        std::lock_guard const lock{mutex_};
        ++calls_;
        changed_.notify_all();
    }
    /// Waits for a call that no earlier wait has taken; takes all there are.
    /// \return whether there was one
    bool wait(std::chrono::seconds most = std::chrono::seconds{20}) {
        std::unique_lock lock{mutex_};
        bool const called = changed_.wait_for(lock, most, [this] { return calls_ > taken_; });
        taken_ = calls_;
        return called;
    }
    std::uint64_t calls() {
        std::lock_guard const lock{mutex_};
        return calls_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t calls_ = 0;
    std::uint64_t taken_ = 0;
};

}  // namespace support
