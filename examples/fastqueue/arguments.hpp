#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/error.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// The words of a command line, and those behind `--args` and `--kwargs` apart: a task's arguments may look like anything,
/// `-5` or `[1, 2]` too, and CLI11 must not see them.
struct command_line {
    std::vector<std::string> words;
    std::optional<std::vector<std::string>> arguments;  ///< of `--args`; nothing: it is not there
    std::optional<std::vector<std::string>> named;      ///< of `--kwargs`
};

namespace detail {

/// Opens the list of `option` if `word` is `--option` or `--option=first`.
[[nodiscard]] inline bool opens(std::string_view word, std::string_view option,
                                std::optional<std::vector<std::string>>& list) {
    if (!word.starts_with(option)) return false;
    word.remove_prefix(option.size());
    if (!word.empty() && word.front() != '=') return false;
    if (!list) list.emplace();
    if (!word.empty()) list->emplace_back(word.substr(1));
    return true;
}

/// The text as it is where it is JSON, else as a string.
inline void write_argument(json::writer& w, std::string_view text) {
    json::document document;
    if (document.parse(text))
        w.raw(text);
    else
        w.value(text);
}

/// What two options of `submit` were called once still works, but is not shown.
inline void rename(std::string& word, std::string_view old, std::string_view now) {
    bool const same = word.starts_with(old) && (word.size() == old.size() || word[old.size()] == '=');
    if (same) word.replace(0, old.size(), now);
}

[[noreturn]] inline void bad_utf8(std::string const& option) {
    throw error{errc::bad_option, option + " holds text that is not UTF-8, which JSON cannot carry"};
}

}  // namespace detail

/// What stands behind `--args` or `--kwargs`, up to the next word that begins with `--`, is an argument.
[[nodiscard]] inline command_line take_arguments(std::vector<std::string> all) {
    command_line out;
    bool const submits = std::ranges::find(all, "submit") != all.end();
    bool const schedules = !all.empty() && all.front() == "schedule";
    bool const takes = submits || schedules || std::ranges::find(all, "bench") != all.end();
    std::vector<std::string>* inside = nullptr;
    for (auto& word : all) {
        if (takes && detail::opens(word, "--args", out.arguments)) {
            inside = &*out.arguments;
        } else if ((submits || schedules) && detail::opens(word, "--kwargs", out.named)) {
            inside = &*out.named;
        } else {
            if (word.starts_with("--")) inside = nullptr;
            if (submits && inside == nullptr) {
                detail::rename(word, "--task-timeout", "--timeout");
                detail::rename(word, "--task-retries", "--retries");
            }
            (inside != nullptr ? *inside : out.words).push_back(std::move(word));
        }
    }
    return out;
}

/// The arguments as a JSON array: each as it is where it is JSON, else as a string.
/// \throws error (bad_option) for text that is not UTF-8
[[nodiscard]] inline std::string arguments_as_json(std::vector<std::string> const& arguments) {
    std::string out;
    json::writer w{out};
    w.begin_array();
    for (auto const& text : arguments) detail::write_argument(w, text);
    w.end_array();
    if (!w.ok()) detail::bad_utf8("--args");
    return out;
}

/// `x=5` `y=[1,2]` as a JSON object; values as above.
/// \throws error (bad_option) for a word without `=`, a name that stands twice, or text that is not UTF-8
[[nodiscard]] inline std::string named_as_json(std::vector<std::string> const& named) {
    std::string out;
    std::vector<std::string_view> names;
    json::writer w{out};
    w.begin_object();
    for (std::string_view const word : named) {
        auto const name = word.substr(0, word.find('='));
        if (name.empty() || name.size() == word.size())
            throw error{errc::bad_option, "--kwargs '" + std::string{word.substr(0, 300)} +
                                              "' is not NAME=VALUE; write it as x=5"};
        if (std::ranges::find(names, name) != names.end())
            throw error{errc::bad_option,
                        "--kwargs gives '" + std::string{name} + "' twice; give each parameter once"};
        names.push_back(name);
        w.key(name);
        detail::write_argument(w, word.substr(name.size() + 1));
    }
    w.end_object();
    if (!w.ok()) detail::bad_utf8("--kwargs");
    return out;
}

/// What a task is given: by position, or by name, or nothing.
/// \throws error (bad_option), also where both are given
[[nodiscard]] inline std::string given_arguments(command_line const& line) {
    if (line.arguments && line.named)
        throw error{errc::bad_option,
                    "--args and --kwargs stand together; give all arguments by position or all by name"};
    return line.named ? named_as_json(*line.named)
                      : arguments_as_json(line.arguments.value_or(std::vector<std::string>{}));
}

}  // namespace fastqueue::cli
