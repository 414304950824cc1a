#pragma once

#include "connection.hpp"
#include "options.hpp"
#include "report.hpp"

#include <fastqueue/client.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::cli {

/// A command about tasks that are there already: their ids follow it, with `--task-id` or without.
class task_command {
public:
    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

protected:
    using text = std::string_view;

    task_command(CLI::App& app, std::string const& name, std::string const& help, bool several = false,
                 bool required = true)
        : options_{*app.add_subcommand(name, help)}, several_{several} {
        auto const reader = [this](text n, text v) {
            if (n == "--task-id" || words_->results().empty()) ids_.push_back(read_id(n, v));
        };
        std::string const what =
            std::string{"as submit --non-blocking printed it"} + (required ? " (required)" : "");
        if (several)
            options_.many("--task-id", "ID...", "Which tasks, each " + what, reader);
        else
            options_.one("--task-id", "ID", "Which task, " + what, reader);
        words_ = options_.app().add_option(
            "ID", [](CLI::results_t const&) { return true; }, "The same, without --task-id");
        words_->type_name("");
        words_->expected(1, several ? 1 << 20 : 1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        words_->allow_extra_args(several);  // else CLI11 takes only as many as it must
    }
    /// \param may_be_none  whether the command can do without an id
    void read(bool may_be_none = false) {
        options_.read();
        for (auto const& word : words_->results()) ids_.push_back(read_id("the id", word));
        if (ids_.empty() && !may_be_none)
            throw error{errc::bad_option, "--task-id is missing: the id that submit --non-blocking printed"};
        if (!several_ && ids_.size() > 1)
            throw error{errc::bad_option, app().get_name() + " takes one id; '" + ids_[1].text() +
                                              "' is a second: ask for it on its own"};
    }
    [[nodiscard]] task_id const& id() const noexcept { return ids_.front(); }
    [[nodiscard]] static std::string name(task_id const& id) { return "task " + id.text(); }

    option_set options_;
    connection connection_;
    std::vector<task_id> ids_;

private:
    bool several_;
    CLI::Option* words_ = nullptr;
};

}  // namespace fastqueue::cli
