#pragma once

#include "arguments.hpp"
#include "batch.hpp"
#include "connection.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "options.hpp"
#include "output.hpp"
#include "report.hpp"
#include "task_options.hpp"
#include "wishes.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <string>
#include <string_view>

namespace fastqueue::cli {

/// `fastqueue submit`
class submit_command {
public:
    explicit submit_command(CLI::App& app)
        : options_{
              *app.add_subcommand("submit", "Have a task run, and print its value; or many, from a file")} {
        add_options();
        connection_.add_to(
            options_, {"--wait", "--connect-retries"},
            "How long to wait for the answer (default: 30; with --from, for each line's, and as "
            "long as it takes)");
        options_.app().footer(std::string{help});
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run(command_line const& line) {
        options_.read();
        if (!from_.empty()) return run_many(line);
        wishes_.require_name();
        wishes_.id = client::new_id();
        auto const task = wishes_.made(given_arguments(line)).with_meta();
        try {
            return connection_.ask("task '" + wishes_.name + "'", [&](client& c) {
                return waits_ ? report_end(wishes_.id, c.call_encoded(task), connection_.json())
                              : accepted(c.delay(task));
            });
        } catch (error const& e) {
            if (e.code() != make_error_code(errc::timed_out)) throw;
            throw error{errc::timed_out, late(wishes_.id)};
        }
    }

private:
    using text = std::string_view;
    static constexpr text help =
        "Each argument is JSON where it can be read as JSON, else a string: --args 5 -3 Ada '\"5\"' '[1, "
        "2]'\n"
        "A value is printed as JSON, as it is; what failed is told on standard error: failure CODE: TEXT\n"
        "Examples:\n"
        "  fastqueue submit --task-name add --args 5 3\n"
        "  fastqueue submit --task-name add --kwargs x=5 y=3 --priority high --timeout 10 --retries 3\n"
        "  fastqueue submit --from tasks.jsonl     # a line a task: {\"task\": \"add\", \"args\": [5, 3]}\n"
        "  A line may have kwargs (in place of args), an id, and what the options say: \"retry_delay\": 0.5\n"
        "Exit codes: 0 done, 1 a task failed, 2 usage, or a line that cannot be read, 3 nobody there,\n"
        "            4 timed out, 5 refused by the control plane. Of many, the first of 2, 5, 4, 1 that "
        "occurred.";

    void add_options() {
        add_task_options(options_, wishes_, "Which task (required; with --from, for lines that name none)",
                         false);
        options_.one("--from", "FILE", "Tasks from a file, or - for standard input: a JSON object a line",
                     [this](text, text v) { from_ = v; });
        options_.flag("--non-blocking", "Print the task's id at once and wait for nothing",
                      [this](bool set) { waits_ = !set; });
    }
    int run_many(command_line const& line) const {
        if (line.arguments || line.named)
            throw error{errc::bad_option, "--from and " + std::string{line.named ? "--kwargs" : "--args"} +
                                              " stand together; give arguments in the lines of '" + from_ +
                                              "'"};
        return batch{connection_, wishes_, from_, waits_, connection_.patience()}.run();
    }
    /// Words for a task that has not ended in time: where it stands, if that can be learnt soon.
    [[nodiscard]] std::string late(task_id const& id) const {
        auto const time = "within " + seconds_text(connection_.options().timeout) + " s (--wait)";
        try {
            auto soon = connection_.options();
            soon.timeout = std::chrono::seconds{1};
            client c{soon};
            auto const state = c.status(id).state;
            auto const document = c.document("names");
            json_rows const known{document};
            bool const can_run =
                std::ranges::any_of(std::views::iota(std::size_t{0}, known.size()),
                                    [&](std::size_t i) { return known.get(i, "name") == wishes_.name; });
            return "task '" + wishes_.name + "' has not ended " + time + ": it is " +
                   std::string{name_of(state)} + (can_run ? "" : ", and no worker knows that name") +
                   "; see fastqueue status --task-id " + id.text();
        } catch (error const&) {
            return "no answer " + time + "; the task may still run: see fastqueue status --task-id " +
                   id.text();
        }
    }
    int accepted(task_id const& id) const {
        auto const state = wishes_.later() ? task_state::scheduled : task_state::queued;
        say(connection_.json() ? as_json(id, {state, {}, {}, {}}) : id.text());
        return done;
    }

    option_set options_;
    connection connection_;
    task_wishes wishes_;
    std::string from_;
    bool waits_ = true;
};

}  // namespace fastqueue::cli
