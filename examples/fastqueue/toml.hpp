#pragma once

#include <fastqueue/json/utf8.hpp>
#include <fastqueue/model/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// One `key = value` of a TOML file. Numbers and booleans are kept as the words that a command line would have.
struct toml_setting {
    std::string table;  ///< empty above the first table
    std::string key;
    std::vector<std::string> values;
    bool is_list = false;
    std::size_t line = 0;
};

/// A `[table]`.
struct toml_table {
    std::string name;
    std::size_t line = 0;
};

/// Reads what a file of options needs of TOML 1.0: tables with plain names, strings on one line, numbers, booleans, and
/// lists of those. The rest (dates, tables in tables, strings over several lines) is refused with a sentence.
/// \source https://toml.io/en/v1.0.0
class toml_reader {
public:
    /// \param file  its name, for errors
    /// \throws error (bad_option) with file and line
    toml_reader(std::string file, std::string_view text) : file_{std::move(file)}, text_{text} {
        if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
        check_characters();
        for (skip_blank(); !done(); skip_blank()) {
            peek() == '[' ? read_table() : read_setting();
            end_line();
        }
    }

    [[nodiscard]] std::vector<toml_setting> const& settings() const noexcept { return settings_; }
    [[nodiscard]] std::vector<toml_table> const& tables() const noexcept { return tables_; }

private:
    [[noreturn]] void fail(std::string const& words) const {
        throw error{errc::bad_option, file_ + ":" + std::to_string(line_) + ": " + words};
    }

    [[nodiscard]] bool done() const noexcept { return at_ == text_.size(); }
    [[nodiscard]] char peek() const noexcept { return done() ? '\n' : text_[at_]; }
    char take() {
        char const c = text_[at_++];
        if (c == '\n') ++line_;
        return c;
    }
    [[nodiscard]] bool skip(char wanted) {
        if (done() || peek() != wanted) return false;
        take();
        return true;
    }
    void skip_spaces() {
        while (skip(' ') || skip('\t')) {}
    }
    void skip_comment() {
        if (peek() != '#') return;
        while (!done() && peek() != '\n') take();
    }
    /// Spaces, comments and the ends of lines.
    void skip_blank() {
        while (true) {
            skip_spaces();
            skip_comment();
            if (!skip('\n') && !skip('\r')) return;
        }
    }
    void end_line() {
        skip_spaces();
        skip_comment();
        if (!done() && !skip('\r') && peek() != '\n')
            fail("a line ends at '" + rest() + "': one setting a line");
    }
    /// What stands up to the end of the line, for errors.
    [[nodiscard]] std::string rest() const {
        auto const end = text_.find_first_of("\r\n", at_);
        return std::string{text_.substr(at_, std::min<std::size_t>(end - at_, 60))};
    }

    void check_characters() {
        for (auto left = text_; !left.empty();) {
            auto const length = json::utf8_length(left.substr(0, 4));
            if (length == 0) fail("the text is not UTF-8: save the file as UTF-8");
            auto const c = static_cast<unsigned char>(left.front());
            bool const ends_line = c == '\n' || left.starts_with("\r\n");
            if ((c < 0x20 && c != '\t' && !ends_line) || c == 0x7f)
                fail("a control character is in the text: remove it");
            if (c == '\n') ++line_;
            left.remove_prefix(length);
        }
        line_ = 1;
    }

    void read_table() {
        take();
        if (peek() == '[') fail("'[[' is not known here: a table is the name of a command, as [subworker]");
        skip_spaces();
        auto name = read_key("a table is the name of a command, as [subworker]");
        skip_spaces();
        if (!skip(']')) fail("']' is missing: a table is the name of a command, as [subworker]");
        auto const before = std::ranges::find(tables_, name, &toml_table::name);
        if (before != tables_.end())
            fail("[" + name + "] is there twice, first in line " + std::to_string(before->line) +
                 ": put both together");
        tables_.push_back({std::move(name), line_});
    }
    void read_setting() {
        toml_setting s;
        s.line = line_;
        s.table = tables_.empty() ? std::string{} : tables_.back().name;
        s.key = read_key("write each setting as key = value");
        skip_spaces();
        if (!skip('=')) fail("'=' is missing behind '" + s.key + "': write each setting as key = value");
        skip_spaces();
        if (peek() == '\n' || peek() == '\r' || peek() == '#')
            fail("'" + s.key + "' has no value: write it as key = value");
        if (peek() == '[')
            read_list(s);
        else
            s.values.push_back(read_value());
        auto const same = [&](toml_setting const& other) {
            return other.table == s.table && other.key == s.key;
        };
        auto const before = std::ranges::find_if(settings_, same);
        if (before != settings_.end()) {
            line_ = s.line;
            fail("'" + s.key + "' is given twice, first in line " + std::to_string(before->line) +
                 ": keep one");
        }
        settings_.push_back(std::move(s));
    }
    [[nodiscard]] std::string read_key(std::string const& mend) {
        if (peek() == '"' || peek() == '\'') return read_string();
        auto const begin = at_;
        while (!done() && is_bare(peek())) take();
        if (at_ == begin) fail("'" + rest() + "' is not a name: " + mend);
        if (peek() == '.') fail("names with dots are not known here: " + mend);
        return std::string{text_.substr(begin, at_ - begin)};
    }
    [[nodiscard]] static bool is_bare(char c) noexcept {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    }

    void read_list(toml_setting& s) {
        take();
        s.is_list = true;
        for (skip_blank(); !skip(']'); skip_blank()) {
            if (!done()) s.values.push_back(read_value());
            skip_blank();
            if (done()) fail("the list of '" + s.key + "' has no end: ']' is missing");
            if (!skip(',') && peek() != ']') fail("',' or ']' is missing in the list of '" + s.key + "'");
        }
    }
    [[nodiscard]] std::string read_value() {
        if (peek() == '"' || peek() == '\'') return read_string();
        if (peek() == '[' || peek() == '{')
            fail("a list or table inside is not known here: write text, a number, true or false");
        auto const begin = at_;
        while (!done() && std::string_view{" \t\r\n,]#"}.find(peek()) == std::string_view::npos) take();
        return plain_value(text_.substr(begin, at_ - begin));
    }
    [[nodiscard]] std::string plain_value(std::string_view word) const {
        if (word == "true" || word == "false") return std::string{word};
        auto number = as_number(word);
        if (number.empty()) {
            std::string const shown{word.substr(0, 60)};
            fail("'" + shown + "' is not a value: write text in quotes, as \"" + shown + "\"");
        }
        return number;
    }
    /// The number as a command line would have it; empty if it is none.
    [[nodiscard]] static std::string as_number(std::string_view word) {
        auto const digits = [](char c) { return c >= '0' && c <= '9'; };
        std::string out;
        for (std::size_t i = 0; i < word.size(); ++i) {
            bool const between = i > 0 && i + 1 < word.size() && digits(word[i - 1]) && digits(word[i + 1]);
            if (word[i] == '_' && !between) return {};
            if (word[i] != '_' && !(i == 0 && word[i] == '+')) out += word[i];
        }
        auto const begin = out.find_first_not_of('-');
        if (begin > 1 || !digits(out[begin])) return {};
        bool const zero_first = out[begin] == '0' && begin + 1 < out.size() && digits(out[begin + 1]);
        double value = 0;
        auto const [end, problem] = std::from_chars(out.data(), out.data() + out.size(), value);
        bool const whole = problem == std::errc{} && end == out.data() + out.size() && out.back() != '.';
        return whole && !zero_first ? out : std::string{};
    }

    [[nodiscard]] std::string read_string() {
        char const quote = take();
        if (text_.substr(at_, 2) == std::string(2, quote))
            fail("text over several lines is not known here: put it on one line");
        std::string out;
        while (!skip(quote)) {
            if (peek() == '\n' || peek() == '\r') fail("the text has no end: a quote is missing");
            char const c = take();
            if (c == '\\' && quote == '"')
                read_escape(out);
            else
                out += c;
        }
        return out;
    }
    void read_escape(std::string& out) {
        constexpr std::string_view from = "btnfr\"\\";
        constexpr std::string_view to = "\b\t\n\f\r\"\\";
        char const c = peek();
        auto const found = from.find(c);
        if (c == 'u' || c == 'U')
            fail(std::string{"'\\"} + c + "' is not known here: write the character itself");
        if (found == std::string_view::npos)
            fail(std::string{"'\\"} + c +
                 "' is not known: write a backslash as \\\\, or the text in single quotes");
        out += to[found];
        take();
    }

    std::string file_;
    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::vector<toml_setting> settings_;
    std::vector<toml_table> tables_;
};

}  // namespace fastqueue::cli
