#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "history_table.hpp"
#include "json_rows.hpp"
#include "options.hpp"
#include "output.hpp"
#include "task_command.hpp"
#include "wishes.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/model/task_state.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// `fastqueue tasks`
class tasks_command {
public:
    explicit tasks_command(CLI::App& app)
        : options_{*app.add_subcommand("tasks", "List tasks that wait or run, or that have ended")} {
        using text = std::string_view;
        options_.one(
            "--state", "STATE",
            "Only those in this state: scheduled, queued, assigned, running, retrying; or success, "
            "failure, cancelled, expired (default: all that have not ended)",
            [this](text n, text v) { state_ = task_state_names[read_word(n, v, task_state_names)]; });
        options_.one("--name", "NAME", "Only those of this task's name",
                     [this](text n, text v) { name_ = read_name(n, v); });
        options_.many("--tag", "KEY=VALUE...", "Only those with these tags, of those that have not ended",
                      [this](text n, text v) { tags_.push_back(read_tag(n, v)); });
        options_.one("--limit", "N", "At most so many, 1 to 10000 (default: 50)",
                     [this](text n, text v) { limit_ = read_number<std::uint32_t>(n, v, 1, 10'000); });
        connection_.add_to(options_);
        options_.app().footer(
            "What has not ended comes oldest first. AGE is since it was submitted; RUNNING since its attempt "
            "began; DUE IN until it is tried at all, or again.\n"
            "Examples: fastqueue tasks --state running\n"
            "          fastqueue tasks --state failure --name add --limit 5");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        auto const document =
            connection_.ask({}, [this](client& c) { return c.document("tasks", arguments()); });
        json_rows const rows{document};
        if (connection_.json())
            say_lines(rows.lines());
        else
            show(rows);
        return done;
    }

private:
    [[nodiscard]] std::string arguments() const {
        std::string out = "limit=" + std::to_string(limit_);
        if (!state_.empty()) out.append(" state=").append(state_);
        if (!name_.empty()) out.append(" name=").append(name_);
        return out + tag_fields(tags_);
    }
    void show(json_rows const& rows) const {
        if (rows.size() == 0)
            return say(state_.empty() ? "no tasks wait or run" : "no tasks are in the state " + state_);
        table out{{{"ID"},
                   {"NAME"},
                   {"STATE"},
                   {"PRIORITY"},
                   {"ATTEMPT", true},
                   {"WORKER"},
                   {"AGE", true},
                   {"RUNNING", true},
                   {"DUE IN", true}}};
        auto const word = [&](std::size_t i, std::string_view key) {
            return rows.has(i, key) ? rows.get(i, key) : "-";
        };
        auto const span = [&](std::size_t i, std::string_view key) {
            return rows.has(i, key) ? span_text(rows.number(i, key) * 1000) : "-";
        };
        for (std::size_t i = 0; i < rows.size(); ++i) {
            out.row({word(i, "id"), word(i, "name"), word(i, "state"), word(i, "priority"),
                     word(i, "attempt"), word(i, "worker"), span(i, "age_ms"), span(i, "running_ms"),
                     span(i, "in_ms")});
        }
        say(out.text());
        if (rows.size() == limit_)
            say("(there may be more than these " + std::to_string(limit_) + ": --limit)");
    }

    option_set options_;
    connection connection_;
    std::string state_;
    std::string name_;
    std::vector<std::pair<std::string, std::string>> tags_;
    std::uint32_t limit_ = 50;
};

/// `fastqueue inspect`
class inspect_command : public task_command {
public:
    explicit inspect_command(CLI::App& app)
        : task_command{app, "inspect", "Show all that is known of a task, its options too"} {
        connection_.add_to(options_);
        options_.app().footer("Example: fastqueue inspect 01890a5d-ac96-774b-bcce-b302099a8057");
    }
    int run() {
        read();
        auto const document =
            connection_.ask(name(id()), [this](client& c) { return c.document("inspect", id().text()); });
        json_rows const rows{document, json_rows::form::one};
        say(connection_.json() ? rows.lines() : as_lines(rows));
        return done;
    }

private:
    struct line {
        std::string_view key;
        std::string_view head;
    };
    static constexpr std::array lines{
        line{"id", "task"},
        line{"name", "name"},
        line{"state", "state"},
        line{"code", "code"},
        line{"priority", "priority"},
        line{"attempt", "attempt"},
        line{"failures", "failures"},
        line{"deaths", "deaths"},
        line{"retries", "retries"},
        line{"worker", "worker"},
        line{"delivery", "delivery"},
        line{"unique", "unique"},
        line{"tags", "tags"},
        line{"callback", "callback"},
        line{"firing", "firing"},
        line{"progress", "progress"},
        line{"content", "content"},
        line{"payload_octets", "arguments"},
        line{"result_octets", "result"},
        line{"timeout_ms", "timeout"},
        line{"soft_timeout_ms", "soft timeout"},
        line{"age_ms", "age"},
        line{"running_ms", "running"},
        line{"in_ms", "due in"},
        line{"submitted_us", "submitted"},
        line{"started_us", "started"},
        line{"finished_us", "finished"},
    };

    [[nodiscard]] static std::string as_lines(json_rows const& rows) {
        std::string out;
        for (auto const& each : lines) {
            if (rows.raw(0, each.key).empty()) continue;
            out.append(out.empty() ? "" : "\n").append(each.head).append(14 - each.head.size(), ' ');
            out += value(rows, each.key);
        }
        auto const history = rows.raw(0, "history");
        return history.empty() ? out : out + history_table(history);
    }
    /// What a member's unit says about how to write it.
    [[nodiscard]] static std::string value(json_rows const& rows, std::string_view key) {
        if (key.ends_with("_ms")) return span_text(rows.number(0, key) * 1000);
        if (key.ends_with("_us")) return utc(rows.number(0, key));
        if (key == "tags") return one_line(rows.raw(0, key));
        return one_line(rows.get(0, key)) + (key.ends_with("_octets") ? " octets" : "");
    }
};

/// `fastqueue why`
class why_command : public task_command {
public:
    explicit why_command(CLI::App& app) : task_command{app, "why", "Say why a task is not done yet"} {
        connection_.add_to(options_);
        options_.app().footer(
            "One sentence: no worker knows it, all are busy, its countdown runs, it is running ...\n"
            "Example: fastqueue why 01890a5d-ac96-774b-bcce-b302099a8057");
    }
    int run() {
        read();
        auto const document =
            connection_.ask(name(id()), [this](client& c) { return c.document("why", id().text()); });
        json_rows const rows{document, json_rows::form::one};
        say(connection_.json() ? rows.lines() : one_line(rows.get(0, "state") + ": " + rows.get(0, "text")));
        return done;
    }
};

}  // namespace fastqueue::cli
