#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/error.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// The words of a command line, and those behind `--args` apart: a task's arguments may look like anything, `-5` or
/// `[1, 2]` too, and CLI11 must not see them.
struct command_line {
    std::vector<std::string> words;
    std::vector<std::string> arguments;
};

/// What stands behind `--args`, up to the next word that begins with `--`, is an argument.
[[nodiscard]] inline command_line take_arguments(std::vector<std::string> all) {
    command_line out;
    bool const submits = !all.empty() && all.front() == "submit";
    bool inside = false;
    for (auto& word : all) {
        if (submits && (word == "--args" || word.starts_with("--args="))) {
            inside = true;
            if (word != "--args") out.arguments.push_back(word.substr(7));
            continue;
        }
        if (word.starts_with("--")) inside = false;
        (inside ? out.arguments : out.words).push_back(std::move(word));
    }
    return out;
}

/// The arguments as a JSON array: each as it is where it is JSON, else as a string.
/// \throws error (bad_option) for text that is not UTF-8
[[nodiscard]] inline std::string arguments_as_json(std::vector<std::string> const& arguments) {
    std::string out;
    json::writer w{out};
    w.begin_array();
    for (auto const& text : arguments) {
        json::document document;
        if (document.parse(text))
            w.raw(text);
        else
            w.value(text);
    }
    w.end_array();
    if (!w.ok())
        throw error{errc::bad_option, "--args holds text that is not UTF-8, which JSON cannot carry"};
    return out;
}

}  // namespace fastqueue::cli
