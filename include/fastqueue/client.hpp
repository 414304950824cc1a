#pragma once

#include <fastqueue/batch.hpp>
#include <fastqueue/client_options.hpp>
#include <fastqueue/shell/client_loop.hpp>
#include <fastqueue/shell/client_operations.hpp>
#include <fastqueue/shell/completions.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace fastqueue {

/// Submits tasks and fetches their results, with a loop and a thread of its own. A lost connection or a control plane that
/// starts again is bridged within each call's time: what was sent is sent again under the same id. So it runs once, unless the
/// control plane has forgotten it: one with the memory store does at its end.
///
/// The members below block, and throw fastqueue::error: `unreachable` (nobody there), `timed_out`, `stopped`, or what the
/// control plane refused with. They must not be called from a completion handler that runs on the client's own loop: whoever
/// waits here alone turns that loop. The `async_` ones are shell::client_operations'.
///
/// Threads: all members may be called from any thread at once. After `fork` the child must not touch it.
template <class Policies = default_policies>
class basic_client : public shell::client_operations<Policies> {
    using base = shell::client_operations<Policies>;
    using serialization = typename Policies::serialization_policy;

public:
    /// Connects when it is first used.
    explicit basic_client(client_options options = {}, policy_instances<Policies> instances = {})
        : base{std::move(options), std::move(instances.transport)}, loop_{this->driver()} {}
    ~basic_client() = default;
    basic_client(basic_client const&) = delete;
    basic_client& operator=(basic_client const&) = delete;

    /// Runs a task and waits for its value.
    /// \throws error with what the handler said (`handler_error` ...) if it did not succeed
    template <class R>
    R call(invocation<R> const& task) {
        auto result = call_outcome(task);
        if constexpr (std::is_void_v<R>)
            static_cast<void>(result.value());
        else
            return std::move(result).value();
    }
    /// The same by name; arguments are sent as JSON, by position.
    template <class R, class... Ts>
    R call(std::string_view name, Ts const&... arguments) {
        return call(invoke<R>(name, arguments...));
    }
    /// Runs a task and waits for its end, whatever it is.
    /// \throws error only where no end could be learnt
    template <class R>
    [[nodiscard]] outcome<R> call_outcome(invocation<R> const& task) {
        return outcome_of<R>(ask(this->requests().task("call", task, this->requests().id_of(task))));
    }

    /// Hands a task over and does not wait for its end.
    /// \return its id, once the control plane has accepted it; where it is attached to another one (see invocation::unique), that
    ///         one's
    template <class R>
    task_id delay(invocation<R> const& task) {
        auto const id = this->requests().id_of(task);
        return ask(this->requests().task("submit", task, id)).stands_for(id);
    }
    /// Hands many tasks over in one message: all are accepted, or none is.
    /// \return their ids, in the batch's order
    /// \throws error naming the task that was refused
    std::vector<task_id> delay(batch const& tasks) {
        auto ids = this->requests().ids_of(tasks);
        if (ids.empty()) return ids;
        ask(this->requests().tasks(tasks, ids)).replace_attached(ids);
        return ids;
    }

    /// The task's end; empty while it has none.
    /// \throws error (unknown_task) for an id that is not known, or whose result is no longer kept
    template <class R>
    [[nodiscard]] std::optional<outcome<R>> result(task_id const& id) {
        return if_final<R>(ask(this->requests().about("get", id)));
    }
    /// Waits for the task's end, at most `timeout`; empty when that is over.
    /// \throws error (unknown_task)
    template <class R>
    [[nodiscard]] std::optional<outcome<R>> wait(task_id const& id, std::chrono::milliseconds timeout) {
        return if_final<R>(ask(this->requests().wait(id, timeout)));
    }
    /// Waits for the end of all, at most `timeout`.
    /// \return what became of each, at its place in `ids`; empty for one that has not ended by then, or is not known
    template <class R>
    [[nodiscard]] std::vector<std::optional<outcome<R>>> wait_all(std::span<task_id const> ids,
                                                                  std::chrono::milliseconds timeout) {
        std::vector<std::optional<outcome<R>>> out(ids.size());
        auto completions = as_completed<R>(ids, timeout);
        while (auto next = completions.next()) out[next->index] = std::move(next->result);
        return out;
    }
    /// The tasks in the order in which they end: `for (auto& done : client.as_completed<int>(ids, 10s))`. Ends when all have
    /// been shown, or `timeout` is over. The client outlives what is returned.
    template <class R>
    [[nodiscard]] shell::completions<R, Policies> as_completed(std::span<task_id const> ids,
                                                               std::chrono::milliseconds timeout) {
        return {*this, ids, timeout};
    }

    /// Where the task stands. \throws error (unknown_task)
    [[nodiscard]] task_status status(task_id const& id) {
        return shell::status_of(ask(this->requests().about("get", id)));
    }
    /// The same, at its end or when `timeout` is over. \throws error (unknown_task)
    [[nodiscard]] task_status wait_status(task_id const& id, std::chrono::milliseconds timeout) {
        return shell::status_of(ask(this->requests().wait(id, timeout)));
    }
    /// Follows a task to its end: `on_news(task_status const&)` is called here, in the caller's thread, with where it stands now and
    /// with each progress that its handler tells (`value`, as JSON); of what comes faster than it returns only the latest. What it
    /// throws ends the watching.
    /// \param timeout  how long at most; negative: until its end
    /// \return its end, or where it stands when the time was over
    /// \throws error (unknown_task)
    template <class F>
    task_status watch(task_id const& id, F&& on_news,
                      std::chrono::milliseconds timeout = std::chrono::milliseconds{-1}) {
        auto request = this->requests().about("watch", id);
        request.timeout = timeout;
        std::optional<task_status> latest;
        auto last = loop_.follow(std::move(request), [&](shell::kept_answer answer) {
            latest = shell::status_of(std::move(answer));
            on_news(std::as_const(*latest));
        });
        if (last.error == errc::timed_out && latest) return std::move(*latest);
        return shell::status_of(checked(std::move(last)));
    }
    /// The task's attempts that went wrong, the latest last: while it lives, and as long as its result is kept.
    /// \throws error (unknown_task)
    [[nodiscard]] std::vector<failed_attempt> history(task_id const& id) {
        return shell::history_of(document("inspect", id.text()));
    }
    /// Cancels a task.
    /// \return `cancelled` where it had not begun, `running` where its handler was asked to stop
    /// \throws error (unknown_task, already_finished)
    task_state cancel(task_id const& id) { return ask(this->requests().about("cancel", id)).state; }
    /// Cancels all tasks that fit: `name=add`, `tag.customer=42`, `priority=low`, `state=scheduled`, with a space between where all
    /// must; or `all=1`. Tasks that come meanwhile may be met, too.
    /// \throws error (bad_request) for a filter that cannot be read
    cancelled_tasks cancel_where(std::string_view filter) {
        if (filter.empty())
            throw error{errc::bad_option, "which tasks? name=, tag.KEY=, priority=, state= or all=1"};
        cancelled_tasks sum;
        std::optional<std::uint32_t> from = 0;
        while (from) {
            auto const part = shell::cancelled_of(
                document("cancel", std::string{filter} + " from=" + std::to_string(*from)));
            sum.cancelled += part.cancelled;
            sum.asked_to_stop += part.asked_to_stop;
            from = part.from;
        }
        return sum;
    }
    /// Drops a task's result. \throws error (unknown_task, not_finished)
    void forget(task_id const& id) { static_cast<void>(ask(this->requests().about("forget", id))); }

    /// Has a task submitted again and again: `schedule("nightly", cron("0 2 * * *", "Europe/Berlin"), tasks::clean("/tmp"))`. The same
    /// said again changes nothing.
    /// \param replace  whether a schedule of that name that says something else is changed to this; else it is refused
    /// \return what is known of it, as JSON: `next_us` and so on
    /// \throws error (duplicate, bad_request for a time zone that is not known there, queue_full)
    template <class R>
    std::string schedule(std::string_view name, recurrence const& when, invocation<R> const& task,
                         bool replace = false) {
        return ask(this->requests().schedule(name, when, task, replace)).payload;
    }
    /// Ends a schedule. Tasks that it has submitted stay. \throws error (unknown_task_name)
    void unschedule(std::string_view name) { static_cast<void>(document("unschedule", name)); }
    /// Has a schedule fire now, beside its times. \return the task's id \throws error (unknown_task_name, queue_full)
    task_id trigger(std::string_view schedule_name) {
        auto const id = this->new_id();
        static_cast<void>(document("trigger", std::string{schedule_name} + " as=" + id.text()));
        return id;
    }

    /// A document of the management port, as JSON: `workers`, `queues`, `tasks`, `stats`, `health` ...
    /// \param verb       of a literal
    /// \param arguments  what stands behind it in the header, as `state=running limit=5`
    /// \param payload    what some verbs take beside it, as `backup` the file's path
    /// \throws error (unknown_task, unknown_worker ...)
    [[nodiscard]] std::string document(std::string_view verb, std::string_view arguments = {},
                                       std::string_view payload = {}) {
        return ask(this->requests().document(verb, arguments, payload)).payload;
    }

    /// Sends a task whose arguments are encoded already, and waits for its end. For programs that pass on what they are
    /// given, as the CLI does.
    [[nodiscard]] task_status call_encoded(invocation<void> const& task) {
        return shell::status_of(ask(this->requests().task("call", task, this->requests().id_of(task))));
    }

private:
    /// Sends a request and waits for its answer.
    [[nodiscard]] shell::kept_answer ask(core::client_request request) {
        return checked(loop_.ask(std::move(request)));
    }
    [[nodiscard]] static shell::kept_answer checked(shell::kept_answer answer) {
        if (answer.error)
            throw error{answer.error, answer.payload.empty() ? answer.error.message() : answer.payload};
        return answer;
    }
    template <class R>
    [[nodiscard]] static outcome<R> outcome_of(shell::kept_answer answer) {
        return shell::outcome_of<R, serialization>(std::move(answer));
    }
    template <class R>
    [[nodiscard]] static std::optional<outcome<R>> if_final(shell::kept_answer answer) {
        if (!is_final(answer.state)) return std::nullopt;
        return outcome_of<R>(std::move(answer));
    }

    shell::client_loop<Policies> loop_;
};

using client = basic_client<>;

}  // namespace fastqueue
