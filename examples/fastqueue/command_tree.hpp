#pragma once

#include "values.hpp"

#include <fastqueue/model/priority.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

// The program's commands and options as data, for what is generated from them.

namespace fastqueue::cli {

/// An option as CLI11 knows it.
struct option_facts {
    std::string name;  ///< with its dashes
    std::string help;  ///< on one line
    std::string kind;  ///< what its value is called; empty: it takes none
    std::vector<std::string> choices;
    bool is_file = false;  ///< its value is the path of a file
    bool many = false;     ///< it takes several values
};

struct command_facts {
    std::string name;
    std::string help;
    std::vector<std::string> words;  ///< what may stand behind its name
    std::vector<option_facts> options;
};

namespace detail {

[[nodiscard]] inline std::string on_one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
}

/// `text|json` is a choice; of a few kinds the words are known.
[[nodiscard]] inline std::vector<std::string> choices_of(std::string kind) {
    if (kind == "LEVEL") return {priority_names.begin(), priority_names.end()};
    if (kind.find('|') == kind.npos) return {};
    std::ranges::replace(kind, '|', ',');
    return split(kind);
}

[[nodiscard]] inline option_facts facts_of(CLI::Option const& option) {
    constexpr std::array<std::string_view, 5> paths{"FILE", "FILE...", "PATH", "PATH...", "MODULE..."};
    option_facts out;
    out.name = "--" + option.get_lnames().front();
    out.help = on_one_line(option.get_description());
    if (option.get_expected_max() == 0) return out;
    out.kind = option.get_type_name();
    out.choices = choices_of(out.kind);
    out.is_file = std::ranges::find(paths, out.kind) != paths.end();
    out.many = out.kind.ends_with("...");
    return out;
}

}  // namespace detail

[[nodiscard]] inline std::vector<option_facts> options_of(CLI::App const& app) {
    std::vector<option_facts> out;
    for (auto const* option : app.get_options()) {
        if (!option->get_lnames().empty()) out.push_back(detail::facts_of(*option));
    }
    return out;
}

[[nodiscard]] inline std::vector<command_facts> commands_of(CLI::App const& app) {
    std::vector<command_facts> out;
    for (auto const* command : app.get_subcommands([](CLI::App const*) { return true; })) {
        command_facts facts{
            command->get_name(), detail::on_one_line(command->get_description()), {}, options_of(*command)};
        for (auto const* option : command->get_options()) {
            if (!option->get_positional()) continue;
            for (auto& word : detail::choices_of(option->get_type_name()))
                facts.words.push_back(std::move(word));
        }
        out.push_back(std::move(facts));
    }
    return out;
}

}  // namespace fastqueue::cli
