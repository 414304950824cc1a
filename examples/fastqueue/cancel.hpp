#pragma once

#include "exit_code.hpp"
#include "output.hpp"
#include "task_command.hpp"
#include "wishes.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/model/task_state.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// `fastqueue cancel`
class cancel_command : public task_command {
public:
    explicit cancel_command(CLI::App& app)
        : task_command{app, "cancel", "Cancel a task, or all that have a name, a tag ...", false, false} {
        options_.word("--name", "NAME", "All tasks of this name",
                      [this](text n, text v) { add("name", read_name(n, v)); });
        options_.word(
            "--tag", "KEY=VALUE...", "All tasks with these tags",
            [this](text n, text v) { tags_.push_back(read_tag(n, v)); }, true);
        options_.word("--priority", "LEVEL", "All tasks of this priority",
                      [this](text n, text v) { add("priority", name_of(read_priority(n, v))); });
        options_.word(
            "--state", "STATE", "All tasks in this state: scheduled, queued, assigned, running or retrying",
            [this](text n, text v) { add("state", task_state_names[read_word(n, v, task_state_names)]); });
        options_.word("--all", "All tasks", [this](bool set) {
            if (set) add("all", "1");
        });
        connection_.add_to(options_);
        options_.app().footer(
            "One that has not begun never will; one that runs is asked to stop, which its handler must "
            "heed.\n"
            "Of --name, --tag, --priority and --state all must fit.\n"
            "Examples: fastqueue cancel 01890a5d-ac96-774b-bcce-b302099a8057\n"
            "          fastqueue cancel --name add --tag customer=42");
    }
    int run() {
        read(true);
        auto const which = filter_ + tag_fields(tags_);
        if (which.empty()) require_id();
        if (!which.empty() && !ids_.empty())
            throw error{errc::bad_option,
                        "cancel takes an id, or options that say which tasks; leave out one of them"};
        return which.empty() ? cancel_one() : cancel_many(which.substr(1));
    }

private:
    void add(std::string_view key, std::string_view value) {
        filter_.append(" ").append(key).append("=").append(value);
    }
    void require_id() const {
        if (ids_.empty())
            throw error{errc::bad_option,
                        "--task-id is missing: the id that submit --non-blocking printed; or say which tasks "
                        "with --name, "
                        "--tag, --priority, --state or --all"};
    }
    int cancel_one() const {
        auto const state = connection_.ask(name(id()), [this](client& c) { return c.cancel(id()); });
        if (connection_.json())
            say(R"({"id":")" + id().text() + R"(","state":")" + std::string{name_of(state)} + R"("})");
        else
            say(state == task_state::running ? "running: its handler was asked to stop"
                                             : std::string{name_of(state)});
        return done;
    }
    int cancel_many(std::string const& which) const {
        auto const met = connection_.ask({}, [&](client& c) { return c.cancel_where(which); });
        if (connection_.json())
            say(R"({"cancelled":)" + std::to_string(met.cancelled) + R"(,"asked_to_stop":)" +
                std::to_string(met.asked_to_stop) + '}');
        else
            say("cancelled: " + std::to_string(met.cancelled) +
                "; at a subworker, which was asked to stop them: " + std::to_string(met.asked_to_stop));
        return done;
    }

    std::string filter_;
    std::vector<std::pair<std::string, std::string>> tags_;
};

}  // namespace fastqueue::cli
