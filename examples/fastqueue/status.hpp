#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "options.hpp"
#include "output.hpp"
#include "report.hpp"

#include <fastqueue/client.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace fastqueue::cli {

/// A command about one task.
class task_command {
protected:
    using text = std::string_view;

    task_command(CLI::App& app, std::string const& name, std::string const& help)
        : options_{*app.add_subcommand(name, help)} {
        options_.one("--task-id", "ID", "Which task, as submit --non-blocking printed it (required)",
                     [this](text n, text v) { id_ = read_id(n, v); });
    }
    void read() {
        options_.read();
        if (id_.empty())
            throw error{errc::bad_option, "--task-id is missing: the id that submit --non-blocking printed"};
    }

    [[nodiscard]] std::string name() const { return "task " + id_.text(); }

public:
    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

protected:
    option_set options_;
    connection connection_;
    task_id id_;
};

/// `fastqueue status`
class status_command : public task_command {
public:
    explicit status_command(CLI::App& app) : task_command{app, "status", "Show where a task stands"} {
        options_.one("--wait", "SECONDS", "Wait so long for its end (default: do not wait)",
                     [this](text n, text v) { wait_ = read_seconds(n, v); });
        connection_.add_to(options_);
        options_.app().footer(
            "Exit codes are those of fastqueue --help; a task that failed is an answer, too: 0. With --wait, "
            "4: it has not ended.");
    }
    int run() {
        read();
        auto const status = connection_.ask(
            name(), [this](client& c) { return wait_ ? c.wait_status(id_, *wait_) : c.status(id_); });
        say(connection_.json() ? as_json(id_, status) : as_text(id_, status));
        return wait_ && !is_final(status.state) ? timed_out : done;
    }

private:
    std::optional<std::chrono::milliseconds> wait_;
};

/// `fastqueue cancel`
class cancel_command : public task_command {
public:
    explicit cancel_command(CLI::App& app) : task_command{app, "cancel", "Cancel a task"} {
        connection_.add_to(options_);
    }
    int run() {
        read();
        auto const state = connection_.ask(name(), [this](client& c) { return c.cancel(id_); });
        if (connection_.json())
            say(R"({"id":")" + id_.text() + R"(","state":")" + std::string{name_of(state)} + R"("})");
        else
            say(state == task_state::running ? "running: its handler was asked to stop"
                                             : std::string{name_of(state)});
        return done;
    }
};

}  // namespace fastqueue::cli
