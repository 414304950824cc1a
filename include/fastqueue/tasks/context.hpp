#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/tasks/resources.hpp>

#include <cstdint>
#include <stop_token>
#include <string_view>
#include <utility>

namespace fastqueue {

/// Where a handler's stop signal comes from when it is not a `std::stop_token`: across the C boundary of a module.
class stop_source_bridge {
public:
    [[nodiscard]] virtual bool stop_requested() const noexcept = 0;
    /// A token that follows the signal.
    [[nodiscard]] virtual std::stop_token token() = 0;

protected:
    ~stop_source_bridge() = default;
};

/// What a handler may know of its run, if its first parameter is a `context&`. The library passes it; it is no argument.
/// Lives as long as the run. `stop_requested` may be called from any thread, the rest by the handler's own.
class context {
public:
    /// \param name  of the task; must outlive the context
    context(task_id const& id, std::uint32_t attempt, std::string_view name, std::stop_token stop) noexcept
        : id_{id}, attempt_{attempt}, name_{name}, stop_{std::move(stop)} {}
    /// \param resources  of the thread; nullptr: it has none
    context(task_id const& id, std::uint32_t attempt, std::string_view name, stop_source_bridge& stop,
            thread_resources* resources = nullptr) noexcept
        : id_{id}, attempt_{attempt}, name_{name}, bridge_{&stop}, resources_{resources} {}
    context(context const&) = delete;
    context& operator=(context const&) = delete;

    /// The task's id, the same in every attempt. With `attempt()` a fencing token for outside systems.
    [[nodiscard]] task_id const& id() const noexcept { return id_; }
    /// Counted from 1; grows with each run that began or may have, also after one that was lost.
    [[nodiscard]] std::uint32_t attempt() const noexcept { return attempt_; }
    /// The task's name.
    [[nodiscard]] std::string_view name() const noexcept { return name_; }

    /// Whether the handler should stop: the task was cancelled, is over its soft time limit, or the worker is leaving.
    [[nodiscard]] bool stop_requested() const noexcept {
        return bridge_ != nullptr ? bridge_->stop_requested() : stop_.stop_requested();
    }
    /// The same as a token, for `std::condition_variable_any`, `std::stop_callback` and the like.
    [[nodiscard]] std::stop_token stop() const { return bridge_ != nullptr ? bridge_->token() : stop_; }

    /// What this thread of the worker has for itself; see registry::per_thread.
    /// \throws what making it throws; error (bad_option) if the worker has no such thing
    template <class T>
    [[nodiscard]] T& resource() const {
        if (resources_ == nullptr)
            throw error{errc::bad_option, "a task of a module has no resources of its worker's threads"};
        return resources_->get<T>();
    }

private:
    task_id id_;
    std::uint32_t attempt_;
    std::string_view name_;
    std::stop_token stop_;
    stop_source_bridge* bridge_ = nullptr;
    thread_resources* resources_ = nullptr;
};

}  // namespace fastqueue
