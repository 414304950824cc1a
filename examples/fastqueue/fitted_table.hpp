#pragma once

#include "output.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// Text of others, for a screen where an octet must be a column: what is not ASCII is a question mark.
[[nodiscard]] inline std::string one_column_each(std::string_view text) {
    std::string out;
    for (char const c : one_line(text)) {
        auto const octet = static_cast<unsigned char>(c);
        bool const goes_on = octet >= 0x80 && octet < 0xc0;  // of a character that stands there already
        if (!goes_on) out += octet < 0x80 ? c : '?';
    }
    return out;
}

/// The text, with an ellipsis where it is too long.
[[nodiscard]] inline std::string clipped(std::string text, std::size_t width) {
    if (text.size() <= width) return text;
    bool const has_room = width > 3;
    text.resize(has_room ? width - 3 : width);
    return has_room ? text + "..." : text;
}

/// Rows of words under a head that never are wider than they may be: first long words are cut, then columns are left out. A
/// number is there whole or not at all.
class fitted_table {
public:
    struct column {
        std::string head;
        unsigned rank = 0;      ///< the highest are left out first; one column has 0, and stays
        bool number = false;    ///< to the right
        std::size_t least = 0;  ///< words of it may be cut to so many characters; 0: never
    };

    explicit fitted_table(std::vector<column> columns) : columns_{std::move(columns)} {}

    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    [[nodiscard]] std::size_t rows() const noexcept { return rows_.size(); }

    /// The head and some of the rows. Columns are as wide as all rows want them, so that they stand still when the rows are
    /// scrolled.
    [[nodiscard]] std::vector<std::string> lines(std::size_t width, std::size_t first,
                                                 std::size_t count) const {
        auto const fit = this->fit(width);
        std::vector<std::string> heads;
        heads.reserve(columns_.size());
        for (auto const& c : columns_) heads.push_back(c.head);
        std::vector<std::string> out{line(heads, fit)};
        for (auto i = first; i < std::min(first + count, rows_.size()); ++i)
            out.push_back(line(rows_[i], fit));
        return out;
    }
    /// Whether all is there, and whole.
    [[nodiscard]] bool fits(std::size_t width) const { return total(natural()) <= width; }

private:
    static constexpr unsigned essential = 4;        // columns of a higher rank are not worth that words
    static constexpr std::size_t comfortable = 20;  // are cut to less than this

    struct cell {
        std::size_t column;
        std::size_t width;
    };

    [[nodiscard]] std::vector<cell> natural() const {
        std::vector<cell> out;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            auto widest = columns_[i].head.size();
            for (auto const& r : rows_) widest = std::max(widest, r[i].size());
            out.push_back({i, widest});
        }
        return out;
    }
    [[nodiscard]] static std::size_t total(std::vector<cell> const& cells) {
        std::size_t sum = cells.empty() ? 0 : 2 * (cells.size() - 1);
        for (auto const& c : cells) sum += c.width;
        return sum;
    }
    [[nodiscard]] std::vector<cell> fit(std::size_t width) const {
        auto const rank = [this](cell const& c) { return columns_[c.column].rank; };
        for (auto wanted = natural();;) {
            auto const worst = std::ranges::max_element(wanted, {}, rank);
            auto cells = wanted;
            auto const floor = rank(*worst) > essential ? comfortable : 0;
            while (total(cells) > width && cut_widest(cells, floor)) {}
            if (total(cells) <= width) return cells;
            if (wanted.size() == 1) return {{wanted.front().column, width}};
            wanted.erase(worst);
        }
    }
    [[nodiscard]] bool cut_widest(std::vector<cell>& cells, std::size_t floor) const {
        cell* widest = nullptr;
        for (auto& c : cells) {
            auto const least = columns_[c.column].least;
            bool const can = least > 0 && c.width > std::max(least, floor);
            if (can && (widest == nullptr || c.width > widest->width)) widest = &c;
        }
        if (widest != nullptr) --widest->width;
        return widest != nullptr;
    }
    [[nodiscard]] std::string line(std::vector<std::string> const& words,
                                   std::vector<cell> const& cells) const {
        std::string out;
        for (auto const& c : cells) {
            auto const word = clipped(words[c.column], c.width);
            std::string const padding(c.width - word.size(), ' ');
            if (&c != &cells.front()) out += "  ";
            out += columns_[c.column].number ? padding + word : word + padding;
        }
        out.erase(out.find_last_not_of(' ') + 1);
        return out;
    }

    std::vector<column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace fastqueue::cli
