#pragma once

#include "arguments.hpp"
#include "backup.hpp"
#include "bench.hpp"
#include "cancel.hpp"
#include "completion.hpp"
#include "control_plane.hpp"
#include "dead.hpp"
#include "events.hpp"
#include "exit_code.hpp"
#include "list.hpp"
#include "operations.hpp"
#include "output.hpp"
#include "results.hpp"
#include "schedule.hpp"
#include "status.hpp"
#include "submit.hpp"
#include "subworker.hpp"
#include "tasks.hpp"
#include "top.hpp"
#include "version_text.hpp"
#include "watch.hpp"
#include "workers.hpp"

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/tasks/registry.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <exception>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// The command line with all its commands.
class program {
public:
    explicit program(registry tasks) : tasks_{std::move(tasks)} {
        app_.name("fastqueue")->require_subcommand(0, 1)->allow_extras();
        app_.set_version_flag("--version", version_text());
        app_.get_formatter()->column_width(detail::help_column);  // the commands share it
        app_.footer(std::string{exit_code_help});
    }
    int run(std::vector<std::string> words) {
        put_log_level_behind(words);
        auto line = take_arguments(std::move(words));
        parse(std::move(line.words));
        refuse_before_command();
        if (control_plane_.app()) return control_plane_.run(tasks_);
        if (subworker_.app()) return subworker_.run(tasks_);
        if (submit_.app()) return submit_.run(line);
        if (status_.app()) return status_.run();
        if (wait_.app()) return wait_.run();
        if (watch_.app()) return watch_.run();
        if (result_.app()) return result_.run();
        if (cancel_.app()) return cancel_.run();
        if (forget_.app()) return forget_.run();
        if (tasks_command_.app()) return tasks_command_.run();
        if (inspect_.app()) return inspect_.run();
        if (why_.app()) return why_.run();
        if (list_.app()) return list_.run(tasks_);
        if (workers_.app()) return workers_.run();
        if (queues_.app()) return queues_.run();
        if (drain_.app()) return drain_.run();
        if (schedule_.app()) return schedule_.run(line);
        if (events_.app()) return events_.run();
        if (top_.app()) return top_.run();
        if (pause_.app()) return pause_.run();
        if (resume_.app()) return resume_.run();
        if (health_.app()) return health_.run();
        if (dead_.app()) return dead_.run();
        if (backup_.app()) return backup_.run();
        if (bench_.app()) return bench_.run(line);
        if (completion_.app()) return completion_.run();
        refuse();
    }
    /// What CLI11 ends with: help, version, or a word it cannot place.
    int ended(CLI::ParseError const& e) const {
        if (dynamic_cast<CLI::CallForHelp const*>(&e) != nullptr) {
            say_text(app_.help());
            return done;
        }
        if (dynamic_cast<CLI::CallForVersion const*>(&e) != nullptr) {
            say(e.what());
            return done;
        }
        complain(in_our_words(e));
        return usage;
    }

private:
    void parse(std::vector<std::string> words) {
        std::vector<std::string> reversed{words.rbegin(), words.rend()};  // as CLI11 takes them
        app_.parse(std::move(reversed));
    }
    static void say_text(std::string text) {
        text.erase(text.find_last_not_of('\n') + 1);
        say(std::move(text));
    }
    [[nodiscard]] std::vector<std::string> commands() const {
        std::vector<std::string> names;
        for (auto const* command : app_.get_subcommands([](CLI::App const*) { return true; }))
            names.push_back(command->get_name());
        return names;
    }
    /// The one option that may stand before the command, as the worker guide has it.
    static void put_log_level_behind(std::vector<std::string>& words) {
        constexpr std::string_view name = "--log-level";
        if (words.empty() || !words[0].starts_with(name)) return;
        std::ptrdiff_t const size = words[0] == name ? 2 : 1;
        if (std::ssize(words) > size)
            std::rotate(words.begin(), words.begin() + size, words.begin() + size + 1);
    }
    /// What stands before the command is nobody's: CLI11 keeps it, and it would have no effect.
    void refuse_before_command() const {
        auto const chosen = app_.get_subcommands();
        auto const words = app_.remaining();
        if (chosen.empty() || words.empty()) return;
        throw error{errc::bad_option, "'" + words.front() +
                                          "' stands before the command; put options behind it: fastqueue " +
                                          chosen.front()->get_name() + " " + words.front()};
    }
    [[noreturn]] void refuse() const {
        std::string list;
        for (auto const& name : commands()) list += (list.empty() ? "" : ", ") + name;
        auto const words = app_.remaining();
        if (words.empty())
            throw error{errc::bad_option, "a command is missing: " + list + "; see fastqueue --help"};
        auto const near = nearest_names(words.front(), commands(), 1);
        auto const kind = words.front().starts_with('-') ? "option" : "command";
        throw error{errc::bad_option,
                    "there is no " + std::string{kind} + " '" + words.front() + "'; " +
                        (near.empty() ? "the commands are " + list + "; see fastqueue --help"
                                      : "did you mean " + near.front() + "?")};
    }
    /// CLI11's texts begin with the option's name; what is left to it is a value that is missing, or a flag that was given one.
    [[nodiscard]] static std::string in_our_words(CLI::ParseError const& e) {
        std::string const what = e.what();
        auto const begin = what.find("--");
        if (begin == what.npos) return what;
        auto const name = what.substr(begin, what.find_first_of(": =", begin) - begin);
        bool const missing = dynamic_cast<CLI::ArgumentMismatch const*>(&e) != nullptr;
        return name + (missing ? " wants a value" : " is there or not: it takes no value") + "; see --help";
    }

    registry tasks_;
    CLI::App app_{"A task queue without a broker: a control plane, its subworkers and their clients."};
    control_plane_command control_plane_{app_};
    subworker_command subworker_{app_};
    submit_command submit_{app_};
    status_command status_{app_};
    wait_command wait_{app_};
    watch_command watch_{app_};
    result_command result_{app_};
    cancel_command cancel_{app_};
    forget_command forget_{app_};
    tasks_command tasks_command_{app_};
    inspect_command inspect_{app_};
    why_command why_{app_};
    list_command list_{app_};
    workers_command workers_{app_};
    queues_command queues_{app_};
    drain_command drain_{app_};
    schedule_command schedule_{app_};
    events_command events_{app_};
    top_command top_{app_};
    pause_command pause_{app_, "pause", "Hold back the tasks of a priority, or of a name"};
    pause_command resume_{app_, "resume", "Let tasks that are held back go on"};
    health_command health_{app_};
    dead_command dead_{app_};
    backup_command backup_{app_};
    bench_command bench_{app_};
    completion_command completion_{app_};
};

/// The whole command line. A program of yours that links its tasks instead of loading modules calls it with them.
/// \param tasks  what `control-plane` and `subworker` can run beside the tasks of modules
/// \return the exit code
inline int main(int argc, char const* const* argv, registry tasks = {}) {
    ensure_standard_files();
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is an error of a write, and told as one
    try {
        program p{std::move(tasks)};
        try {
            return p.run({argv + (argc > 0 ? 1 : 0), argv + argc});
        } catch (CLI::ParseError const& e) {
            return p.ended(e);
        }
    } catch (error const& e) {
        complain(e.text());
        return exit_code_of(e.code());
    } catch (std::exception const& e) {
        complain(e.what());
        return failed;
    }
}

}  // namespace fastqueue::cli
