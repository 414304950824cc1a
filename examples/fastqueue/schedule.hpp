#pragma once

#include "arguments.hpp"
#include "connection.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "options.hpp"
#include "output.hpp"
#include "schedule_list.hpp"
#include "schedule_text.hpp"
#include "task_options.hpp"
#include "wishes.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/tasks/recurrence.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::cli {

/// `fastqueue schedule`: tasks that are submitted again and again.
class schedule_command {
public:
    explicit schedule_command(CLI::App& app)
        : options_{*app.add_subcommand("schedule", "Have a task run again and again: by interval or cron")} {
        words_ = options_.app().add_option(
            "WORD", [](CLI::results_t const&) { return true; },
            "What to do (default: list), and schedules' names");
        words_->type_name("add|list|show|pause|resume|run|rm")->expected(1, 1 << 20);
        words_->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        words_->allow_extra_args(true);  // else CLI11 takes only as many as it must
        add_options();
        connection_.add_to(options_, {"--wait", "--connect-retries"});
        options_.app().footer(std::string{help});
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run(command_line const& line) {
        options_.read();
        auto words = words_->results();
        if (words.empty()) words.emplace_back("list");
        auto const order = static_cast<what>(read_word("schedule", words.front(), orders));
        for (auto word = words.begin() + 1; word != words.end(); ++word)
            names_.push_back(read_name("the schedule's name", *word));
        check(order);
        if (order == what::add) return add(line);
        if (order == what::list) return list_schedules(connection_), done;
        if (order == what::run)
            return each([](client& c, std::string const& name) { return c.trigger(name).text(); });
        return each([verb = verbs[static_cast<std::size_t>(order)]](client& c, std::string const& name) {
            bool const pauses = verb == "pause" || verb == "resume";
            return c.document(verb, (pauses ? "schedule=" : "") + name);
        });
    }

private:
    using text = std::string_view;
    enum class what { add, list, show, pause, resume, run, rm };
    static constexpr std::array<text, 7> orders{"add", "list", "show", "pause", "resume", "run", "rm"};
    static constexpr std::array<text, 7> verbs{"", "", "schedules", "pause", "resume", "", "unschedule"};
    static constexpr text help =
        "add says which task (--task-name, --args or --kwargs), when (--every or --cron), and how each is to "
        "be\n"
        "treated, with the options of submit. The next five firings are printed. The control plane keeps "
        "schedules as\n"
        "it keeps tasks: over a restart with --store sqlite:PATH.\n"
        "Examples:\n"
        "  fastqueue schedule add tidy --task-name add --args 5 3 --every 60\n"
        "  fastqueue schedule add nightly --task-name add --args 5 3 --cron '30 2 * * *' --zone "
        "Europe/Berlin\n"
        "  fastqueue schedule list\n"
        "  fastqueue schedule run nightly        # now, beside its times; prints the task's id\n"
        "  fastqueue schedule rm nightly tidy\n"
        "Exit codes: 0 done, 2 usage, 3 nobody there, 4 timed out, 5 no such schedule, or refused.";

    void add_options() {
        add_task_options(options_, wishes_, "Which task (add needs it)", true);
        add_times();
    }
    void add_times() {
        options_.one("--every", "SECONDS", "Again and again after so long, at most a year",
                     [this](text n, text v) { every_ = read_seconds(n, v, std::chrono::milliseconds{1}); });
        options_.one("--cron", "EXPRESSION",
                     "At these times: minute, hour, day, month, weekday, as in '30 2 * * *'",
                     [this](text, text v) { cron_ = v; });
        options_.one("--zone", "ZONE", "Whose clock --cron goes by: Europe/Berlin, +02:00 (default: UTC)",
                     [this](text n, text v) { zone_ = read_token(n, v); });
        options_.one("--start", "TIME", "Not before; with --every, counted from it",
                     [this](text n, text v) { start_ = read_instant(n, v); });
        options_.one("--until", "TIME", "Not after", [this](text n, text v) { until_ = read_instant(n, v); });
        options_.one(
            "--count", "N", "So many times (default: for ever)",
            [this](text n, text v) { count_ = read_number<std::uint64_t>(n, v, 1); },
            "FASTQUEUE_SCHEDULE_COUNT");
        options_.one("--overlap", "skip|allow",
                     "What to do if the task of the last firing has not ended (default: skip)",
                     [this](text n, text v) {
                         overlap_ = read_word(n, v, std::array<text, 2>{"skip", "allow"}) == 1;
                     });
        options_.one(
            "--catch-up", "one|none|all",
            "Which of the firings that were missed are made up for (default: one, the latest)",
            [this](text n, text v) {
                missed_ = static_cast<catch_up>(read_word(n, v, std::array<text, 3>{"one", "none", "all"}));
            });
        options_.flag("--replace", "Change a schedule of this name that is there",
                      [this](bool set) { replace_ = set; });
    }
    void check(what order) const {
        auto const name = "schedule " + std::string{orders[static_cast<std::size_t>(order)]};
        if (order == what::list) {
            if (names_.empty()) return;
            throw error{errc::bad_option,
                        name + " takes no name; see one with fastqueue schedule show " + names_[0]};
        }
        if (names_.empty()) throw error{errc::bad_option, name + " wants the name of a schedule"};
        if (order != what::add) return;
        if (names_.size() > 1)
            throw error{errc::bad_option, name + " takes one name; '" + names_[1] + "' is a second"};
        wishes_.require_name();
        if (every_.has_value() == !cron_.empty())
            throw error{errc::bad_option, "when? Give one of --every SECONDS and --cron '30 2 * * *'"};
        if (!zone_.empty() && cron_.empty())
            throw error{errc::bad_option, "--zone is for --cron: an interval is the same in all zones"};
    }

    int add(command_line const& line) const {
        auto when = every_ ? every(*every_) : read_cron();
        if (start_) when.starting(*start_);
        if (until_) when.until(*until_);
        if (count_) when.times(*count_);
        if (overlap_) when.overlapping();
        if (missed_ != catch_up::one) when.missed(missed_);
        auto const task = wishes_.made(given_arguments(line));
        auto const document = connection_.ask("schedule '" + names_[0] + "'", [&](client& c) {
            try {
                return c.schedule(names_[0], when, task, replace_);
            } catch (error const& e) {
                if (e.code() != make_error_code(errc::duplicate)) throw;
                throw error{errc::duplicate,
                            "there is one of that name that says something else; change it with --replace"};
            }
        });
        show(document);
        return done;
    }
    [[nodiscard]] recurrence read_cron() const {
        std::string why;
        if (!cron_expression::parse(cron_, why)) throw error{errc::bad_option, "--cron: " + why};
        return cron(cron_, zone_.empty() ? std::string_view{"UTC"} : zone_);
    }
    void show(std::string const& document) const {
        json_rows const rows{document, json_rows::form::one};
        say(connection_.json() ? rows.lines() : schedule_lines(rows));
    }
    template <class F>
    int each(F const& f) const {
        return connection_.ask_each(
            names_, [](std::string const& name) { return "schedule '" + name + "'"; },
            [&](client& c, std::string const& name) {
                auto const answer = f(c, name);
                answer.starts_with('{') ? show(answer) : say(answer);
            });
    }

    option_set options_;
    connection connection_;
    CLI::Option* words_ = nullptr;
    std::vector<std::string> names_;
    task_wishes wishes_;
    std::optional<std::chrono::milliseconds> every_;
    std::string cron_;
    std::string zone_;
    std::optional<instant_text::instant> start_;
    std::optional<instant_text::instant> until_;
    std::optional<std::uint64_t> count_;
    bool overlap_ = false;
    catch_up missed_ = catch_up::one;
    bool replace_ = false;
};

}  // namespace fastqueue::cli
