#pragma once

#include <atomic>
#include <csignal>
#include <ctime>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include <pthread.h>
#include <unistd.h>

namespace fastqueue::cli {

/// Ends a worker by Ctrl+C (SIGINT) or SIGTERM: the first asks it to stop, the second ends the process at once with
/// 128 + the signal's number. Where somebody wants it, SIGHUP is told of, too. They are blocked in all threads and taken by
/// one of ours, so no code runs in a handler. Make it before anything else has a thread.
class stop_signals {
public:
    /// \param hang_up  called for each SIGHUP, on another thread; none: SIGHUP keeps its meaning
    explicit stop_signals(std::function<void()> hang_up) : hang_up_{std::move(hang_up)} {
        sigemptyset(&stops_);
        sigaddset(&stops_, SIGINT);
        sigaddset(&stops_, SIGTERM);
        all_ = stops_;
        if (hang_up_) sigaddset(&all_, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &all_, nullptr);
    }
    ~stop_signals() {
        if (!thread_.joinable()) return;
        over_ = true;
        pthread_kill(thread_.native_handle(), SIGTERM);  // wakes it from its wait
        thread_.join();
    }
    stop_signals(stop_signals const&) = delete;
    stop_signals& operator=(stop_signals const&) = delete;

    /// Calls nothing any more once it is gone: what is stopped must outlive it.
    class [[nodiscard]] watch {
    public:
        explicit watch(stop_signals& owner) noexcept : owner_{owner} {}
        ~watch() {
            std::scoped_lock const one_at_a_time{owner_.guards_stop_};
            owner_.stop_ = nullptr;
        }
        watch(watch const&) = delete;
        watch& operator=(watch const&) = delete;

    private:
        stop_signals& owner_;
    };

    /// \param stop  called once, on another thread
    watch call(std::function<void()> stop) {
        stop_ = std::move(stop);
        thread_ = std::thread{[this] { run(); }};
        return watch{*this};
    }

private:
    void run() {
        if (wait() == 0) return;
        {
            std::scoped_lock const one_at_a_time{guards_stop_};
            if (stop_) stop_();
        }
        swallow_echo();
        if (int const again = wait()) ::_exit(128 + again);
    }
    /// \return the signal; 0 when nobody needs it any more
    [[nodiscard]] int wait() {
        while (!over_) {
            int signal = 0;
            if (sigwait(&all_, &signal) != 0 || over_) continue;
            if (signal != SIGHUP) return signal;
            hang_up_();
        }
        return 0;
    }
    /// timeout(1) and some supervisors signal a process and then its whole group: that is one wish, not two.
    void swallow_echo() const {
        timespec const moment{0, 50'000'000};
        while (!over_ && sigtimedwait(&stops_, nullptr, &moment) > 0) {}
    }

    std::function<void()> hang_up_;
    std::function<void()> stop_;
    std::mutex guards_stop_;  // also: what it stops is not gone meanwhile
    sigset_t stops_{};
    sigset_t all_{};
    std::atomic<bool> over_{false};
    std::thread thread_;
};

}  // namespace fastqueue::cli
