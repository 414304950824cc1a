#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/limits.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/tasks/resources.hpp>

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue {

/// Who runs a handler: where its stop signal comes from, and where its progress goes.
class run_host {
public:
    [[nodiscard]] virtual bool stop_requested() const noexcept = 0;
    /// A token that follows the signal.
    [[nodiscard]] virtual std::stop_token token() = 0;
    /// \param text  of at most `max_progress_octets`
    virtual void progress(std::string_view text) noexcept = 0;

protected:
    ~run_host() = default;
};

/// What a handler may know of its run, if its first parameter is a `context&`. The library passes it; it is no argument.
/// Lives as long as the run. `stop_requested` may be called from any thread, the rest by the handler's own.
class context {
public:
    /// \param name  of the task; must outlive the context
    context(task_id const& id, std::uint32_t attempt, std::string_view name, std::stop_token stop) noexcept
        : id_{id}, attempt_{attempt}, name_{name}, stop_{std::move(stop)} {}
    /// \param resources  of the thread; nullptr: it has none
    context(task_id const& id, std::uint32_t attempt, std::string_view name, run_host& host,
            thread_resources* resources = nullptr) noexcept
        : id_{id}, attempt_{attempt}, name_{name}, host_{&host}, resources_{resources} {}
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
        return host_ != nullptr ? host_->stop_requested() : stop_.stop_requested();
    }
    /// The same as a token, for `std::condition_variable_any`, `std::stop_callback` and the like.
    [[nodiscard]] std::stop_token stop() const { return host_ != nullptr ? host_->token() : stop_; }

    /// Tells how far the handler is, as JSON, to whoever asks: `client::status`, `client::watch`, `fastqueue watch`. It may be called
    /// as often as you like: of what comes within a tenth of a second the last one goes, and what is still on its way when the
    /// handler ends is dropped.
    /// \throws error (too_large) over 4096 octets; error (bad_value) for what JSON cannot carry
    template <class T>
    void progress(T const& value) {
        std::string text;
        serialization::json::encode(text, value);
        if (text.size() > max_progress_octets)
            throw error{errc::too_large, "the progress has " + std::to_string(text.size()) +
                                             " octets, over the limit of " +
                                             std::to_string(max_progress_octets)};
        encoded_progress(text);
    }
    /// The same, of what is JSON already; over the limit, nothing.
    void encoded_progress(std::string_view text) noexcept {
        if (host_ != nullptr && text.size() <= max_progress_octets) host_->progress(text);
    }

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
    run_host* host_ = nullptr;
    thread_resources* resources_ = nullptr;
};

}  // namespace fastqueue
