#pragma once

#include "arguments.hpp"
#include "connection.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "options.hpp"
#include "output.hpp"
#include "report.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/tasks/invocation.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// `fastqueue submit`
class submit_command {
public:
    explicit submit_command(CLI::App& app)
        : options_{*app.add_subcommand("submit", "Have a task run, and print its value")} {
        add_options();
        connection_.add_to(options_);
        options_.app().footer(
            "Each argument is JSON where it can be read as JSON, else a string: --args 5 -3 Ada '\"5\"' '[1, "
            "2]'\n"
            "A value is printed as JSON, as it is; what failed is told on standard error: failure CODE: "
            "TEXT\n" +
            std::string{exit_code_help});
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run(std::vector<std::string> const& arguments) {
        options_.read();
        if (name_.empty())
            throw error{errc::bad_option,
                        "--task-name is missing: which task shall run, for example --task-name add"};
        auto const id = client::new_id();
        auto const task = made(arguments, id);
        try {
            return connection_.ask("task '" + name_ + "'", [&](client& c) {
                return waits_ ? report(id, c.call_encoded(task)) : accepted(c.delay(task));
            });
        } catch (error const& e) {
            if (e.code() != make_error_code(errc::timed_out)) throw;
            throw error{errc::timed_out, late(id)};
        }
    }

private:
    using text = std::string_view;

    void add_options() {
        options_.one("--task-name", "NAME", "Which task (required)",
                     [this](text n, text v) { name_ = read_name(n, v); });
        options_.app()
            .add_option(
                "--args", [](CLI::results_t const&) { return true; }, "Its arguments, by position")
            ->type_name("ARG...");
        options_.one("--priority", "LEVEL", "critical, high, normal or low (default: normal)",
                     [this](text n, text v) { priority_ = read_priority(n, v); });
        options_.app().add_flag_callback(
            "--non-blocking", [this] { waits_ = false; }, "Print the task's id at once and wait for nothing");
        options_.one("--countdown", "SECONDS", "Do not run it before so long from now",
                     [this](text n, text v) { countdown_ = read_seconds(n, v); });
        options_.one("--task-timeout", "SECONDS", "End an attempt that takes longer (default: never)",
                     [this](text n, text v) { limit_ = read_seconds(n, v, std::chrono::milliseconds{1}); });
        options_.one("--task-retries", "N", "Run it again so often after it failed (default: 0)",
                     [this](text n, text v) { retries_ = read_number<std::uint32_t>(n, v, 0, max_retries); });
    }
    [[nodiscard]] invocation<void> made(std::vector<std::string> const& arguments, task_id const& id) const {
        invocation<void> task{name_, arguments_as_json(arguments)};
        task.id(id).with_meta().retries(retries_);
        if (priority_) task.at(*priority_);
        if (countdown_) task.countdown(*countdown_);
        if (limit_) task.timeout(*limit_);
        return task;
    }
    /// Words for a task that has not ended in time: where it stands, if that can be learnt soon.
    [[nodiscard]] std::string late(task_id const& id) const {
        auto const time = "within " + seconds_text(connection_.options().timeout) + " s (--timeout)";
        try {
            auto soon = connection_.options();
            soon.timeout = std::chrono::seconds{1};
            client c{soon};
            auto const state = c.status(id).state;
            auto const document = c.document("tasks");
            json_rows const known{document};
            bool const can_run =
                std::ranges::any_of(std::views::iota(std::size_t{0}, known.size()),
                                    [&](std::size_t i) { return known.get(i, "name") == name_; });
            return "task '" + name_ + "' has not ended " + time + ": it is " + std::string{name_of(state)} +
                   (can_run ? "" : ", and no worker knows that name") + "; see fastqueue status --task-id " +
                   id.text();
        } catch (error const&) {
            return "no answer " + time + "; the task may still run: see fastqueue status --task-id " +
                   id.text();
        }
    }
    int accepted(task_id const& id) const {
        auto const state = countdown_ && countdown_->count() > 0 ? task_state::scheduled : task_state::queued;
        say(connection_.json() ? as_json(id, {state, {}, {}, {}}) : id.text());
        return done;
    }
    int report(task_id const& id, task_status const& status) const {
        bool const good = status.state == task_state::success;
        if (connection_.json())
            say(as_json(id, status));
        else if (good)
            say(value_text(status.value));
        else
            complain(failure_text(status));
        return good ? done : failed;
    }

    option_set options_;
    connection connection_;
    std::string name_;
    std::optional<priority> priority_;
    std::optional<std::chrono::milliseconds> countdown_;
    std::optional<std::chrono::milliseconds> limit_;
    std::uint32_t retries_ = 0;
    bool waits_ = true;
};

}  // namespace fastqueue::cli
