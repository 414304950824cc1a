#pragma once

#include "values.hpp"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace fastqueue::cli {

/// Reads a moment: a date, a time of day and how far that is from UTC, as `2026-12-24T18:00:00+01:00`.
/// \source ISO 8601 in the profile of RFC 3339, section 5.6; also without seconds, and with a space for the T
class instant_text {
public:
    using instant = std::chrono::sys_time<std::chrono::microseconds>;

    explicit instant_text(std::string_view text) noexcept : rest_{text} {}

    /// \return false if it is none
    [[nodiscard]] bool read(instant& out) noexcept {
        using namespace std::chrono;
        int year = 0;
        int month = 0;
        int day = 0;
        if (!number(4, year) || !mark("-") || !number(2, month) || !mark("-") || !number(2, day))
            return false;
        year_month_day const date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                  std::chrono::day{static_cast<unsigned>(day)}};
        microseconds time{};
        minutes ahead{};
        if (!date.ok() || !mark("Tt ") || !time_of_day(time) || !offset(ahead) || !rest_.empty())
            return false;
        out = sys_days{date} + time - ahead;
        return true;
    }

private:
    bool time_of_day(std::chrono::microseconds& out) noexcept {
        int hour = 0;
        int minute = 0;
        int second = 0;
        int fraction = 0;
        if (!number(2, hour) || !mark(":") || !number(2, minute)) return false;
        if (mark(":") && (!number(2, second) || (mark(".,") && !micro(fraction)))) return false;
        out = std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second} +
              std::chrono::microseconds{fraction};
        return hour < 24 && minute < 60 && second < 60;
    }
    bool offset(std::chrono::minutes& out) noexcept {
        if (mark("Zz")) return true;
        bool const behind = !rest_.empty() && rest_.front() == '-';
        int hours = 0;
        int minutes = 0;
        if (!mark("+-") || !number(2, hours)) return false;
        bool const more = mark(":") || !rest_.empty();
        if (more && !number(2, minutes)) return false;
        out = std::chrono::hours{hours} + std::chrono::minutes{minutes};
        if (behind) out = -out;
        return hours < 24 && minutes < 60;
    }
    /// One to nine digits, as a part of a second; what is less than a microsecond is passed over.
    bool micro(int& out) noexcept {
        std::size_t digits = 0;
        for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
             rest_.remove_prefix(1), ++digits)
            if (digits < 6) out = out * 10 + (rest_.front() - '0');
        for (auto i = digits; i < 6; ++i) out *= 10;
        return digits >= 1 && digits <= 9;
    }
    bool number(std::size_t digits, int& out) noexcept {
        if (rest_.size() < digits || rest_.front() == '-') return false;
        auto const* const end = rest_.data() + digits;
        auto const [at, problem] = std::from_chars(rest_.data(), end, out);
        rest_.remove_prefix(digits);
        return problem == std::errc{} && at == end;
    }
    bool mark(std::string_view any) noexcept {
        if (rest_.empty() || any.find(rest_.front()) == any.npos) return false;
        rest_.remove_prefix(1);
        return true;
    }

    std::string_view rest_;
};

[[nodiscard]] inline instant_text::instant read_instant(std::string_view option, std::string_view text) {
    instant_text::instant out;
    if (!instant_text{text}.read(out))
        bad_value(option, text,
                  "a time with its offset from UTC; write it as 2026-12-24T18:00:00+01:00, or "
                  "2026-12-24T17:00:00Z");
    return out;
}

}  // namespace fastqueue::cli
