#pragma once

#include <fastqueue/model/cron_field.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue {

/// When something shall happen, as crontab(5) writes it: minute, hour, day of the month, month, day of the week, by the clock
/// on somebody's wall (`core/next_firing.hpp` knows whose). Six masks: 24 octets, trivially copied, and nothing allocates.
///
/// In a field stand `*`, values, ranges (`9-17`), steps of these (`*/5`, `10-50/10`) and lists of all that (`0,30,40-50/5`).
/// Months and days of the week have names, JAN to DEC and SUN to SAT, in either case; Sunday is 0 and 7. A range may go round
/// the end: `22-2` are the hours 22, 23, 0, 1 and 2, and `FRI-MON` four days. Between the fields are blanks or tabs.
/// Where both fields of days are restricted, one of them is enough: `0 0 13 * FRI` is each 13th and each Friday. A field with
/// a `*`, also `*/2`, is not restricted: then both must match.
/// In place of the five stand `@hourly`, `@daily`, `@midnight`, `@weekly` (Sunday, 0:00), `@monthly`, `@yearly` or `@annually`.
///
/// Immutable, and so safe from any thread.
class cron_expression {
public:
    /// \param text      any octets, of any length
    /// \param[out] why  written on failure only: a sentence that names field, value and what there is, such as
    ///                  "the hour '24' in '0 24 * * *': hours are 0 to 23"
    /// \return empty: not an expression, or one of a date that no year has (30 February)
    [[nodiscard]] static std::optional<cron_expression> parse(std::string_view text, std::string& why);

    /// The first minute that matches, strictly after `after`; its seconds are 0. What `parse` accepts always has one, within 40
    /// years (a 29 February that must be a Sunday too).
    /// \return empty: `after` is not within the years -32000 to 32000
    /// \complexity  at most one step for each month until then
    [[nodiscard]] std::optional<std::chrono::local_seconds> next(
        std::chrono::local_seconds after) const noexcept;

    /// Whether the minute that `at` lies in is one of those.
    [[nodiscard]] bool matches(std::chrono::local_seconds at) const noexcept {
        if (!in_calendar(at)) return false;
        auto const day = std::chrono::floor<std::chrono::days>(at);
        std::chrono::hh_mm_ss const time{at - day};
        return matches_day(day) && has(hours_, time.hours().count()) && has(minutes_, time.minutes().count());
    }

    /// Whether it names times of the day, `30 2 * * *`, rather than how often: neither the minute nor the hour has a `*`, nor
    /// says all that a `*` would.
    [[nodiscard]] bool is_fixed_time() const noexcept { return fixed_time_; }

    friend bool operator==(cron_expression const&, cron_expression const&) = default;

private:
    using fields = std::array<detail::cron_field, detail::cron_fields.size()>;
    using texts = std::array<std::string_view, detail::cron_fields.size()>;

    explicit cron_expression(fields const& said) noexcept
        : minutes_{said[0].values},
          hours_{static_cast<std::uint32_t>(said[1].values)},
          days_{static_cast<std::uint32_t>(said[2].values)},
          months_{static_cast<std::uint16_t>(said[3].values)},
          weekdays_{static_cast<std::uint8_t>(said[4].values)},
          either_day_{!said[2].star && !said[4].star},
          fixed_time_{!any(said, 0) && !any(said, 1)} {}

    [[nodiscard]] static std::optional<cron_expression> parse_fields(texts const& texts, std::string_view all,
                                                                     std::string& why);
    // Whether a field leaves nothing out.
    [[nodiscard]] static bool any(fields const& said, std::size_t field) noexcept {
        return said[field].star ||
               std::popcount(said[field].values) == static_cast<int>(detail::cron_fields[field].count);
    }
    template <class Mask>
    [[nodiscard]] static bool has(Mask mask, long value) noexcept {
        return (mask >> value & 1U) != 0;
    }
    [[nodiscard]] static bool in_calendar(std::chrono::local_seconds at) noexcept {
        using namespace std::chrono;
        return at >= local_days{year{-32000} / 1 / 1} && at < local_days{year{32001} / 1 / 1};
    }
    [[nodiscard]] bool can_match() const noexcept;
    [[nodiscard]] bool matches_day(std::chrono::local_days day) const noexcept {
        std::chrono::year_month_day const date{day};
        return has(months_, unsigned{date.month()}) &&
               has(days_of(date.year() / date.month()), unsigned{date.day()});
    }
    [[nodiscard]] std::uint32_t days_of(std::chrono::year_month month) const noexcept;
    [[nodiscard]] std::optional<std::chrono::local_days> next_day(
        std::chrono::local_days from) const noexcept;
    [[nodiscard]] std::optional<std::chrono::minutes> next_time(std::chrono::minutes from) const noexcept;

    std::uint64_t minutes_;  // bit n of each: the value n
    std::uint32_t hours_;
    std::uint32_t days_;
    std::uint16_t months_;
    std::uint8_t weekdays_;
    bool either_day_;  // one of the two fields of days is enough
    bool fixed_time_;
};

namespace detail {

/// A text's words between blanks and tabs. Those beyond `Most` are not kept, and count as one.
template <std::size_t Most>
struct cron_words {
    explicit cron_words(std::string_view text) noexcept {
        constexpr std::string_view blanks = " \t";
        auto at = text.find_first_not_of(blanks);
        for (; at != std::string_view::npos && count <= Most; ++count) {
            auto const end = std::min(text.find_first_of(blanks, at), text.size());
            if (count < Most) list[count] = text.substr(at, end - at);
            at = text.find_first_not_of(blanks, end);
        }
    }
    std::array<std::string_view, Most> list{};
    std::size_t count = 0;
};

inline constexpr std::string_view cron_macro_names =
    "@hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually";

/// The five fields that a macro stands for; empty: there is none of this name.
[[nodiscard]] inline std::string_view cron_macro(std::string_view name) noexcept {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 7> macros{{
        {"@hourly", "0 * * * *"},
        {"@daily", "0 0 * * *"},
        {"@midnight", "0 0 * * *"},
        {"@weekly", "0 0 * * 0"},
        {"@monthly", "0 0 1 * *"},
        {"@yearly", "0 0 1 1 *"},
        {"@annually", "0 0 1 1 *"},
    }};
    for (auto const& [macro, fields] : macros)
        if (macro == name) return fields;
    return {};
}

}  // namespace detail

inline std::optional<cron_expression> cron_expression::parse(std::string_view text, std::string& why) {
    detail::cron_words<detail::cron_fields.size()> const words{text};
    if (words.count == 1 && words.list[0].starts_with('@')) {
        auto const macro = detail::cron_macro(words.list[0]);
        if (!macro.empty()) return parse(macro, why);
        why = detail::cron_quoted(text) + " is no macro of cron: there are " +
              std::string{detail::cron_macro_names};
        return std::nullopt;
    }
    if (words.count == words.list.size()) return parse_fields(words.list, text, why);
    why = detail::cron_quoted(text) +
          (words.count > words.list.size() ? " has more than 5 fields"
                                           : " has " + std::to_string(words.count) + " of 5 fields") +
          ": minute, hour, day of the month, month and day of the week";
    return std::nullopt;
}

inline std::optional<cron_expression> cron_expression::parse_fields(texts const& texts, std::string_view all,
                                                                    std::string& why) {
    fields said;
    for (std::size_t i = 0; i < said.size(); ++i) {
        auto const read = detail::cron_field_reader{detail::cron_fields[i], all, why}.read(texts[i]);
        if (!read) return std::nullopt;
        said[i] = *read;
    }
    cron_expression const out{said};
    if (out.can_match()) return out;
    why = detail::cron_quoted(all) + " never comes: no month " + detail::cron_quoted(texts[3]) +
          " has a day " + detail::cron_quoted(texts[2]);
    return std::nullopt;
}

// Each date that some year has falls on each day of the week in some year.
inline bool cron_expression::can_match() const noexcept {
    if (either_day_) return true;
    for (unsigned n = 1; n <= 12; ++n) {
        using namespace std::chrono;
        auto const length = unsigned{(year{2000} / month{n} / last).day()};
        if (has(months_, n) && (days_ & ((std::uint64_t{2} << length) - 1)) != 0) return true;
    }
    return false;
}

// Bit n: the day n of this month.
inline std::uint32_t cron_expression::days_of(std::chrono::year_month month) const noexcept {
    using namespace std::chrono;
    auto const length = unsigned{(month / last).day()};
    auto const first = weekday{local_days{month / 1}}.c_encoding();
    auto const week = (weekdays_ >> first | weekdays_ << (7 - first)) & 0x7F;  // from the first's weekday on
    auto const weeks = static_cast<std::uint64_t>(week) * 0x10204081U << 1U;   // five of them, from bit 1 on
    auto const there = (std::uint64_t{2} << length) - 2;
    return static_cast<std::uint32_t>((either_day_ ? days_ | weeks : days_ & weeks) & there);
}

inline std::optional<std::chrono::local_days> cron_expression::next_day(
    std::chrono::local_days from) const noexcept {
    using namespace std::chrono;
    constexpr int most_months = 41 * 12;
    year_month_day const date{from};
    auto month = date.year() / date.month();
    auto left = ~std::uint32_t{0} << unsigned{date.day()};
    for (int n = 0; n <= most_months; ++n, month += months{1}, left = ~std::uint32_t{0}) {
        if (!has(months_, unsigned{month.month()})) continue;
        auto const found = days_of(month) & left;
        if (found != 0) return local_days{month / static_cast<int>(std::countr_zero(found))};
    }
    return std::nullopt;
}

// The first time of a day, from this one on.
inline std::optional<std::chrono::minutes> cron_expression::next_time(
    std::chrono::minutes from) const noexcept {
    using namespace std::chrono;
    auto const hour = floor<hours>(from);
    auto const minutes_left = minutes_ >> (from - hour).count();
    if (has(hours_, hour.count()) && minutes_left != 0) return from + minutes{std::countr_zero(minutes_left)};
    auto const hours_left = hours_ & (~std::uint32_t{1} << hour.count());
    if (hours_left == 0) return std::nullopt;
    return hours{std::countr_zero(hours_left)} + minutes{std::countr_zero(minutes_)};
}

inline std::optional<std::chrono::local_seconds> cron_expression::next(
    std::chrono::local_seconds after) const noexcept {
    using namespace std::chrono;
    if (!in_calendar(after)) return std::nullopt;
    auto const from = floor<minutes>(after) + minutes{1};
    auto const today = floor<days>(from);
    if (matches_day(today)) {
        if (auto const time = next_time(from - today)) return today + *time;
    }
    auto const day = next_day(today + days{1});
    if (!day) return std::nullopt;
    return *day + *next_time(minutes{0});
}

}  // namespace fastqueue
