#pragma once

#include "options.hpp"
#include "wishes.hpp"

#include <string>
#include <string_view>

namespace fastqueue::cli {

/// Adds the options that say which task shall run, with which arguments and how.
/// \param name_help  of --task-name
/// \param recurring  whether it runs again and again: then it has no time of its own
inline void add_task_options(option_set& options, task_wishes& wishes, std::string const& name_help,
                             bool recurring) {
    using text = std::string_view;
    options.one("--task-name", "NAME", name_help,
                [&wishes](text n, text v) { wishes.name = read_name(n, v); });
    auto const taken = [](CLI::results_t const&) { return true; };  // by take_arguments, before CLI11
    options.app().add_option("--args", taken, "Its arguments, by position")->type_name("ARG...");
    options.app()
        .add_option("--kwargs", taken, "Its arguments, by parameter name")
        ->type_name("NAME=VALUE...");
    for (auto const& wish : task_wish_list) {
        if (recurring && (wish.member == "countdown" || wish.member == "eta")) continue;
        options.one(
            std::string{wish.option}, std::string{wish.kind}, std::string{wish.help},
            [&wishes, read = wish.read](text n, text v) { read(wishes, n, v); }, std::string{wish.variable});
    }
    options.many("--tag", "KEY=VALUE...", "By which it can be found, and cancelled with others",
                 [&wishes](text n, text v) { wishes.tags.push_back(read_tag(n, v)); });
}

}  // namespace fastqueue::cli
