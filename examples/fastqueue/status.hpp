#pragma once

#include "exit_code.hpp"
#include "output.hpp"
#include "report.hpp"
#include "task_command.hpp"

#include <fastqueue/client.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace fastqueue::cli {

/// `fastqueue status`
class status_command : public task_command {
public:
    explicit status_command(CLI::App& app) : task_command{app, "status", "Show where a task stands"} {
        options_.one("--wait", "SECONDS", "Wait so long for its end (default: do not wait)",
                     [this](text n, text v) { wait_ = read_seconds(n, v); });
        connection_.add_to(options_);
        options_.app().footer(
            "Example: fastqueue status 01890a5d-ac96-774b-bcce-b302099a8057 --wait 10\n"
            "Exit codes are those of fastqueue --help; a task that failed is an answer, too: 0. With --wait, "
            "4: it has not ended.");
    }
    int run() {
        read();
        auto const status = connection_.ask(
            name(id()), [this](client& c) { return wait_ ? c.wait_status(id(), *wait_) : c.status(id()); });
        say(connection_.json() ? as_json(id(), status) : as_text(id(), status));
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
        options_.app().footer(
            "One that has not begun never will; one that runs is asked to stop, which its handler must "
            "heed.\n"
            "Example: fastqueue cancel 01890a5d-ac96-774b-bcce-b302099a8057");
    }
    int run() {
        read();
        auto const state = connection_.ask(name(id()), [this](client& c) { return c.cancel(id()); });
        if (connection_.json())
            say(R"({"id":")" + id().text() + R"(","state":")" + std::string{name_of(state)} + R"("})");
        else
            say(state == task_state::running ? "running: its handler was asked to stop"
                                             : std::string{name_of(state)});
        return done;
    }
};

}  // namespace fastqueue::cli
