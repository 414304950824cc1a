#pragma once

#include <fastqueue/core/client.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/pending_answer.hpp>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace fastqueue::shell {

/// What a caller waits on that wants to hear of a task more than once. Of what comes while he is busy, the latest stays. Used by
/// one caller at a time.
class pending_watch final : public answer_handler {
public:
    struct news {
        kept_answer answer;
        bool last;  ///< nothing comes after it
    };

    void answered(core::client_answer const& answer) noexcept override {
        std::scoped_lock const lock{mutex_};
        last_ = !answer.goes_on;
        keep(answer, latest_.emplace());
        condition_.notify_one();  // under the lock: the waiter may take this object away right after
    }
    /// Waits for what is new. The operation's own time bounds it.
    [[nodiscard]] news next() {
        std::unique_lock lock{mutex_};
        condition_.wait(lock, [this] { return latest_.has_value(); });
        news made{std::move(*latest_), last_};
        latest_.reset();
        return made;
    }
    /// Waits until nothing comes any more.
    void await_end() {
        std::unique_lock lock{mutex_};
        condition_.wait(lock, [this] { return last_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable condition_;
    std::optional<kept_answer> latest_;
    bool last_ = false;
};

}  // namespace fastqueue::shell
