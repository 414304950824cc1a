#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue::detail {

/// What one field of a cron expression may say: the values `first` to `first + count - 1`.
struct cron_field_kind {
    std::string_view name;
    std::string_view values;  ///< what there is, in words: "hours are 0 to 23"
    unsigned first;
    unsigned count;
    unsigned highest;        ///< that may be written: 7 is a Sunday too, and means 0
    std::string_view names;  ///< three letters for each value, from `first` on; empty: there are none
};

inline constexpr std::array<cron_field_kind, 5> cron_fields{{
    {"minute", "minutes are 0 to 59", 0, 60, 59, {}},
    {"hour", "hours are 0 to 23", 0, 24, 23, {}},
    {"day of the month", "days of the month are 1 to 31", 1, 31, 31, {}},
    {"month", "months are 1 to 12, or JAN to DEC", 1, 12, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    {"day of the week", "days of the week are 0 to 7, or SUN to SAT; 0 and 7 are Sunday", 0, 7, 7,
     "SUNMONTUEWEDTHUFRISAT"},
}};

/// What a field said.
struct cron_field {
    std::uint64_t values = 0;  ///< a bit for each value that it names
    bool star = false;         ///< one of its items is `*` or `*/STEP`
};

/// A stranger's text for a sentence: in quotes, printable, 100 characters at most.
[[nodiscard]] inline std::string cron_quoted(std::string_view text) {
    constexpr std::size_t most = 100;
    std::string out{"'"};
    for (char const c : text.substr(0, most)) out += c >= ' ' && c <= '~' ? c : '?';
    return out += text.size() > most ? "...'" : "'";
}

/// Reads one field: a list of `*`, values and ranges, the first and the last of these with a step or without.
class cron_field_reader {
public:
    /// \param expression  the whole of it, for the sentence
    /// \param[out] why    written on failure only
    cron_field_reader(cron_field_kind const& kind, std::string_view expression, std::string& why) noexcept
        : kind_{kind}, expression_{expression}, why_{why} {}

    /// \return empty: `why` says what is wrong
    [[nodiscard]] std::optional<cron_field> read(std::string_view text) {
        cron_field out;
        while (true) {
            auto const comma = text.find(',');
            if (!read_item(text.substr(0, comma), out)) return std::nullopt;
            if (comma == std::string_view::npos) return out;
            text.remove_prefix(comma + 1);
        }
    }

private:
    struct span {
        unsigned first;
        unsigned length;  // how many values follow the first
    };

    bool read_item(std::string_view item, cron_field& out) {
        auto const slash = item.find('/');
        auto const values = item.substr(0, slash);
        bool const star = values == "*";
        bool const single = !star && values.find('-') == std::string_view::npos;
        span named{kind_.first, kind_.count - 1};
        if (!star && !read_range(item, values, named)) return false;
        unsigned step = 1;
        if (slash != std::string_view::npos) {
            if (single) return refuse(item, "a step follows * or a range, such as */5 or 10-50/5");
            if (!read_step(item, item.substr(slash + 1), step)) return false;
        }
        for (unsigned i = 0; i <= named.length; i += step)
            out.values |= std::uint64_t{1} << (kind_.first + (named.first - kind_.first + i) % kind_.count);
        out.star |= star;
        return true;
    }

    bool read_range(std::string_view item, std::string_view text, span& out) {
        auto const dash = text.find('-');
        if (text.empty()) return refuse(item, "a value is missing");
        if (dash == 0 || dash == text.size() - 1) return refuse(item, kind_.values);
        if (!read_value(text.substr(0, dash), out.first)) return false;
        auto last = out.first;
        if (dash != std::string_view::npos && !read_value(text.substr(dash + 1), last)) return false;
        out.length =
            last >= out.first ? last - out.first : last + kind_.count - out.first;  // or round the end
        return true;
    }

    bool read_value(std::string_view text, unsigned& out) {
        if (read_number(text, out)) {
            if (out >= kind_.first && out <= kind_.highest) return true;
        } else if (text.size() == 3) {
            for (std::size_t at = 0; at < kind_.names.size(); at += 3) {
                out = kind_.first + static_cast<unsigned>(at / 3);
                if (std::ranges::equal(kind_.names.substr(at, 3), text, {}, {}, upper)) return true;
            }
        }
        return refuse(text, kind_.values);
    }

    bool read_step(std::string_view item, std::string_view text, unsigned& out) {
        if (read_number(text, out) && out >= 1 && out <= kind_.count) return true;
        why_ = "the step " + cron_quoted(text) + " of the " + std::string{kind_.name} + " " +
               cron_quoted(item) + " in " + cron_quoted(expression_) + ": steps are 1 to " +
               std::to_string(kind_.count);
        return false;
    }

    // Digits and nothing else, of a number that can be held.
    [[nodiscard]] static bool read_number(std::string_view text, unsigned& out) noexcept {
        auto const* const end = text.data() + text.size();
        auto const [stopped, failed] = std::from_chars(text.data(), end, out);
        return failed == std::errc{} && stopped == end;
    }
    [[nodiscard]] static char upper(char c) noexcept {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }

    bool refuse(std::string_view value, std::string_view reason) {
        why_ = "the " + std::string{kind_.name} + " " + cron_quoted(value) + " in " +
               cron_quoted(expression_) + ": " + std::string{reason};
        return false;
    }

    cron_field_kind const& kind_;
    std::string_view expression_;
    std::string& why_;
};

}  // namespace fastqueue::detail
