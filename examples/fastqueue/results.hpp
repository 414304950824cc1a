#pragma once

#include "exit_code.hpp"
#include "output.hpp"
#include "report.hpp"
#include "task_command.hpp"

#include <fastqueue/client.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace fastqueue::cli {

/// `fastqueue result`
class result_command : public task_command {
public:
    explicit result_command(CLI::App& app)
        : task_command{app, "result", "Print the value of a task that has ended"} {
        connection_.add_to(options_);
        options_.app().footer(
            "It never waits: see fastqueue wait for that. What failed is told on standard error.\n"
            "Example: fastqueue result 01890a5d-ac96-774b-bcce-b302099a8057\n"
            "Exit codes: 0 the value was printed, 1 the task failed, 3 nobody there, 4 it has not ended, 5 "
            "it "
            "is not known.");
    }
    int run() {
        read();
        auto const status = connection_.ask(name(id()), [this](client& c) { return c.status(id()); });
        if (is_final(status.state)) return report_end(id(), status, connection_.json());
        if (connection_.json())
            say(as_json(id(), status));
        else
            complain(name(id()) + " has not ended: it is " + std::string{name_of(status.state)} +
                     "; wait for it with fastqueue wait " + id().text());
        return timed_out;
    }
};

/// `fastqueue wait`
class wait_command : public task_command {
public:
    explicit wait_command(CLI::App& app)
        : task_command{app, "wait", "Wait until tasks have ended, and print their values", true} {
        connection_.add_to(options_, {},
                           "Give up when they have not ended by then (default: wait as long as it takes)");
        options_.app().footer(
            "A line for each task, in the order of their ids here. What failed is told on standard error.\n"
            "Example: id=$(fastqueue submit --task-name add --args 5 3 --non-blocking)\n"
            "         fastqueue wait $id --timeout 60\n"
            "Exit codes: 0 all succeeded, 1 one failed, 3 nobody there, 4 one has not ended, 5 one is not "
            "known.");
    }
    int run() {
        read();
        if (connection_.patience()) until_ = clock::now() + *connection_.patience();
        int code = done;
        connection_.ask({}, [&](client& c) {
            for (auto const& each : ids_) code = std::max(code, wait_for(c, each));
        });
        return code;
    }

private:
    using clock = std::chrono::steady_clock;

    /// \return the exit code for one task
    int wait_for(client& c, task_id const& id) const {
        try {
            auto const status = end_of(c, id);
            if (is_final(status.state)) return report_end(id, status, connection_.json());
            complain(name(id) + " has not ended within " + seconds_text(*connection_.patience()) +
                     " s (--timeout): it is " + std::string{name_of(status.state)});
            return timed_out;
        } catch (error const& e) {
            if (exit_code_of(e.code()) != refused) throw;
            complain(name(id) + ": " + e.text());
            return refused;
        }
    }
    /// Asks for the end again and again, so that no single question is longer than a lost connection may stay unnoticed.
    [[nodiscard]] task_status end_of(client& c, task_id const& id) const {
        using std::chrono::milliseconds;
        while (true) {
            milliseconds const left =
                until_ ? std::chrono::ceil<milliseconds>(*until_ - clock::now()) : milliseconds::max();
            auto status = c.wait_status(id, std::clamp<milliseconds>(left, milliseconds{0}, slice));
            if (is_final(status.state) || left <= slice) return status;
        }
    }

    static constexpr std::chrono::milliseconds slice{20'000};
    std::optional<clock::time_point> until_;
};

/// `fastqueue forget`
class forget_command : public task_command {
public:
    explicit forget_command(CLI::App& app) : task_command{app, "forget", "Drop a task's result"} {
        connection_.add_to(options_);
        options_.app().footer(
            "The control plane keeps results for an hour; this frees one's memory at once. Its id stays "
            "used.\n"
            "Example: fastqueue forget 01890a5d-ac96-774b-bcce-b302099a8057");
    }
    int run() {
        read();
        connection_.ask(name(id()), [this](client& c) { c.forget(id()); });
        say(connection_.json() ? R"({"id":")" + id().text() + R"(","forgotten":true})" : "forgotten");
        return done;
    }
};

}  // namespace fastqueue::cli
