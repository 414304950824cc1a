#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_options.hpp>
#include <fastqueue/tasks/invocation.hpp>
#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace fastqueue::detail {

/// A task as an outbox holds it.
struct outbox_row {
    std::uint64_t number;
    std::string id, name, content, options, arguments;
};

/// Makes tasks of rows, which may have been written by anybody. It outlives the tasks. One thread at a time.
class outbox_row_reader {
public:
    /// \throws error for a row that no task can be made of
    [[nodiscard]] invocation<void> task_of(outbox_row const& r) {
        auto const id = uuid::parse(r.id);
        if (!id) throw error{errc::bad_id, "the id '" + r.id.substr(0, 100) + "' is not a UUID"};
        if (!is_wire_token(r.content) || r.content.size() > 64)
            throw error{errc::unsupported_content, "the content '" + r.content.substr(0, 100) +
                                                       "' is not 1 to 64 characters without spaces"};
        wire::header header;
        wire::request_options asked;
        auto const line = "FQ1 submit " + r.options;
        auto problem = header.parse(r.options.empty() ? "FQ1 submit" : std::string_view{line}, 4096);
        if (!problem) problem = wire::read_options(header, asked);
        if (problem)
            throw error{errc::bad_option,
                        "the options '" + r.options.substr(0, 200) + "': " + std::string{problem->why}};
        invocation<void> task{r.name, r.arguments, *contents_.insert(r.content).first};
        apply(asked.task, task.id(*id));
        if (!asked.key.empty()) task.key(asked.key);
        return task;
    }

private:
    static void apply(task_options const& o, invocation<void>& task) {
        using std::chrono::microseconds;
        using std::chrono::milliseconds;
        auto const ms = [](std::uint64_t n) { return milliseconds{static_cast<std::int64_t>(n)}; };
        auto const at = [](std::uint64_t n) {
            return std::chrono::sys_time<microseconds>{microseconds{static_cast<std::int64_t>(n)}};
        };
        if (o.priority) task.at(*o.priority);
        if (o.delivery == delivery::at_most_once) task.at_most_once();
        if (o.meta) task.with_meta();
        task.retries(o.retries).retry_delay(ms(o.retry_delay_ms), o.retry_backoff, ms(o.retry_max_ms));
        task.retry_jitter(o.retry_jitter);
        if (o.timeout_ms != 0) task.timeout(ms(o.timeout_ms));
        if (o.soft_timeout_ms != 0) task.soft_timeout(ms(o.soft_timeout_ms));
        if (o.countdown_ms) task.countdown(ms(*o.countdown_ms));
        if (o.eta_us) task.eta(at(*o.eta_us));
        if (o.expires_ms) task.expires_in(ms(*o.expires_ms));
        if (o.expires_us) task.expires_at(at(*o.expires_us));
    }

    std::set<std::string, std::less<>> contents_;  // tasks show into it
};

}  // namespace fastqueue::detail
