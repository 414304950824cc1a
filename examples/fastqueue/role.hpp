#pragma once

#include "exit_code.hpp"
#include "modules.hpp"
#include "options.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "values.hpp"
#include "worker_log.hpp"

#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/tasks/registry.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// What `control-plane` and `subworker` share: modules, a log, signals, and a life from start to end.
class role_command {
public:
    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

protected:
    role_command(CLI::App& app, std::string const& name, std::string const& help)
        : options_{*app.add_subcommand(name, help)} {}

    /// \param spin  of the role's options
    void add_shared_options(std::chrono::microseconds& spin) {
        options_.one("--spin-us", "US",
                     "How long its threads look for more work before they sleep, which costs less than being "
                     "woken; 0: not at all (default: 100)",
                     [&spin](std::string_view n, std::string_view v) {
                         spin = std::chrono::microseconds{read_number<std::uint32_t>(n, v, 0, 1'000'000)};
                     });
        add_module_option(options_, modules_, "Task modules to load, by name (mytasks.so) or path");
        log_.add_to(options_);
    }
    /// Runs a role until it is asked to stop.
    /// \param name   for messages, `subworker 'sw1'`
    /// \param make   gives the role, not yet started
    /// \param start  starts it and tells of it
    /// \param ended  is told when it has stopped
    template <class Make, class Start, class Ended>
    void live(std::string const& name, Make const& make, Start const& start, Ended const& ended) {
        stop_signals signals{log_.has_file() ? std::function<void()>{[this] { log_.reopen(); }} : nullptr};
        try {
            auto role = make();
            start(role);
            auto const watch = signals.call([&] {
                log_.announce("stopping", "stopping: what runs is finished first (once more: at once)");
                role.stop();
            });
            run_to_end(role);
            ended(role);
            log_.announce("stopped", name + " has stopped");
        } catch (error const& e) {
            if (!log_.plain()) log_.tell(log_level::error, "failed", one_line(e.text()));
            throw;
        }
    }

    /// Where nothing can be stored any more the process ends at once: what handlers still do counts for nothing, and to wait
    /// for them would only hold up the next start.
    template <class Role>
    void run_to_end(Role& role) {
        try {
            role.run();
        } catch (error const& e) {
            if (e.code() != make_error_code(errc::store_failed)) throw;
            if (!log_.plain()) log_.tell(log_level::error, "failed", one_line(e.text()));
            complain(e.text());
            std::fflush(nullptr);
            std::_Exit(no_store);
        }
    }

    /// The four ports for tasks, in words: `tcp://127.0.0.1:5555 (critical), 5556 (high), ...`.
    [[nodiscard]] static std::string by_priority(std::span<endpoint const> at) {
        std::string line;
        for (std::size_t i = 0; i < at.size(); ++i)
            line += (i == 0 ? at[i].text() : ", " + short_form(at[i], at[0])) + " (" +
                    std::string{priority_names[i]} + ")";
        return line;
    }
    /// The member `"tasks": [...]` of the same.
    static void write_addresses(json::writer& w, std::span<endpoint const> at) {
        w.key("tasks").begin_array();
        for (auto const& each : at) w.value(each.text());
        w.end_array();
    }
    /// Ends the process: handlers still run, and what they use must not be taken from them.
    /// \param fate  what became of the tasks
    [[noreturn]] void leave_unfinished(std::string const& name, std::size_t tasks, std::string const& fate) {
        log_.announce("unfinished",
                      name + " has stopped: " + std::to_string(tasks) +
                          (tasks == 1 ? " task was " : " tasks were ") + fate + ", as --grace was over",
                      [&](json::writer& w) { w.key("tasks").value(tasks); });
        std::fflush(nullptr);
        std::_Exit(unfinished);
    }

    option_set options_;
    worker_log log_;
    std::vector<std::string> modules_;
};

}  // namespace fastqueue::cli
