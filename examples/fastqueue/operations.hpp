#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "options.hpp"
#include "output.hpp"
#include "values.hpp"

#include <fastqueue/model/priority.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::cli {

/// `fastqueue queues`
class queues_command {
public:
    explicit queues_command(CLI::App& app)
        : options_{*app.add_subcommand("queues", "Show how many tasks wait, by priority")} {
        connection_.add_to(options_);
        options_.app().footer(
            "OLDEST is how long the first of them has waited; RATE is tasks that ended a second, over the "
            "last "
            "ten seconds.\n"
            "Example: fastqueue queues");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        auto const document = connection_.ask({}, [](client& c) { return c.document("queues"); });
        json_rows const rows{document, json_rows::form::members};
        if (connection_.json())
            say_lines(rows.lines("priority"));
        else
            show(rows);
        return done;
    }

private:
    static void show(json_rows const& rows) {
        table out{{{"PRIORITY"}, {"WAITING", true}, {"OLDEST", true}, {"RATE", true}, {"PAUSED"}}};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            bool const waits = rows.number(i, "waiting") > 0;
            out.row({rows.name(i), rows.get(i, "waiting"),
                     waits ? span_text(rows.number(i, "oldest_ms") * 1000) : "-", rows.get(i, "rate") + "/s",
                     rows.get(i, "paused") == "true" ? "yes" : "-"});
        }
        say(out.text());
    }

    option_set options_;
    connection connection_;
};

/// `fastqueue health`
class health_command {
public:
    explicit health_command(CLI::App& app)
        : options_{*app.add_subcommand("health", "Ask whether the control plane is well")} {
        connection_.add_to(options_);
        options_.app().footer(
            "For scripts and supervisors. Example: fastqueue health --timeout 2 || echo 'not well'\n"
            "Exit codes: 0 it is well, 3 nobody there, 4 no answer in time, 5 it takes no new tasks.");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        auto const document = connection_.ask({}, [](client& c) { return c.document("health"); });
        json_rows const rows{document, json_rows::form::one};
        auto const status = rows.get(0, "status");
        say(connection_.json()
                ? rows.lines()
                : status + ": control plane '" + rows.get(0, "id") + "' " + rows.get(0, "version") +
                      ", active workers: " + rows.get(0, "active_workers") +
                      (rows.has(0, "full") ? "; " + one_line(rows.get(0, "full")) : ""));
        return status == "ok" ? done : refused;
    }

private:
    option_set options_;
    connection connection_;
};

/// `fastqueue drain`
class drain_command {
public:
    explicit drain_command(CLI::App& app)
        : options_{*app.add_subcommand("drain", "Give a worker no more tasks; what it has, it finishes")} {
        worker_ = options_.app().add_option(
            "WORKER", [](CLI::results_t const&) { return true; }, "Which worker (required)");
        worker_->type_name("")->expected(1);
        options_.flag("--undo", "Give it tasks again", [this](bool set) { undo_ = set; });
        connection_.add_to(options_);
        options_.app().footer(
            "Before a worker's machine is taken away: drain it, wait until it has nothing left, stop it.\n"
            "Examples: fastqueue drain sw1\n"
            "          fastqueue drain sw1 --undo");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        if (worker_->results().empty())
            throw error{errc::bad_option,
                        "the worker is missing: fastqueue drain sw1; fastqueue workers lists them"};
        auto const name = read_name("the worker", worker_->results().front());
        auto const document = connection_.ask("worker '" + name + "'", [&](client& c) {
            return c.document("drain", undo_ ? name + " undo=1" : name);
        });
        json_rows const rows{document, json_rows::form::one};
        say(connection_.json() ? rows.lines()
                               : rows.get(0, "worker") + ": " + rows.get(0, "state") +
                                     ", tasks at it: " + rows.get(0, "outstanding"));
        return done;
    }

private:
    option_set options_;
    connection connection_;
    CLI::Option* worker_ = nullptr;
    bool undo_ = false;
};

/// `fastqueue pause` and `fastqueue resume`
class pause_command {
public:
    pause_command(CLI::App& app, std::string verb, std::string const& help)
        : verb_{std::move(verb)}, options_{*app.add_subcommand(verb_, help)} {
        options_.one("--priority", "LEVEL", "The tasks of this priority",
                     [this](std::string_view n, std::string_view v) { level_ = read_priority(n, v); });
        options_.one("--task-name", "NAME", "The tasks of this name",
                     [this](std::string_view n, std::string_view v) { name_ = read_name(n, v); });
        connection_.add_to(options_);
        options_.app().footer(
            "Tasks that are held back are taken and wait; what runs is not touched. With --store sqlite:PATH "
            "a pause outlives a "
            "restart.\n"
            "fastqueue queues shows which priorities are held back, fastqueue why ID what a task waits for.\n"
            "Examples: fastqueue " +
            verb_ + " --priority low\n          fastqueue " + verb_ + " --task-name add");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        if (!level_ && name_.empty())
            throw error{errc::bad_option,
                        "which tasks? Name a priority with --priority, or a task with --task-name"};
        std::string arguments;
        if (level_) arguments = "priority=" + std::string{name_of(*level_)};
        if (!name_.empty()) arguments += (arguments.empty() ? "name=" : " name=") + name_;
        auto const document = connection_.ask({}, [&](client& c) { return c.document(verb_, arguments); });
        json_rows const rows{document, json_rows::form::one};
        say(connection_.json() ? rows.lines() : words(rows));
        return done;
    }

private:
    /// What is held back now.
    [[nodiscard]] static std::string words(json_rows const& rows) {
        std::string out;
        for (auto const* const what : {"priorities", "names"}) {
            auto const list = rows.raw(0, what);
            if (list != "[]") out += (out.empty() ? "" : "; ") + std::string{what} + ' ' + list;
        }
        return out.empty() ? "nothing is held back" : "held back: " + out;
    }

    std::string verb_;
    option_set options_;
    connection connection_;
    std::optional<priority> level_;
    std::string name_;
};

}  // namespace fastqueue::cli
