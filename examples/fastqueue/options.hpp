#pragma once

#include "config_file.hpp"
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

/// The environment variable that stands in for an option: `--worker-id` is `FASTQUEUE_WORKER_ID`.
[[nodiscard]] inline std::string variable_of(std::string_view option) {
    std::string out = "FASTQUEUE_";
    option.remove_prefix(std::min(option.find_first_not_of('-'), option.size()));
    for (char const c : option)
        out += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return out;
}

/// The options of one command. CLI11 finds the words and writes the help; what a word means is read here, after it, so that
/// each error names option, value and mend. Each option also has an environment variable and a place in the file that
/// `--config` names. An argument goes before the variable, that before the file, and that before the default.
class option_set {
public:
    using reader = std::function<void(std::string_view name, std::string_view text)>;

    explicit option_set(CLI::App& app) : app_{app} {
        app_.allow_extras();                          // refused in our words
        app_.option_defaults()->configurable(false);  // what is not added here cannot stand in a file
        one("--config", "FILE",
            "Options from a TOML file: worker-id = \"sw1\"; below [" + app_.get_name() +
                "] for this command only",
            [this](std::string_view n, std::string_view v) {
                file_ = config_file{n, std::string{v}, *app_.get_parent()};
            });
        entries_.front().option->configurable(false);
    }
    option_set(option_set const&) = delete;

    /// An option with one value.
    /// \param read         takes the value; its first argument names where it comes from
    /// \param environment  the variable that stands in for it; empty: the one of its name
    void one(std::string const& name, std::string const& kind, std::string const& help, reader read,
             std::string environment = {}) {
        add(name, kind, help, std::move(read), std::move(environment), how::once);
    }
    /// An option with one or more values, separated by spaces or commas; `read` is called for each.
    void many(std::string const& name, std::string const& kind, std::string const& help, reader read) {
        add(name, kind, help, std::move(read), {}, how::often)->expected(1, 1 << 20);
    }
    /// An option, and one without a value, that only the command line gives, since what it does cannot be undone: no variable stands in
    /// for it, and no line of a file.
    void word(std::string const& name, std::string const& kind, std::string const& help, reader read,
              bool several = false) {
        auto* const option =
            add_word(app_.add_option(name, ignore, detail::wrapped(help)), name, std::move(read), several);
        option->type_name(kind)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        if (several) option->expected(1, 1 << 20);
    }
    void word(std::string const& name, std::string const& help, std::function<void(bool)> set) {
        auto const text = detail::wrapped(help);
        add_word(
            app_.add_flag(name, text), name,
            [set = std::move(set)](std::string_view n, std::string_view v) { set(read_truth(n, v)); }, false);
    }
    /// An option without a value: it is there or not. \param set  is told whether
    void flag(std::string const& name, std::string const& help, std::function<void(bool)> set) {
        auto const variable = variable_of(name);
        auto const text = detail::wrapped(help + " [" + variable + "]");
        entries_.push_back(
            {app_.add_flag(name, text)->configurable(), name, variable,
             [set = std::move(set)](std::string_view n, std::string_view v) { set(read_truth(n, v)); },
             how::once});
    }

    /// Reads all values. Call when this command has been chosen.
    /// \throws error (bad_option ...)
    void read() const {
        for (auto const& e : entries_) refuse_swallowed(e);
        refuse_strangers();
        for (auto const& e : entries_) read(e);  // first --config, for the others
    }
    [[nodiscard]] CLI::App& app() const noexcept { return app_; }

private:
    enum class how { once, often };
    struct entry {
        CLI::Option* option;
        std::string name;
        std::string environment;
        reader read;
        how given;
    };

    static constexpr auto ignore = [](CLI::results_t const&) { return true; };  // CLI11 only finds the words
    CLI::Option* add_word(CLI::Option* option, std::string const& name, reader read, bool several) {
        entries_.push_back({option, name, {}, std::move(read), several ? how::often : how::once});
        return option;
    }
    CLI::Option* add(std::string const& name, std::string const& kind, std::string const& help, reader read,
                     std::string environment, how given) {
        if (environment.empty()) environment = variable_of(name);
        auto* const option = app_.add_option(name, ignore, detail::wrapped(help + " [" + environment + "]"));
        option->type_name(kind)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->configurable();
        entries_.push_back({option, name, std::move(environment), std::move(read), given});
        return option;
    }
    /// CLI11 takes the next option for the value of one that has none.
    static void refuse_swallowed(entry const& e) {
        for (auto const& text : e.option->results()) {
            if (text.starts_with("--"))
                throw error{errc::bad_option, e.name + " wants a value, but " + text + " follows"};
        }
    }
    void read(entry const& e) const {
        if (read_arguments(e) || e.environment.empty() || read_environment(e)) return;
        if (auto const* const setting = file_.find(app_.get_name(), e.name.substr(2))) read_file(e, *setting);
    }
    static bool read_arguments(entry const& e) {
        auto const& given = e.option->results();
        if (e.given == how::once && given.size() > 1)
            throw error{errc::bad_option,
                        e.name + " is given " + std::to_string(given.size()) + " times; give it once"};
        for (auto const& text : given) read_text(e, e.name, text);
        return !given.empty();
    }
    static bool read_environment(entry const& e) {
        auto const* const value = std::getenv(e.environment.c_str());
        if (value == nullptr || *value == '\0') return false;
        read_text(e, e.environment, value);
        return true;
    }
    void read_file(entry const& e, toml_setting const& setting) const {
        auto const name = file_.name_of(setting);
        if (!setting.is_list) return read_text(e, name, setting.values.front());
        if (e.given == how::once)
            throw error{errc::bad_option, name + " is a list of " + std::to_string(setting.values.size()) +
                                              ", but it takes one value; write it without [ ]"};
        for (auto const& text : setting.values) e.read(name, text);
    }
    static void read_text(entry const& e, std::string_view name, std::string_view text) {
        if (e.given == how::once) return e.read(name, text);
        for (auto const& part : split(text)) e.read(name, part);
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
    config_file file_;
};

}  // namespace fastqueue::cli
