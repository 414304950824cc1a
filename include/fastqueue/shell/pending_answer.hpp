#pragma once

#include <fastqueue/core/client.hpp>
#include <fastqueue/model/outcome.hpp>
#include <fastqueue/policy/spin.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/wire/number.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace fastqueue::shell {

/// An answer's contents, kept.
struct kept_answer {
    std::error_code error;
    std::string verb;
    task_state state = task_state::queued;
    errc code{};  ///< of a task that failed
    std::string content;
    std::string payload;
    task_meta meta;
    std::vector<core::attached_task> attached;

    /// Replaces those of `ids`, in the order in which they were asked, for which others stand.
    void replace_attached(std::vector<task_id>& ids) const noexcept {
        auto next = attached.begin();
        for (auto& id : ids) {
            if (next != attached.end() && next->asked == id) id = (next++)->stands;
        }
    }
    /// The task that stands for what was asked, where another one does.
    [[nodiscard]] task_id stands_for(task_id const& asked) const noexcept {
        for (auto const& a : attached) {
            if (a.asked == asked) return a.stands;
        }
        return asked;
    }
};

/// Copies what an answer says out of the read buffer.
inline void keep(core::client_answer const& answer, kept_answer& out) {
    out.error = answer.error;
    out.payload = answer.payload;
    if (answer.header == nullptr) return;
    auto const& h = *answer.header;
    out.verb = h.verb();
    auto const number = [&](std::string_view key) { return wire::read_number(h.get(key)).value_or(0); };
    if (h.positional().size() > 1 && !answer.error) {
        if (auto const state = parse_task_state(h.positional()[1])) out.state = *state;
    }
    if (auto const code = h.get("code"); !code.empty()) out.code = errc_from_name(code, errc::handler_error);
    if (answer.attached != nullptr) out.attached = *answer.attached;
    if (auto const other = core::attached_in(h)) out.attached.push_back(*other);
    out.content = h.get("content");
    out.meta.attempt = static_cast<std::uint32_t>(number("attempt"));
    out.meta.worker = h.get("worker");
    out.meta.submitted_us = number("submitted_us");
    out.meta.started_us = number("started_us");
    out.meta.finished_us = number("finished_us");
}

/// What a blocking call waits on. Used by one caller at a time.
class pending_answer final : public answer_handler {
public:
    void answered(core::client_answer const& answer) noexcept override {
        std::scoped_lock const lock{mutex_};
        keep(answer, kept_);
        there_.store(true, std::memory_order_release);
        if (asleep_)
            condition_.notify_one();  // under the lock: the waiter may take this object away right after
    }
    [[nodiscard]] bool there() const noexcept { return there_.load(std::memory_order_acquire); }
    /// Waits for the answer: the operation's own time-out bounds it.
    /// \param look  of the callers of one client
    [[nodiscard]] kept_answer wait(policy::spinner& look) {
        if (!there()) look(policy::usual_spin, [this] { return there(); });
        std::unique_lock lock{mutex_};
        asleep_ = true;
        condition_.wait(lock, [this] { return there_.load(std::memory_order_relaxed); });
        return std::move(kept_);
    }

private:
    std::mutex mutex_;
    std::condition_variable condition_;
    std::atomic<bool> there_{false};  // set under the lock; looked at without it before sleeping
    bool asleep_ = false;
    kept_answer kept_;
};

}  // namespace fastqueue::shell
