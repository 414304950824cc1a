#pragma once

#include <fastqueue/batch.hpp>
#include <fastqueue/client_options.hpp>
#include <fastqueue/core/client.hpp>
#include <fastqueue/model/id_source.hpp>
#include <fastqueue/tasks/invocation.hpp>
#include <fastqueue/tasks/recurrence.hpp>
#include <fastqueue/tasks/task_tokens.hpp>
#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::shell {

/// Turns what a caller wants into what the client's machine sends. Any thread.
class client_requests {
public:
    explicit client_requests(client_options options) : options_{std::move(options)} {}

    /// A task with its id: `call` or `submit`.
    template <class R>
    [[nodiscard]] core::client_request task(std::string_view verb, invocation<R> const& task,
                                            task_id const& id) const {
        auto request = plain(verb);
        request.tokens = tokens(task, id);
        request.payload = task.arguments();
        return request;
    }
    /// Tasks that are accepted together, each with the id at its place in `ids`.
    [[nodiscard]] core::client_request tasks(batch const& tasks, std::vector<task_id> const& ids) const {
        auto request = plain("submit");
        request.batch.reserve(tasks.size());
        auto id = ids.begin();
        for (auto const& task : tasks) request.batch.push_back({tokens(task, *id++), task.arguments()});
        return request;
    }
    [[nodiscard]] core::client_request about(std::string_view verb, task_id const& id) const {
        auto request = plain(verb);
        request.tokens = " " + id.text();
        return request;
    }
    /// \param timeout  when the control plane answers though the task has not ended
    [[nodiscard]] core::client_request wait(task_id const& id, std::chrono::milliseconds timeout) const {
        auto request = about("wait", id);
        auto const ms = std::max<std::chrono::milliseconds::rep>(timeout.count(), 0);
        request.tokens += " timeout_ms=" + std::to_string(ms);
        request.timeout = timeout + options_.timeout;
        return request;
    }
    [[nodiscard]] core::client_request document(std::string_view verb, std::string_view arguments,
                                                std::string_view payload = {}) const {
        auto request = plain(verb);
        request.payload = payload;
        if (!arguments.empty()) request.tokens = " " + std::string{arguments};
        request.port = core::client_port::management;
        return request;
    }

    /// A schedule that is made, or changed.
    template <class R>
    [[nodiscard]] core::client_request schedule(std::string_view name, recurrence const& when,
                                                invocation<R> const& task, bool replace) const {
        auto declared = declare_schedule(name, when, task);
        auto request = document("schedule", {}, declared.arguments);
        request.tokens = std::move(declared.tokens);
        if (replace) request.tokens += " replace=1";
        return request;
    }

    template <class R>
    [[nodiscard]] task_id id_of(invocation<R> const& task) {
        if (!task.id().empty()) return task.id();
        std::scoped_lock const lock{mutex_};
        return ids_.next(wall_now());
    }
    [[nodiscard]] std::vector<task_id> ids_of(batch const& tasks) {
        std::vector<task_id> ids;
        ids.reserve(tasks.size());
        for (auto const& task : tasks) ids.push_back(id_of(task));
        return ids;
    }
    /// The same options as the client's machine wants them.
    [[nodiscard]] core::client_options machine_options() const {
        core::client_options made;
        made.discovery = options_.discovery;
        made.retries = options_.retries;
        made.seed = options_.seed != 0 ? options_.seed : random_seed();
        return made;
    }

    [[nodiscard]] static wall_instant wall_now() noexcept {
        using std::chrono::microseconds;
        return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
    }

private:
    [[nodiscard]] core::client_request plain(std::string_view verb) const {
        core::client_request request;
        request.verb = verb;
        request.timeout = options_.timeout;
        return request;
    }
    static void check(std::string_view what, std::string_view token) {
        if (!token.empty() && !fastqueue::detail::is_wire_token(token))
            fastqueue::detail::bad_option(what, "1 to 255 printable characters without spaces");
    }
    template <class R>
    [[nodiscard]] std::string tokens(invocation<R> const& task, task_id const& id) const {
        auto options = task.options();
        auto key = task.key();
        std::string traceparent;
        if (options_.before_call) {
            outgoing_task seen{id, task.name(), task.arguments(), options, key, traceparent};
            options_.before_call(seen);
            check("key", key);
            check("traceparent", traceparent);
        }
        wire::octet_buffer head;
        wire::header_writer header{head, {}};
        header.token(id).token(task.name());
        fastqueue::detail::write_wishes(header, task, options, key);
        if (!traceparent.empty()) header.field("traceparent", traceparent);
        return std::string{head.view().substr(4)};  // without "FQ1 "
    }

    client_options options_;
    std::mutex mutex_;
    id_source ids_;
};

}  // namespace fastqueue::shell
