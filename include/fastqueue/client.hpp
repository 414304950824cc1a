#pragma once

#include <fastqueue/core/client.hpp>
#include <fastqueue/model/id_source.hpp>
#include <fastqueue/model/outcome.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/pending_answer.hpp>
#include <fastqueue/task.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace fastqueue {

/// How a client is set up.
struct client_options {
    endpoint discovery{"127.0.0.1", 5550};      ///< where the control plane is asked for
    std::chrono::milliseconds timeout{30'000};  ///< for each blocking call, from its begin to its answer
    std::uint32_t retries = 3;  ///< further dials before "nobody there", as long as there never was contact
    std::uint64_t seed = 0;     ///< of back-off's jitter; 0: random
};

/// Where a task stands, as the control plane knows it.
struct task_status {
    task_state state = task_state::queued;
    std::error_code error;  ///< of one that failed
    std::string value;      ///< encoded, or the error's text; empty while there is none
    task_meta meta;
};

/// Submits tasks and fetches their results, with a loop and a thread of its own. A lost connection or a control plane
/// that starts again is bridged within each call's time: what was sent is sent again under the same id. So it runs once,
/// unless the control plane has forgotten it: one with the memory store does at its end.
///
/// Threads: all members may be called from any thread at once. They block, and throw fastqueue::error:
/// `unreachable` (nobody there), `timed_out`, `stopped`, or what the control plane refused with. After `fork` the child must
/// not touch it.
template <class Policies = default_policies>
class basic_client : private detail::checked<Policies> {
    using driver = shell::client_driver<Policies>;

public:
    /// Connects when it is first used.
    explicit basic_client(client_options options = {}, policy_instances<Policies> instances = {})
        : options_{std::move(options)},
          driver_{machine_options(options_), std::move(instances.transport)},
          thread_{[this] { driver_.run(); }} {}
    ~basic_client() {
        driver_.stop();
        thread_.join();
    }
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
        return outcome_of<R>(ask(task_request("call", task, id_of(task))));
    }

    /// Hands a task over and does not wait for its end.
    /// \return its id, once the control plane has accepted it
    template <class R>
    task_id delay(invocation<R> const& task) {
        auto const id = id_of(task);
        static_cast<void>(ask(task_request("submit", task, id)));
        return id;
    }

    /// The task's end; empty while it has none.
    /// \throws error (unknown_task) for an id that is not known, or whose result is no longer kept
    template <class R>
    [[nodiscard]] std::optional<outcome<R>> result(task_id const& id) {
        auto answer = ask(id_request("get", id));
        if (!is_final(answer.state)) return std::nullopt;
        return outcome_of<R>(std::move(answer));
    }
    /// Waits for the task's end, at most `timeout`; empty when that is over.
    /// \throws error (unknown_task)
    template <class R>
    [[nodiscard]] std::optional<outcome<R>> wait(task_id const& id, std::chrono::milliseconds timeout) {
        auto answer = ask(wait_request(id, timeout));
        if (!is_final(answer.state)) return std::nullopt;
        return outcome_of<R>(std::move(answer));
    }
    /// Where the task stands. \throws error (unknown_task)
    [[nodiscard]] task_status status(task_id const& id) { return status_of(ask(id_request("get", id))); }
    /// The same, at its end or when `timeout` is over. \throws error (unknown_task)
    [[nodiscard]] task_status wait_status(task_id const& id, std::chrono::milliseconds timeout) {
        return status_of(ask(wait_request(id, timeout)));
    }
    /// Cancels a task.
    /// \return `cancelled` where it had not begun, `running` where its handler was asked to stop
    /// \throws error (unknown_task, already_finished)
    task_state cancel(task_id const& id) { return ask(id_request("cancel", id)).state; }
    /// Drops a task's result. \throws error (unknown_task, not_finished)
    void forget(task_id const& id) { static_cast<void>(ask(id_request("forget", id))); }

    /// A document of the management port, as JSON: `workers`, `queues`, `tasks`, `stats`, `health` ...
    /// \param verb       of a literal
    /// \param arguments  what stands behind it in the header, as `state=running limit=5`
    /// \throws error (unknown_task, unknown_worker ...)
    [[nodiscard]] std::string document(std::string_view verb, std::string_view arguments = {}) {
        core::client_request request;
        request.verb = verb;
        if (!arguments.empty()) request.tokens = " " + std::string{arguments};
        request.port = core::client_port::management;
        request.timeout = options_.timeout;
        return ask(std::move(request)).payload;
    }

    /// Sends a task whose arguments are encoded already, and waits for its end. For programs that pass on what they are
    /// given, as the CLI does.
    [[nodiscard]] task_status call_encoded(invocation<void> const& task) {
        return status_of(ask(task_request("call", task, id_of(task))));
    }

    /// A new id that nobody can guess.
    [[nodiscard]] static task_id new_id() { return task_id::make_v7(wall_now()); }

private:
    static wall_instant wall_now() noexcept {
        using std::chrono::microseconds;
        return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
    }
    static core::client_options machine_options(client_options const& o) {
        core::client_options made;
        made.discovery = o.discovery;
        made.retries = o.retries;
        made.seed = o.seed != 0 ? o.seed : random_seed();
        return made;
    }
    template <class R>
    [[nodiscard]] task_id id_of(invocation<R> const& task) {
        if (!task.id().empty()) return task.id();
        std::scoped_lock const lock{ids_mutex_};
        return ids_.next(wall_now());
    }
    template <class R>
    [[nodiscard]] core::client_request task_request(std::string_view verb, invocation<R> const& task,
                                                    task_id const& id) const {
        core::client_request request;
        request.verb = verb;
        std::string head;
        wire::header_writer header{head, {}};
        header.token(id).token(task.name());
        wire::write_options(header, task.options());
        if (!task.key().empty()) header.field("key", task.key());
        if (task.content() != serialization::json::content) header.field("content", task.content());
        request.tokens = head.substr(4);  // behind "FQ1 "
        request.payload = task.arguments();
        request.timeout = options_.timeout;
        return request;
    }
    [[nodiscard]] core::client_request id_request(std::string_view verb, task_id const& id) const {
        core::client_request request;
        request.verb = verb;
        request.tokens = " " + id.text();
        request.timeout = options_.timeout;
        return request;
    }
    [[nodiscard]] core::client_request wait_request(task_id const& id,
                                                    std::chrono::milliseconds timeout) const {
        auto request = id_request("wait", id);
        request.tokens +=
            " timeout_ms=" + std::to_string(std::max<std::chrono::milliseconds::rep>(timeout.count(), 0));
        request.timeout = timeout + options_.timeout;  // the control plane answers when `timeout` is over
        return request;
    }
    /// Sends a request and waits for its answer.
    [[nodiscard]] shell::kept_answer ask(core::client_request request) {
        shell::pending_answer pending;
        driver_.post(std::move(request), pending);
        auto answer = pending.wait();
        if (answer.error)
            throw error{answer.error, answer.payload.empty() ? answer.error.message() : answer.payload};
        return answer;
    }
    template <class R>
    [[nodiscard]] static outcome<R> outcome_of(shell::kept_answer answer) {
        using value = typename outcome<R>::value_type;
        auto made = [&] {
            if (answer.state == task_state::success) return outcome<R>::succeeded(decode<value>(answer));
            auto const code = answer.code != errc{} ? answer.code : errc::handler_error;
            return outcome<R>::ended(answer.state, make_error_code(code), std::move(answer.payload));
        }();
        made.meta(std::move(answer.meta));
        return made;
    }
    template <class T>
    [[nodiscard]] static T decode(shell::kept_answer const& answer) {
        using chosen = typename Policies::serialization_policy;
        if (answer.content.empty() || answer.content == serialization::json::content)
            return serialization::json::decode<T>(answer.payload);
        if (answer.content == chosen::content) return chosen::template decode<T>(answer.payload);
        throw error{errc::unsupported_content,
                    "the result's content '" + answer.content + "' cannot be read by this client"};
    }
    [[nodiscard]] static task_status status_of(shell::kept_answer answer) {
        task_status s;
        s.state = answer.state;
        if (answer.code != errc{}) s.error = make_error_code(answer.code);
        s.value = std::move(answer.payload);
        s.meta = std::move(answer.meta);
        return s;
    }

    client_options options_;
    std::mutex ids_mutex_;
    id_source ids_;
    driver driver_;
    std::thread thread_;
};

using client = basic_client<>;

}  // namespace fastqueue
