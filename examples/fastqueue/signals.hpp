#pragma once

#include "output.hpp"

#include <atomic>
#include <csignal>
#include <ctime>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <pthread.h>
#include <unistd.h>

namespace fastqueue::cli {

/// Ends a worker by Ctrl+C (SIGINT) or SIGTERM: the first asks it to stop, the second ends the process at once with
/// 128 + the signal's number. Both are blocked in all threads and taken by one of ours, so no code runs in a handler. Make
/// it before anything else has a thread.
class stop_signals {
public:
    stop_signals() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGINT);
        sigaddset(&set_, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    }
    ~stop_signals() {
        if (!thread_.joinable()) return;
        over_ = true;
        pthread_kill(thread_.native_handle(), SIGTERM);  // wakes it from its wait
        thread_.join();
    }
    stop_signals(stop_signals const&) = delete;
    stop_signals& operator=(stop_signals const&) = delete;

    /// \param stop  called once, on another thread
    void call(std::function<void()> stop) {
        thread_ = std::thread{[this, stop = std::move(stop)] {
            if (!wait()) return;
            say("stopping: what runs is finished first (once more: at once)");
            stop();
            swallow_echo();
            if (int const again = wait()) ::_exit(128 + again);
        }};
    }

private:
    /// \return the signal; 0 when nobody needs it any more
    [[nodiscard]] int wait() {
        int signal = 0;
        while (!over_ && sigwait(&set_, &signal) != 0) {}
        return over_ ? 0 : signal;
    }

    /// timeout(1) and some supervisors signal a process and then its whole group: that is one wish, not two.
    void swallow_echo() const {
        timespec const moment{0, 50'000'000};
        while (!over_ && sigtimedwait(&set_, nullptr, &moment) > 0) {}
    }

    sigset_t set_{};
    std::atomic<bool> over_{false};
    std::thread thread_;
};

}  // namespace fastqueue::cli
