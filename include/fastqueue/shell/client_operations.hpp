#pragma once

#include <fastqueue/batch.hpp>
#include <fastqueue/client_options.hpp>
#include <fastqueue/core/client.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/shell/async_operation.hpp>
#include <fastqueue/shell/client_answers.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/client_requests.hpp>
#include <fastqueue/task.hpp>

#include <asio/async_result.hpp>
#include <asio/system_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::shell {

/// What every client can do without blocking. Each operation takes a completion token (a callback, `asio::use_future`,
/// `asio::use_awaitable` ...) as its last argument. The handler runs on its own executor; where it has none, on the client's
/// loop, where it must not block and not throw. Its cancellation slot ends the waiting (`operation_aborted`) and not the
/// task: that is what `async_cancel` is for.
///
/// The error code says whether an answer was had: `unreachable`, `timed_out`, `stopped`, or what the control plane refused
/// with. What became of the task is in the outcome. A coroutine with `asio::use_awaitable` gets the code alone, as
/// std::system_error; `asio::as_tuple(asio::use_awaitable)` gives both, and the control plane's words are the outcome's text.
///
/// Threads: all members may be called from any thread at once.
template <class Policies>
class client_operations {
protected:
    using driver_type = client_driver<Policies>;
    using serialization = typename Policies::serialization_policy;

public:
    /// Runs a task. Completes with `(std::error_code, outcome<R>)` when it has ended.
    template <class R, class Token>
    auto async_call(invocation<R> const& task, Token&& token) {
        return start<void(std::error_code, outcome<R>)>(requests_.task("call", task, requests_.id_of(task)),
                                                        give_outcome<R>{}, std::forward<Token>(token));
    }
    /// Hands a task over. Completes with `(std::error_code, task_id)` when it is accepted; the id is another one's where the task
    /// is attached to that (see `invocation::unique`).
    template <class R, class Token>
    auto async_delay(invocation<R> const& task, Token&& token) {
        auto const id = requests_.id_of(task);
        return start<void(std::error_code, task_id)>(requests_.task("submit", task, id), give_id{id},
                                                     std::forward<Token>(token));
    }
    /// Hands many tasks over in one message: all are accepted, or none is. Completes with
    /// `(std::error_code, std::vector<task_id>)`, in the batch's order; `bad_option` for an empty one.
    template <class Token>
    auto async_delay(batch const& tasks, Token&& token) {
        auto ids = requests_.ids_of(tasks);
        auto request = requests_.tasks(tasks, ids);
        return start<void(std::error_code, std::vector<task_id>)>(
            std::move(request), give_ids{std::move(ids)}, std::forward<Token>(token));
    }
    /// Waits for a task's end, at most `timeout`. Completes with `(std::error_code, outcome<R>)`, whose state is not final
    /// when the time was over.
    template <class R, class Token>
    auto async_wait(task_id const& id, std::chrono::milliseconds timeout, Token&& token) {
        return start<void(std::error_code, outcome<R>)>(requests_.wait(id, timeout), give_outcome<R>{},
                                                        std::forward<Token>(token));
    }
    /// Where a task stands. Completes with `(std::error_code, task_status)`.
    template <class Token>
    auto async_status(task_id const& id, Token&& token) {
        return start<void(std::error_code, task_status)>(requests_.about("get", id), give_status{},
                                                         std::forward<Token>(token));
    }
    /// Cancels a task. Completes with `(std::error_code, task_state)`: `cancelled` where it had not begun, `running` where
    /// its handler was asked to stop.
    template <class Token>
    auto async_cancel(task_id const& id, Token&& token) {
        return start<void(std::error_code, task_state)>(requests_.about("cancel", id), give_state{},
                                                        std::forward<Token>(token));
    }
    /// Drops a task's result. Completes with `(std::error_code)`.
    template <class Token>
    auto async_forget(task_id const& id, Token&& token) {
        return start<void(std::error_code)>(requests_.about("forget", id), give_nothing{},
                                            std::forward<Token>(token));
    }
    /// A document of the management port, as JSON. Completes with `(std::error_code, std::string)`.
    /// \param verb       of a literal: `workers`, `queues`, `tasks`, `why` ...
    /// \param arguments  what stands behind it in the header, as `state=running limit=5`
    template <class Token>
    auto async_document(std::string_view verb, std::string_view arguments, Token&& token) {
        return start<void(std::error_code, std::string)>(requests_.document(verb, arguments), give_payload{},
                                                         std::forward<Token>(token));
    }

    /// A new id that nobody can guess.
    [[nodiscard]] static task_id new_id() { return task_id::make_v7(client_requests::wall_now()); }

protected:
    client_operations(client_options options, std::unique_ptr<typename Policies::transport_policy> transport)
        : requests_{std::move(options)}, driver_{requests_.machine_options(), std::move(transport)} {}
    ~client_operations() = default;

    [[nodiscard]] client_requests& requests() noexcept { return requests_; }
    [[nodiscard]] driver_type& driver() noexcept { return driver_; }

private:
    // What handlers are called with. Where no answer was had the rest is empty, and the words are in the outcome's text.
    template <class R>
    struct give_outcome {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            if (answer.error) return none(std::move(handler), answer.error, std::move(answer.payload));
            try {
                auto made = outcome_of<R, serialization>(std::move(answer));
                std::move(handler)(std::error_code{}, std::move(made));
            } catch (error const& e) {
                none(std::move(handler), e.code(), e.text());
            }
        }
        template <class Handler>
        static void none(Handler handler, std::error_code why, std::string text) {
            std::move(handler)(why, outcome<R>::ended(task_state::queued, why, std::move(text)));
        }
    };
    struct give_id {
        task_id id;
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            std::move(handler)(answer.error, answer.error ? task_id{} : answer.stands_for(id));
        }
    };
    struct give_ids {
        std::vector<task_id> ids;
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) {
            if (answer.error) ids.clear();
            answer.replace_attached(ids);
            std::move(handler)(answer.error, std::move(ids));
        }
    };
    struct give_status {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            auto const why = answer.error;
            std::move(handler)(why, why ? task_status{} : status_of(std::move(answer)));
        }
    };
    struct give_state {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            std::move(handler)(answer.error, answer.state);
        }
    };
    struct give_nothing {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            std::move(handler)(answer.error);
        }
    };
    struct give_payload {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            std::move(handler)(answer.error, answer.error ? std::string{} : std::move(answer.payload));
        }
    };

    template <class Signature, class Convert, class Token>
    auto start(core::client_request request, Convert convert, Token&& token) {
        return asio::async_initiate<Token, Signature>(
            [this](auto handler, core::client_request&& asked, Convert&& made) {
                auto const loop = loop_executor();
                using operation = async_operation<decltype(handler), Convert, std::decay_t<decltype(loop)>>;
                operation::start(driver_, loop, std::move(asked), std::move(handler), std::move(made));
            },
            token, std::move(request), std::move(convert));
    }

    /// Where a handler runs that has no executor of its own.
    [[nodiscard]] auto loop_executor() {
        if constexpr (requires { driver_.transport().context(); })
            return driver_.transport().context().get_executor();
        else
            return asio::
                system_executor{};  // a loop without Asio: what is dispatched here runs at once, in it
    }

    client_requests requests_;
    driver_type driver_;
};

}  // namespace fastqueue::shell
