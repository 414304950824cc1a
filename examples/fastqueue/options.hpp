#pragma once

#include "values.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

namespace detail {

inline constexpr std::size_t help_column = 36;  // where descriptions begin
inline constexpr std::size_t help_width = 100;

/// The words in lines that fit beside the options' names.
[[nodiscard]] inline std::string wrapped(std::string_view text) {
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
        auto const end = std::min(text.find(' '), text.size());
        bool const fits = column == 0 || column + 1 + end <= help_width - help_column;
        if (column > 0) out += fits ? ' ' : '\n';
        column = fits && column > 0 ? column + 1 + end : end;
        out += text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace detail

/// The options of one command. CLI11 finds the words and writes the help; what a word means is read here, after it, so that
/// each error names option, value and mend. An option that is given goes before its environment variable, and that before
/// the default.
class option_set {
public:
    using reader = std::function<void(std::string_view name, std::string_view text)>;

    explicit option_set(CLI::App& app) : app_{app} {
        app_.allow_extras();  // refused in our words
    }
    option_set(option_set const&) = delete;

    /// An option with one value.
    /// \param read         takes the value; its first argument names where it comes from
    /// \param environment  a variable that stands in for it; empty: none
    void one(std::string const& name, std::string const& kind, std::string help, reader read,
             std::string environment = {}) {
        if (!environment.empty()) help += " [" + environment + "]";
        auto* const option = app_.add_option(name, ignore(), detail::wrapped(help));
        option->type_name(kind)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        entries_.push_back({option, name, std::move(environment), std::move(read), false});
    }
    /// An option with one or more values, separated by spaces or commas; `read` is called for each.
    void many(std::string const& name, std::string const& kind, std::string const& help, reader read) {
        auto* const option = app_.add_option(name, ignore(), detail::wrapped(help));
        option->type_name(kind)->expected(1, 1 << 20)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        entries_.push_back({option, name, {}, std::move(read), true});
    }

    /// Reads all values. Call when this command has been chosen.
    /// \throws error (bad_option ...)
    void read() const {
        for (auto const& e : entries_) refuse_swallowed(e);
        refuse_strangers();
        for (auto const& e : entries_) read(e);
    }
    [[nodiscard]] CLI::App& app() const noexcept { return app_; }

private:
    struct entry {
        CLI::Option* option;
        std::string name;
        std::string environment;
        reader read;
        bool many;
    };

    static CLI::callback_t ignore() {
        return [](CLI::results_t const&) { return true; };
    }
    /// CLI11 takes the next option for the value of one that has none.
    static void refuse_swallowed(entry const& e) {
        for (auto const& text : e.option->results()) {
            if (text.starts_with("--"))
                throw error{errc::bad_option, e.name + " wants a value, but " + text + " follows"};
        }
    }
    static void read(entry const& e) {
        auto const& given = e.option->results();
        if (given.empty()) return read_environment(e);
        if (!e.many && given.size() > 1)
            throw error{errc::bad_option,
                        e.name + " is given " + std::to_string(given.size()) + " times; give it once"};
        for (auto const& text : given) {
            if (!e.many)
                e.read(e.name, text);
            else
                for (auto const& part : split(text)) e.read(e.name, part);
        }
    }
    static void read_environment(entry const& e) {
        if (e.environment.empty()) return;
        auto const* const value = std::getenv(e.environment.c_str());
        if (value != nullptr && *value != '\0') e.read(e.environment, value);
    }
    void refuse_strangers() const {
        auto const strangers = app_.remaining();
        if (strangers.empty()) return;
        auto const& word = strangers.front();
        auto const& command = app_.get_name();
        if (!word.starts_with('-'))
            throw error{errc::bad_option,
                        command + " takes no argument '" + word + "'; see fastqueue " + command + " --help"};
        auto const name = word.substr(0, word.find('='));
        std::vector<std::string> names;
        for (auto const* option : app_.get_options())
            names.push_back("--" +
                            (option->get_lnames().empty() ? std::string{} : option->get_lnames().front()));
        auto const near = nearest_names(name, names, 1);
        throw error{errc::bad_option, command + " has no option " + name +
                                          (near.empty() ? "" : "; did you mean " + near.front() + "?") +
                                          (near.empty() ? "; see fastqueue " + command + " --help" : "")};
    }

    CLI::App& app_;
    std::vector<entry> entries_;
};

}  // namespace fastqueue::cli
