#pragma once

#include <fastqueue/client_options.hpp>
#include <fastqueue/shell/client_answers.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/client_requests.hpp>
#include <fastqueue/shell/pending_answer.hpp>
#include <fastqueue/testing/simulated_network.hpp>
#include <fastqueue/transport/simulated.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::testing {

namespace detail {

/// An operation of a simulated client, and its answer.
struct simulated_operation final : shell::answer_handler {
    void answered(core::client_answer const& answer) noexcept override {
        shell::keep(answer, kept);
        ++answers;
    }
    task_id id;
    shell::kept_answer kept;
    int answers = 0;
};

}  // namespace detail

/// What a simulated client will have been answered, some virtual time later. Copies show the same. `R` is the type of the
/// task's result.
template <class R, class Serialization>
class simulated_answer {
public:
    explicit simulated_answer(std::shared_ptr<detail::simulated_operation const> operation)
        : operation_{std::move(operation)} {}

    /// The task that it is about.
    [[nodiscard]] task_id const& id() const noexcept { return operation_->id; }
    [[nodiscard]] bool there() const noexcept { return operation_->answers > 0; }
    /// Why there was no answer: `timed_out`, `unknown_task` ...; none where there was one, or is none yet.
    [[nodiscard]] std::error_code error() const noexcept { return operation_->kept.error; }
    /// Where the task stood when it was told; its end, of a `call`.
    [[nodiscard]] task_state state() const noexcept { return operation_->kept.state; }
    /// What was answered, as it came: a value, a document, how far a task is, or words about an error.
    [[nodiscard]] std::string const& text() const noexcept { return operation_->kept.payload; }
    /// How often there was an answer: of a `watch` more than once.
    [[nodiscard]] int answers() const noexcept { return operation_->answers; }
    /// What became of the task.
    /// \throws fastqueue::error where there was no answer, or its value cannot be read
    [[nodiscard]] outcome<R> result() const {
        if (!there()) throw fastqueue::error{errc::timed_out, "there is no answer yet"};
        auto const& kept = operation_->kept;
        if (kept.error) throw fastqueue::error{kept.error, kept.payload};
        return shell::outcome_of<R, Serialization>(kept);
    }

private:
    std::shared_ptr<detail::simulated_operation const> operation_;
};

/// A client in a simulated network: the production client's machine in virtual time. Nothing here can wait, so each call
/// begins an operation, and its answer is there when the network has been run for long enough. The network's thread.
template <class Policies>
class simulated_client {
    using serialization = typename Policies::serialization_policy;

public:
    template <class R>
    using answer = simulated_answer<R, serialization>;

    /// \param name  of its node
    simulated_client(simulated_network& network, std::string name, client_options const& options)
        : network_{network},
          requests_{options},
          driver_{requests_.machine_options(),
                  std::make_unique<transport::simulated>(network, std::move(name))} {}

    /// Runs a task; answered at its end.
    template <class R>
    answer<R> call(invocation<R> const& task) {
        auto const id = id_of(task);
        return begin<R>(requests_.task("call", task, id), id);
    }
    /// Hands a task over; answered when it is accepted.
    template <class R>
    answer<R> delay(invocation<R> const& task) {
        auto const id = id_of(task);
        return begin<R>(requests_.task("submit", task, id), id);
    }
    /// Answered at the task's end, or when `timeout` is over.
    template <class R>
    answer<R> wait(task_id const& id, std::chrono::milliseconds timeout) {
        return begin<R>(requests_.wait(id, timeout), id);
    }
    answer<void> cancel(task_id const& id) { return begin<void>(requests_.about("cancel", id), id); }
    /// Answered with where the task stands, with each progress, and at its end: `state` and `text` show the latest.
    answer<void> watch(task_id const& id) { return begin<void>(requests_.about("watch", id), id); }
    /// Has a task submitted again and again; answered with what is known of the schedule.
    template <class R>
    answer<void> schedule(std::string_view name, recurrence const& when, invocation<R> const& task) {
        return begin<void>(requests_.schedule(name, when, task, false), {});
    }
    /// A document of the management port, or an order to it: `document("cancel", "tag.customer=42")`.
    answer<void> document(std::string_view verb, std::string_view arguments = {}) {
        return begin<void>(requests_.document(verb, arguments), {});
    }

    /// Whether all that was begun has been answered.
    [[nodiscard]] bool at_rest() const noexcept { return driver_.machine().pending() == 0 && !any_open(); }
    [[nodiscard]] core::client const& machine() const noexcept { return driver_.machine(); }

private:
    [[nodiscard]] bool any_open() const noexcept {
        for (auto const& o : operations_) {
            if (o->answers == 0) return true;
        }
        return false;
    }
    template <class R>
    [[nodiscard]] task_id id_of(invocation<R> const& task) {
        if (!task.id().empty()) return task.id();
        auto const high = network_.random().next();
        return task_id::make_v7(network_.now().wall, high, network_.random().next());
    }
    template <class R>
    answer<R> begin(core::client_request request, task_id const& id) {
        auto& made = operations_.emplace_back(std::make_shared<detail::simulated_operation>());
        made->id = id;
        driver_.post(std::move(request), *made);
        return answer<R>{made};
    }

    simulated_network& network_;
    shell::client_requests requests_;
    shell::client_driver<Policies> driver_;
    std::vector<std::shared_ptr<detail::simulated_operation>> operations_;
};

}  // namespace fastqueue::testing
