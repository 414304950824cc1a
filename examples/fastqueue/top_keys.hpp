#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace fastqueue::cli {

/// What a key means in `fastqueue top`.
enum class top_key {
    quit,
    sort,
    reverse,
    pause,
    help,
    other_list,
    up,
    down,
    page_up,
    page_down,
    first,
    last
};

/// Makes keys of the octets that a terminal sends. A key may come in pieces.
class top_key_reader {
public:
    /// \return the key that ends with this octet, if one does that means something
    [[nodiscard]] std::optional<top_key> take(char c) {
        switch (state_) {
            case state::plain:
                break;
            case state::escape:
                parameters_.clear();
                state_ = c == '[' || c == 'O' ? state::sequence : state::plain;
                if (state_ == state::sequence) return std::nullopt;
                break;  // it was the key Esc alone
            case state::sequence:
                return in_sequence(c);
        }
        if (c == escape) {
            state_ = state::escape;
            return std::nullopt;
        }
        return of_letter(c);
    }

private:
    enum class state { plain, escape, sequence };
    static constexpr char escape = '\x1b';
    static constexpr std::size_t most_parameters = 16;

    [[nodiscard]] std::optional<top_key> in_sequence(char c) {
        if (c == escape) {
            state_ = state::escape;
            return std::nullopt;
        }
        bool const ends = c >= '@' && c <= '~';
        if (!ends) {
            if (parameters_.size() < most_parameters) parameters_ += c;
            return std::nullopt;
        }
        state_ = state::plain;
        return c == '~' ? of_number(parameters_) : of_final(c);
    }
    /// \source ECMA-48 for the form; the finals are those of xterm, which all terminals of today send
    [[nodiscard]] static std::optional<top_key> of_final(char c) {
        switch (c) {
            case 'A':
                return top_key::up;
            case 'B':
                return top_key::down;
            case 'H':
                return top_key::first;
            case 'F':
                return top_key::last;
            default:
                return std::nullopt;
        }
    }
    [[nodiscard]] static std::optional<top_key> of_number(std::string_view number) {
        if (number == "5") return top_key::page_up;
        if (number == "6") return top_key::page_down;
        if (number == "1" || number == "7") return top_key::first;
        if (number == "4" || number == "8") return top_key::last;
        return std::nullopt;
    }
    [[nodiscard]] static std::optional<top_key> of_letter(char c) {
        switch (c) {
            case 'q':
            case 'Q':
                return top_key::quit;
            case 's':
                return top_key::sort;
            case 'r':
                return top_key::reverse;
            case 'p':
            case ' ':
                return top_key::pause;
            case 'h':
            case '?':
                return top_key::help;
            case '\t':
                return top_key::other_list;
            case 'k':
                return top_key::up;
            case 'j':
                return top_key::down;
            default:
                return std::nullopt;
        }
    }

    state state_ = state::plain;
    std::string parameters_;
};

}  // namespace fastqueue::cli
