#pragma once

#include <fastqueue/core/client.hpp>
#include <fastqueue/policy/spin.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/pending_answer.hpp>
#include <fastqueue/shell/pending_watch.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace fastqueue::shell {

/// Who turns a blocking client's loop. A caller that waits for its answer turns it itself, so no other thread has to be woken
/// on the way there or back. It is lent to callers as long as one comes every now and then; a thread of its own turns it when
/// nobody calls, when several do at once, and whenever there is an operation that nobody waits for in here.
///
/// Threads: `ask` from any at once.
template <class Policies>
class client_loop {
    using driver_type = client_driver<Policies>;
    static constexpr bool can_be_lent = policy::turnable_transport<typename driver_type::transport_type>;

public:
    /// \param driver  outlives this; its inbox tells of what comes from other threads
    explicit client_loop(driver_type& driver) : driver_{driver}, own_{[this] { attend(); }} {
        driver_.inbox()->on_filled([this] { want(); });
    }
    ~client_loop() {
        driver_.stop();
        own_.join();
        driver_.inbox()->on_filled(nullptr);
    }
    client_loop(client_loop const&) = delete;
    client_loop& operator=(client_loop const&) = delete;

    /// Sends a request and waits for its answer, which the operation's own time bounds.
    [[nodiscard]] kept_answer ask(core::client_request request) {
        pending_answer answer;
        bool const alone = callers_.fetch_add(1, std::memory_order_relaxed) == 0;
        in_a_row_.store(alone ? in_a_row_.load(std::memory_order_relaxed) + 1 : 0, std::memory_order_relaxed);
        if (borrow())
            turn_for(std::move(request), answer);
        else
            driver_.post(std::move(request), answer);
        auto kept = answer.wait(look_);
        callers_.fetch_sub(1, std::memory_order_relaxed);
        return kept;
    }

    /// Sends a request that is answered more than once, and calls `f(kept_answer)` here with each answer but the last.
    /// \return the last one
    template <class F>
    [[nodiscard]] kept_answer follow(core::client_request request, F&& f) {
        pending_watch answers;
        auto const number = request.number = driver_.inbox()->next_number();
        driver_.post(std::move(request), answers);
        try {
            while (true) {
                auto news = answers.next();
                if (news.last) return std::move(news.answer);
                f(std::move(news.answer));
            }
        } catch (...) {
            driver_.inbox()->cancel(number);
            answers.await_end();
            throw;
        }
    }

private:
    /// How long the loop is left alone for the next caller.
    static constexpr std::chrono::milliseconds lend_time{10};
    /// After so many calls of which none met another one, it is worth lending.
    static constexpr unsigned calls_in_a_row = 4;

    [[nodiscard]] bool borrow() {
        if constexpr (!can_be_lent) return false;
        std::scoped_lock const lock{mutex_};
        if (!lent_ || borrowed_ || wanted_.load(std::memory_order_relaxed)) return false;
        return used_ = borrowed_ = true;
    }
    /// What a turn throws has nobody who could go on after it, as on the loop's own thread.
    void turn_for(core::client_request request, pending_answer& answer) noexcept {
        if constexpr (can_be_lent) {
            driver_.begin(std::move(request), answer);
            while (!answer.there() && !wanted_.load(std::memory_order_acquire))
                if (!driver_.turn()) break;
            std::scoped_lock const lock{mutex_};
            borrowed_ = false;
            if (awaited_) changed_.notify_one();
        }
    }
    /// There is something to do that no caller in here waits for.
    void want() {
        std::scoped_lock const lock{mutex_};
        wanted_.store(true, std::memory_order_release);
        if (lent_) changed_.notify_one();
    }

    void attend() {
        if constexpr (can_be_lent)
            while (turn_own()) lend();
        else
            driver_.run();
    }
    /// Turns until callers come one by one and none of them waits.
    /// \return false: stopped
    [[nodiscard]] bool turn_own() {
        in_a_row_.store(0, std::memory_order_relaxed);
        do {
            wanted_.store(false, std::memory_order_relaxed);  // what was posted before is taken in this turn
            if (!driver_.turn()) return false;
        } while (driver_.machine().pending() != 0 ||
                 in_a_row_.load(std::memory_order_relaxed) < calls_in_a_row);
        return true;
    }
    void lend() {
        std::unique_lock lock{mutex_};
        auto const wanted = [this] { return wanted_.load(std::memory_order_relaxed); };
        lent_ = true;
        do {
            used_ = false;
            changed_.wait_for(lock, lend_time, wanted);
            await_return(lock);
        } while (!wanted() && used_);
        lent_ = false;
    }
    void await_return(std::unique_lock<std::mutex>& lock) {
        awaited_ = true;
        changed_.wait(lock, [this] { return !borrowed_; });
        awaited_ = false;
    }

    driver_type& driver_;
    policy::spinner look_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<bool> wanted_{false};    // by its own thread; set under the lock
    std::atomic<unsigned> callers_{0};   // that are in `ask`
    std::atomic<unsigned> in_a_row_{0};  // calls that met no other one; only ever a hint
    bool lent_ = false;                  // its own thread is not in it
    bool borrowed_ = false;              // a caller is in it
    bool used_ = false;                  // a caller has been in it lately
    bool awaited_ = false;               // its own thread waits until the caller gives it back
    std::thread own_;                    // last: it uses all of the above
};

}  // namespace fastqueue::shell
