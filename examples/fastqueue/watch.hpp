#pragma once

#include "exit_code.hpp"
#include "output.hpp"
#include "report.hpp"
#include "task_command.hpp"

#include <fastqueue/client.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace fastqueue::cli {

/// `fastqueue watch`
class watch_command : public task_command {
public:
    explicit watch_command(CLI::App& app)
        : task_command{app, "watch", "Follow a task: its progress as its handler tells it, and its end"} {
        connection_.add_to(options_, {}, "Give up when it has not ended by then (default: never)");
        options_.app().footer(
            "A line for each news on standard error, and the value on standard output as wait prints it; "
            "with "
            "--output json all\non standard output, an object a line.\n"
            "Example: fastqueue watch 01890a5d-ac96-774b-bcce-b302099a8057\n"
            "Exit codes: 0 it succeeded, 1 it failed, 3 nobody there, 4 it has not ended, 5 it is not "
            "known.");
    }
    int run() {
        read();
        auto const limit = connection_.patience().value_or(std::chrono::milliseconds{-1});
        auto const end = connection_.ask(name(id()), [&](client& c) {
            return c.watch(
                id(), [this](task_status const& s) { show(s); }, limit);
        });
        if (is_final(end.state)) return report_end(id(), end, connection_.json());
        complain(name(id()) + " has not ended within " + seconds_text(*connection_.patience()) +
                 " s (--timeout): it is " + std::string{name_of(end.state)});
        return timed_out;
    }

private:
    void show(task_status const& s) const {
        if (connection_.json()) return say(as_json(id(), s));
        auto line = std::string{name_of(s.state)};
        if (!s.meta.worker.empty()) line += " at " + s.meta.worker;
        if (s.meta.attempt > 1) line += ", attempt " + std::to_string(s.meta.attempt);
        if (!s.value.empty()) line += ": " + one_line_value(s.value);
        mention(line);
    }
};

}  // namespace fastqueue::cli
