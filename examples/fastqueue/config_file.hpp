#pragma once

#include "toml.hpp"

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/name.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace fastqueue::cli {

/// Values of options from a TOML file. A table `[subworker]` is for that command alone; what stands above the first table is
/// for all commands that have such an option.
class config_file {
public:
    /// No file: no values.
    config_file() = default;
    /// \param from  which option or variable names the file, for errors
    /// \param all   the program, whose commands and options are the names that may occur
    /// \throws error (bad_option) if it cannot be read, is not TOML, or holds a name that means nothing
    config_file(std::string_view from, std::string path, CLI::App const& all) : path_{std::move(path)} {
        auto const text = contents(from);
        toml_reader const read{path_, text};
        settings_ = read.settings();
        for (auto const& table : read.tables()) check_table(table, all);
        for (auto const& setting : settings_) check_key(setting, all);
    }

    /// What the file says about an option, if anything: the command's own table goes first.
    [[nodiscard]] toml_setting const* find(std::string_view command, std::string_view key) const {
        toml_setting const* found = nullptr;
        for (auto const& s : settings_) {
            if (s.key != key) continue;
            if (s.table == command) return &s;
            if (s.table.empty()) found = &s;
        }
        return found;
    }
    /// `fq.toml:3: worker-id`, for errors.
    [[nodiscard]] std::string name_of(toml_setting const& s) const { return where(s.line) + s.key; }

private:
    static constexpr std::size_t most_octets = 1U << 20U;

    [[nodiscard]] std::string where(std::size_t line) const {
        return path_ + ":" + std::to_string(line) + ": ";
    }
    [[nodiscard]] std::string contents(std::string_view from) const {
        auto const name = std::string{from} + " '" + path_ + "' ";
        errno = 0;
        std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file{std::fopen(path_.c_str(), "re"),
                                                                   std::fclose};
        std::string text;
        if (file) {
            text.resize(most_octets + 1);
            text.resize(std::fread(text.data(), 1, text.size(), file.get()));
        }
        if (!file || std::ferror(file.get()) != 0)
            throw error{errc::bad_option, name + "cannot be read: " + std::system_category().message(errno) +
                                              "; name a TOML file that is there"};
        if (text.size() > most_octets)
            throw error{errc::bad_option,
                        name + "is over 1 MiB, too large for a file of options; name another"};
        return text;
    }

    static std::vector<CLI::App const*> commands(CLI::App const& all) {
        return all.get_subcommands([](CLI::App const*) { return true; });
    }
    /// The names of options that may stand in a file.
    static void append_keys(CLI::App const& command, std::vector<std::string>& out) {
        for (auto const* option : command.get_options()) {
            if (option->get_configurable() && !option->get_lnames().empty())
                out.push_back(option->get_lnames().front());
        }
    }
    void check_table(toml_table const& table, CLI::App const& all) const {
        std::vector<std::string> names;
        for (auto const* command : commands(all)) names.push_back(command->get_name());
        if (std::ranges::find(names, table.name) != names.end()) return;
        fail(table.line, "there is no command '" + table.name + "' for the table [" + table.name + "]",
             table.name, names, "a table is the name of a command, as [subworker]");
    }
    void check_key(toml_setting const& s, CLI::App const& all) const {
        std::vector<std::string> keys;
        for (auto const* command : commands(all)) {
            if (s.table.empty() || s.table == command->get_name()) append_keys(*command, keys);
        }
        if (std::ranges::find(keys, s.key) != keys.end()) return;
        auto const who = s.table.empty() ? std::string{"no command"} : s.table;
        fail(s.line, who + " has " + (s.table.empty() ? "an" : "no") + " option '" + s.key + "'", s.key, keys,
             "see fastqueue " + (s.table.empty() ? std::string{} : s.table + " ") + "--help");
    }
    [[noreturn]] void fail(std::size_t line, std::string const& words, std::string const& wrong,
                           std::vector<std::string> const& names, std::string const& mend) const {
        auto const near = nearest_names(wrong, names, 1);
        throw error{errc::bad_option, where(line) + words + "; " +
                                          (near.empty() ? mend : "did you mean " + near.front() + "?")};
    }

    std::string path_;
    std::vector<toml_setting> settings_;
};

}  // namespace fastqueue::cli
