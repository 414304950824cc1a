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

}  // namespace fastqueue::cli
