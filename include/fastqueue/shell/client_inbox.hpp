#pragma once

#include <fastqueue/core/client.hpp>
#include <fastqueue/model/error.hpp>

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::shell {

/// What other threads want of a client's loop: operations to begin and to cancel. It outlives the loop, so that who comes
/// too late finds it closed. Any thread.
class client_inbox {
public:
    /// \param wake  wakes the loop; called under the lock, never after `detach` has returned
    explicit client_inbox(std::function<void()> wake) : wake_{std::move(wake)} {}

    /// \param tell  called beside it, in the same way; empty: nobody any more
    void on_filled(std::function<void()> tell) {
        std::scoped_lock const lock{mutex_};
        tell_ = std::move(tell);
    }

    /// \return false: the client has been stopped, and the request is as it was
    [[nodiscard]] bool post(core::client_request& request) {
        std::scoped_lock const lock{mutex_};
        if (closed_) return false;
        requests_.push_back(std::move(request));
        wake();
        return true;
    }
    void cancel(std::uint64_t number) {
        std::scoped_lock const lock{mutex_};
        if (closed_) return;
        cancels_.push_back(number);
        wake();
    }
    /// Nothing is taken any more; the loop is told.
    void close() {
        std::scoped_lock const lock{mutex_};
        closed_ = true;
        tell();
    }
    /// The same for another reason than the usual one.
    void close(std::error_code why, std::string text) {
        {
            std::scoped_lock const lock{mutex_};
            if (!closed_) end_ = {why, std::move(text)};
        }
        close();
    }
    /// The loop goes away.
    void detach() {
        std::scoped_lock const lock{mutex_};
        closed_ = true;
        wake_ = nullptr;
    }
    struct end {
        std::error_code why = make_error_code(errc::stopped);
        std::string text = "the client has been stopped";
    };
    /// What operations end with, and are refused with, once it is closed.
    [[nodiscard]] end reason() {
        std::scoped_lock const lock{mutex_};
        return end_;
    }
    /// A number for an operation that can be cancelled.
    [[nodiscard]] std::uint64_t next_number() {
        std::scoped_lock const lock{mutex_};
        return ++numbers_;
    }

    /// For the loop: takes all there is, in place of what the arguments held.
    /// \return whether it was closed
    [[nodiscard]] bool take(std::vector<core::client_request>& requests,
                            std::vector<std::uint64_t>& cancels) {
        requests.clear();
        cancels.clear();
        std::scoped_lock const lock{mutex_};
        requests.swap(requests_);
        cancels.swap(cancels_);
        woken_ = false;
        return closed_;
    }

private:
    void wake() {
        if (!std::exchange(woken_, true)) tell();
    }
    void tell() {
        if (wake_) wake_();
        if (tell_) tell_();
    }

    std::mutex mutex_;  // taken once an operation by who begins it, once a turn by the loop
    std::function<void()> wake_;
    std::function<void()> tell_;
    std::vector<core::client_request> requests_;
    std::vector<std::uint64_t> cancels_;
    std::uint64_t numbers_ = 0;
    end end_;
    bool woken_ = false;
    bool closed_ = false;
};

}  // namespace fastqueue::shell
