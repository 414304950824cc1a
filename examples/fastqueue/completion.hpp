#pragma once

#include "command_tree.hpp"
#include "exit_code.hpp"
#include "options.hpp"
#include "output.hpp"

#include <fastqueue/model/error.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::cli {

namespace detail {

/// In single quotes, for a shell.
[[nodiscard]] inline std::string shell_quoted(std::string_view text) {
    std::string out = "'";
    for (char const c : text) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
    return out + "'";
}

[[nodiscard]] inline std::string joined(std::vector<std::string> const& words, std::string_view between) {
    std::string out;
    for (auto const& word : words) {
        if (!out.empty()) out += between;
        out += word;
    }
    return out;
}

[[nodiscard]] inline std::string names_of_options(std::vector<option_facts> const& options) {
    std::string out;
    for (auto const& option : options) out += (out.empty() ? "" : " ") + option.name;
    return out;
}

/// What the values of one option are completed to, as a branch of the script's `case`: command, option, how many words ago.
[[nodiscard]] inline std::string bash_branch(std::string const& command, option_facts const& option) {
    if (option.kind.empty()) return {};
    auto const begin = "        '" + command + " " + option.name + " '" + (option.many ? "*" : "1") + ") ";
    if (option.is_file) return begin + "_fastqueue_files; return ;;\n";
    if (option.choices.empty()) return option.many ? "" : begin + "return ;;\n";
    return begin + "_fastqueue_words " + shell_quoted(joined(option.choices, " ")) + "; return ;;\n";
}

constexpr std::string_view bash_begin =
    R"(# bash completion of fastqueue; use: source <(fastqueue completion bash)
_fastqueue_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word"); }
_fastqueue_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
}
_fastqueue() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} option= distance=0 i
    COMPREPLY=()
    for ((i = 2; i < COMP_CWORD; ++i)); do
        case ${COMP_WORDS[i]} in
        --*) option=${COMP_WORDS[i]} distance=0 ;;
        =) continue ;; # --option=value comes as three words
        esac
        distance=$((distance + 1))
    done
    [[ $word == = ]] && word=
    if ((COMP_CWORD == 1)); then command=; fi
    if [[ $word != -* ]]; then
        case "$command $option $distance" in
)";
constexpr std::string_view bash_middle = R"(        esac
    fi
    case $command in
)";
constexpr std::string_view bash_end = R"(    esac
}
complete -F _fastqueue fastqueue
)";

}  // namespace detail

/// A script for bash that completes commands, options, and values where their words are known.
[[nodiscard]] inline std::string bash_completion(CLI::App const& app) {
    std::string values;
    std::string names;
    std::vector<std::string> all;
    for (auto const& command : commands_of(app)) {
        all.push_back(command.name);
        for (auto const& option : command.options) values += detail::bash_branch(command.name, option);
        auto words = command.words;
        words.push_back(detail::names_of_options(command.options));
        names += "    " + command.name + ") _fastqueue_words " +
                 detail::shell_quoted(detail::joined(words, " ")) + " ;;\n";
    }
    all.push_back(detail::names_of_options(options_of(app)));
    names += "    '') _fastqueue_words " + detail::shell_quoted(detail::joined(all, " ")) + " ;;\n";
    return std::string{detail::bash_begin} + values + std::string{detail::bash_middle} + names +
           std::string{detail::bash_end};
}

namespace detail {

/// What zsh takes for its own in the specification of an argument.
[[nodiscard]] inline std::string zsh_escaped(std::string_view text) {
    std::string out;
    for (char const c : text) {
        if (std::string_view{"[]:\\"}.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

/// `'*--task-modules[Task modules]:MODULE:_files'`
[[nodiscard]] inline std::string zsh_argument(option_facts const& option) {
    auto spec = (option.many ? "*" : "") + option.name + "[" + zsh_escaped(option.help) + "]";
    if (!option.kind.empty()) {
        spec += ":" + zsh_escaped(option.kind) + ":";
        if (option.is_file) spec += "_files";
        if (!option.choices.empty()) spec += "(" + joined(option.choices, " ") + ")";
    }
    return shell_quoted(spec);
}

}  // namespace detail

/// The same for zsh.
[[nodiscard]] inline std::string zsh_completion(CLI::App const& app) {
    std::string out =
        "#compdef fastqueue\n# zsh completion of fastqueue; use: source <(fastqueue completion zsh)\n";
    std::string list;
    std::string branches;
    for (auto const& command : commands_of(app)) {
        list +=
            "        " + detail::shell_quoted(detail::zsh_escaped(command.name) + ":" + command.help) + "\n";
        branches += "    " + command.name + ") _arguments";
        for (auto const& option : command.options) branches += " \\\n        " + detail::zsh_argument(option);
        if (!command.words.empty())
            branches +=
                " \\\n        " + detail::shell_quoted("1:word:(" + detail::joined(command.words, " ") + ")");
        branches += " ;;\n";
    }
    out += "_fastqueue() {\n    local -a commands=(\n" + list + "    )\n";
    out += "    if ((CURRENT == 2)); then\n        _describe command commands\n        _arguments";
    for (auto const& option : options_of(app)) out += " " + detail::zsh_argument(option);
    out += "\n        return\n    fi\n    local command=$words[2]\n    shift words\n    ((CURRENT -= 1))\n";
    out += "    case $command in\n" + branches + "    esac\n}\n";
    return out +
           "if [[ $funcstack[1] == _fastqueue ]]; then _fastqueue \"$@\"; else compdef _fastqueue fastqueue; "
           "fi\n";
}

/// `fastqueue completion`
class completion_command {
public:
    explicit completion_command(CLI::App& app)
        : all_{app},
          app_{*app.add_subcommand("completion", "Print a script with which a shell completes commands")} {
        app_.allow_extras();
        app_.add_option(
                "shell", [](CLI::results_t const&) { return true; }, "Which shell")
            ->type_name("bash|zsh")
            ->expected(1, 1 << 20)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        app_.footer("Use it now: source <(fastqueue completion bash), and from ~/.bashrc for good.");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return app_; }

    int run() {
        auto const& words = app_.get_option("shell")->results();
        auto const strangers = app_.remaining();
        if (words.empty() && strangers.empty())
            throw error{errc::bad_option,
                        "completion wants to know the shell: fastqueue completion bash, or zsh"};
        if (words.size() != 1 || !strangers.empty())
            throw error{errc::bad_option, "completion takes one word, bash or zsh, but '" +
                                              (strangers.empty() ? words.back() : strangers.front()) +
                                              "' is there, too"};
        bool const bash =
            read_word("completion", words.front(), std::array<std::string_view, 2>{"bash", "zsh"}) == 0;
        auto script = bash ? bash_completion(all_) : zsh_completion(all_);
        script.pop_back();  // say() ends the line
        say(std::move(script));
        return done;
    }

private:
    CLI::App& all_;
    CLI::App& app_;
};

}  // namespace fastqueue::cli
