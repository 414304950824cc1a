#pragma once

#include "connection.hpp"
#include "dead_text.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "options.hpp"
#include "output.hpp"
#include "wishes.hpp"

#include <fastqueue/client.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// `fastqueue dead`: tasks that failed for good, which the control plane keeps to be looked at and run again.
class dead_command {
public:
    explicit dead_command(CLI::App& app)
        : options_{*app.add_subcommand("dead", "List, show, run again or drop tasks that failed for good")} {
        words_ = options_.app().add_option(
            "WORD", [](CLI::results_t const&) { return true; },
            "What to do (default: list), and the ids of tasks");
        words_->type_name("list|show|rerun|purge")->expected(1, 1 << 20);
        words_->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        words_->allow_extra_args(true);  // else CLI11 takes only as many as it must
        add_options();
        connection_.add_to(options_);
        options_.app().footer(std::string{help});
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        auto words = words_->results();
        if (words.empty()) words.emplace_back("list");
        auto const order = static_cast<what>(read_word("dead", words.front(), orders));
        read_ids({words.begin() + 1, words.end()});
        check(order);
        switch (order) {
            case what::show:
                return show();
            case what::rerun:
                return for_each([this](client& c, task_id const& id) { rerun(c, id); });
            case what::purge:
                return ids_.empty() ? purge_many()
                                    : for_each([this](client& c, task_id const& id) { purge(c, id); });
            case what::list:
                break;
        }
        return list();
    }

private:
    using text = std::string_view;
    enum class what { list, show, rerun, purge };
    static constexpr std::array<text, 4> orders{"list", "show", "rerun", "purge"};
    static constexpr text help =
        "A task that failed, and is not tried again, becomes a dead letter: its arguments and the history "
        "of\n"
        "its attempts are kept. rerun has it accepted anew, under a new id, which is printed; purge drops "
        "it.\n"
        "Examples:\n"
        "  fastqueue dead list --task-name add\n"
        "  fastqueue dead show 01890a5d-ac96-774b-bcce-b302099a8057\n"
        "  fastqueue dead rerun 01890a5d-ac96-774b-bcce-b302099a8057\n"
        "  fastqueue dead list --output json | jq -r .id | xargs fastqueue dead rerun\n"
        "  fastqueue dead purge --task-name add\n"
        "  fastqueue dead purge --all\n"
        "Exit codes: 0 done, 2 usage, 3 nobody there, 4 timed out, 5 no such dead letter, or refused.";

    void add_options() {
        options_.one("--limit", "N", "List at most so many, 1 to 10000 (default: 50)",
                     [this](text n, text v) { limit_ = read_number<std::uint32_t>(n, v, 1, 10'000); });
        options_.one("--task-name", "NAME", "List or purge only those of this task's name",
                     [this](text n, text v) { name_ = read_name(n, v); });
        options_.many("--tag", "KEY=VALUE...", "List or purge only those with these tags",
                      [this](text n, text v) { tags_.push_back(read_tag(n, v)); });
        options_.flag("--all", "Purge all of them", [this](bool set) { all_ = set; });
    }
    void read_ids(std::vector<std::string> const& words) {
        for (auto const& word : words) ids_.push_back(read_id("the id", word));
    }
    void check(what order) const {
        auto const name = "dead " + std::string{orders[static_cast<std::size_t>(order)]};
        if (order == what::list) {
            if (!ids_.empty())
                throw error{errc::bad_option,
                            name + " takes no id; see one with fastqueue dead show " + ids_.front().text()};
        } else if (order == what::show && ids_.size() > 1) {
            throw error{errc::bad_option,
                        name + " takes one id; '" + ids_[1].text() + "' is a second: ask for it on its own"};
        } else if (order == what::purge && (all_ || filters()) != ids_.empty()) {
            throw error{errc::bad_option,
                        ids_.empty() ? name + " wants to know which: their ids, --task-name, --tag, or --all"
                                     : name +
                                           " takes ids, or options that say which (--task-name, --tag, "
                                           "--all); leave out one of them"};
        } else if (order == what::purge && all_ && filters()) {
            throw error{errc::bad_option,
                        name + " takes --all, or --task-name and --tag; leave out one of them"};
        } else if (order != what::purge && ids_.empty()) {
            throw error{errc::bad_option, name + " wants an id; fastqueue dead list shows them"};
        }
        if (all_ && order != what::purge)
            throw error{errc::bad_option, "--all is for dead purge; " + name + " does not take it"};
    }

    // ---- list

    int list() const {
        auto arguments = "limit=" + std::to_string(limit_);
        auto const document =
            connection_.ask({}, [&](client& c) { return c.document("dead", arguments + fields()); });
        json_rows const rows{document};
        if (connection_.json())
            say_lines(rows.lines());
        else
            print(rows);
        return done;
    }
    void print(json_rows const& rows) const {
        if (rows.size() == 0)
            return say(name_.empty() ? "no dead letters" : "no dead letters of the task " + name_);
        say(dead_table(rows));
        if (rows.size() == limit_)
            say("(there may be more than these " + std::to_string(limit_) + ": --limit)");
    }

    // ---- show

    int show() const {
        auto const& id = ids_.front();
        auto const document =
            connection_.ask(name(id), [&](client& c) { return c.document("dead", id.text()); });
        json_rows const rows{document, json_rows::form::one};
        say(connection_.json() ? rows.lines() : dead_lines(rows));
        return done;
    }

    // ---- rerun, purge

    template <class F>
    int for_each(F const& f) const {
        return connection_.ask_each(ids_, name, f);
    }
    void rerun(client& c, task_id const& id) const {
        auto const fresh = client::new_id();
        auto const document = ordered_again(c, id, fresh);
        say(connection_.json() ? document : fresh.text());
    }
    /// The new id is ours, so that an answer that was lost on its way leaves nothing in doubt.
    [[nodiscard]] static std::string ordered_again(client& c, task_id const& id, task_id const& fresh) {
        try {
            return c.document("rerun", id.text() + " as=" + fresh.text());
        } catch (error const& e) {
            if (e.code() != make_error_code(errc::unknown_task) || !is_known(c, fresh)) throw;
            return R"({"id":")" + fresh.text() + R"(","rerun_of":")" + id.text() + R"("})";
        }
    }
    [[nodiscard]] static bool is_known(client& c, task_id const& id) {
        try {
            static_cast<void>(c.status(id));
            return true;
        } catch (error const& e) {
            if (e.code() != make_error_code(errc::unknown_task)) throw;
            return false;
        }
    }
    void purge(client& c, task_id const& id) const {
        static_cast<void>(c.document("purge", id.text()));
        say(connection_.json() ? R"({"id":")" + id.text() + R"(","purged":1})" : "purged");
    }
    int purge_many() const {
        auto const which = fields();
        auto const document = connection_.ask(
            {}, [&](client& c) { return c.document("purge", which.empty() ? which : which.substr(1)); });
        json_rows const rows{document, json_rows::form::one};
        say(connection_.json() ? rows.lines() : "purged: " + rows.get(0, "purged"));
        return done;
    }
    [[nodiscard]] bool filters() const { return !name_.empty() || !tags_.empty(); }
    [[nodiscard]] std::string fields() const {
        return (name_.empty() ? std::string{} : " name=" + name_) + tag_fields(tags_);
    }
    [[nodiscard]] static std::string name(task_id const& id) { return "task " + id.text(); }

    option_set options_;
    connection connection_;
    CLI::Option* words_ = nullptr;
    std::vector<task_id> ids_;
    std::string name_;
    std::vector<std::pair<std::string, std::string>> tags_;
    std::uint32_t limit_ = 50;
    bool all_ = false;
};

}  // namespace fastqueue::cli
