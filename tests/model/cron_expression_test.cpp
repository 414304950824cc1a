#include <fastqueue/model/cron_expression.hpp>

#include "support/calendar.hpp"
#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using calendar::local;
using calendar::text;
using fastqueue::cron_expression;

static_assert(std::is_trivially_copyable_v<cron_expression> && sizeof(cron_expression) <= 24);

namespace {

cron_expression parsed(std::string_view expression) {
    std::string why = "untouched";
    auto const out = cron_expression::parse(expression, why);
    INFO(why);
    REQUIRE(out.has_value());
    CHECK(why == "untouched");
    return *out;
}

std::string refusal(std::string_view expression) {
    std::string why;
    CHECK_FALSE(cron_expression::parse(expression, why).has_value());
    return why;
}

std::string next(std::string_view expression, std::string const& after) {
    auto const found = parsed(expression).next(local(after));
    return found ? text(*found) : "never";
}

// The hours of 2026-01-01 that match.
std::set<int> hours(std::string const& field) {
    auto const when = parsed("0 " + field + " * * *");
    std::set<int> out;
    for (int h = 0; h < 24; ++h)
        if (when.matches(local("2026-01-01 00:00") + h * 1h)) out.insert(h);
    return out;
}

// The days of the week that match; 0 is Sunday.
std::set<int> weekdays(std::string const& field) {
    auto const when = parsed("0 0 * * " + field);
    std::set<int> out;
    for (int day = 0; day < 7; ++day)
        if (when.matches(local("2026-01-04 00:00") + day * 24h)) out.insert(day);  // a Sunday
    return out;
}

}  // namespace

TEST_CASE("cron: the next minute that matches, strictly after", "[model]") {
    CHECK(next("* * * * *", "2026-01-01 00:00") == "2026-01-01 00:01");
    CHECK(next("* * * * *", "2026-01-01 00:00:59") == "2026-01-01 00:01");
    CHECK(next("* * * * *", "2026-12-31 23:59") == "2027-01-01 00:00");
    CHECK(next("30 2 * * *", "2026-01-01 02:29:59") == "2026-01-01 02:30");
    CHECK(next("30 2 * * *", "2026-01-01 02:30") == "2026-01-02 02:30");
    CHECK(next("30 2 * * *", "2026-01-01 02:30:30") == "2026-01-02 02:30");
    CHECK(next("*/15 9-17 * * MON-FRI", "2026-01-02 17:45") == "2026-01-05 09:00");  // from Friday to Monday
    CHECK(next("59 23 31 12 *", "2026-12-31 23:59") == "2027-12-31 23:59");
    CHECK(next("0 0 31 * *", "2026-01-31 00:00") == "2026-03-31 00:00");
    CHECK(next("0 0 1 */3 *", "2026-01-01 00:00") == "2026-04-01 00:00");
    CHECK(next("* * * * *", "1969-12-31 23:58:30") == "1969-12-31 23:59");  // before the epoch
}

TEST_CASE("cron: leap days come every four years, but for most centuries, and on a Sunday within forty",
          "[model]") {
    CHECK(next("0 0 29 2 *", "2024-02-29 00:00") == "2028-02-29 00:00");
    CHECK(next("0 0 29 2 *", "2096-02-29 00:00") == "2104-02-29 00:00");
    CHECK(next("0 0 29 2 *", "1996-02-29 00:00") == "2000-02-29 00:00");
    CHECK(next("0 0 29 2 */7", "2088-02-29 00:00") == "2128-02-29 00:00");
}

TEST_CASE("cron: fault 15: Sunday is 0 and 7, and no day of the week is off by one", "[model]") {
    std::array<std::string, 8> const names{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"};
    for (int day = 0; day <= 7; ++day) {
        auto const number = std::to_string(day);
        CAPTURE(number);
        CHECK(weekdays(number) == std::set{day % 7});
        CHECK(weekdays(names[static_cast<std::size_t>(day)]) == std::set{day % 7});
    }
    CHECK(next("0 9 * * MON", "2026-07-01 00:00") == "2026-07-06 09:00");  // 2026-07-01 is a Wednesday
    CHECK(next("0 9 * * 3", "2026-07-01 00:00") == "2026-07-01 09:00");
    CHECK(next("0 9 * * 7", "2026-07-01 00:00") == "2026-07-05 09:00");
    CHECK(next("@weekly", "2026-07-01 00:00") == "2026-07-05 00:00");
}

TEST_CASE("cron: lists, ranges and steps", "[model]") {
    CHECK(hours("5") == std::set{5});
    CHECK(hours("05,23,5") == std::set{5, 23});
    CHECK(hours("9-12") == std::set{9, 10, 11, 12});
    CHECK(hours("9-9") == std::set{9});
    CHECK(hours("*/6") == std::set{0, 6, 12, 18});
    CHECK(hours("*/24") == std::set{0});
    CHECK(hours("10-20/5") == std::set{10, 15, 20});
    CHECK(hours("10-19/5,1") == std::set{1, 10, 15});
    CHECK(hours("*").size() == 24);
    CHECK(hours("0-23").size() == 24);
    CHECK(next("0 0 1 feb,Nov *", "2026-03-01 00:00") == "2026-11-01 00:00");
}

TEST_CASE("cron: a range may go round the end", "[model]") {
    CHECK(hours("22-2") == std::set{0, 1, 2, 22, 23});
    CHECK(hours("22-4/3") == std::set{1, 4, 22});
    CHECK(hours("5-4").size() == 24);
    CHECK(weekdays("FRI-MON") == std::set{0, 1, 5, 6});
    CHECK(weekdays("fri-sun") == std::set{0, 5, 6});
    CHECK(weekdays("5-7") == std::set{0, 5, 6});
    CHECK(weekdays("7-2") == std::set{0, 1, 2});
    CHECK(weekdays("sat-0") == std::set{0, 6});
    CHECK(weekdays("0-7").size() == 7);
    CHECK(weekdays("0-7/2") == std::set{0, 2, 4, 6});
    CHECK(weekdays("1-7/2") == std::set{0, 1, 3, 5});
    CHECK(next("0 0 1 NOV-FEB *", "2026-02-01 00:00") == "2026-11-01 00:00");
    CHECK(next("0 0 30-2 * *", "2026-02-02 00:00") == "2026-03-01 00:00");
}

TEST_CASE("cron: where both fields of days are restricted, one is enough", "[model]") {
    CHECK(next("0 0 13 * FRI", "2026-07-03 00:00") == "2026-07-10 00:00");
    CHECK(next("0 0 13 * FRI", "2026-07-10 00:00") == "2026-07-13 00:00");
    CHECK(next("0 0 30 2 MON", "2026-01-01 00:00") ==
          "2026-02-02 00:00");  // the date never comes, Mondays do
}

TEST_CASE("cron: a field of days with a star is not restricted, so that both must match", "[model]") {
    CHECK(next("0 0 * * FRI", "2026-07-03 00:00") == "2026-07-10 00:00");
    CHECK(next("0 0 13 * *", "2026-07-03 00:00") == "2026-07-13 00:00");
    CHECK(next("0 0 */2 * FRI", "2026-07-03 00:00") == "2026-07-17 00:00");  // the 10th is even
}

TEST_CASE("cron: macros stand for what crontab(5) says", "[model]") {
    CHECK(parsed("@hourly") == parsed("0 * * * *"));
    CHECK(parsed("@daily") == parsed("0 0 * * *"));
    CHECK(parsed("@midnight") == parsed("0 0 * * *"));
    CHECK(parsed("@weekly") == parsed("0 0 * * SUN"));
    CHECK(parsed("@monthly") == parsed("0 0 1 * *"));
    CHECK(parsed("@yearly") == parsed("0 0 1 1 *"));
    CHECK(parsed("@annually") == parsed("0 0 1 JAN *"));
    CHECK(parsed(" @daily\t") == parsed("\t0  0 *\t* * "));
}

TEST_CASE("cron: knows which expressions name times of the day, and which say how often", "[model]") {
    for (auto const* fixed :
         {"30 2 * * *", "0,30 8-18 * * *", "5 0 * 8 *", "0 10-20/2 * * *", "@daily", "@yearly"}) {
        CAPTURE(fixed);
        CHECK(parsed(fixed).is_fixed_time());
    }
    for (auto const* often : {"* * * * *", "*/15 * * * *", "0 * * * *", "0 */2 * * *", "*/5 9 * * *",
                              "1,*/7 3 * * *", "0 0-23 * * *", "0-59 3 * * *", "@hourly"}) {
        CAPTURE(often);
        CHECK_FALSE(parsed(often).is_fixed_time());
    }
}

TEST_CASE("cron: matches looks at the minute only", "[model]") {
    auto const when = parsed("30 2 1 1 *");
    CHECK(when.matches(local("2026-01-01 02:30")));
    CHECK(when.matches(local("2026-01-01 02:30:59")));
    CHECK_FALSE(when.matches(local("2026-01-01 02:31")));
    CHECK_FALSE(when.matches(local("2026-01-01 03:30")));
    CHECK_FALSE(when.matches(local("2026-01-02 02:30")));
}

TEST_CASE("cron: what is no expression is refused by a sentence that names field, value and range",
          "[model]") {
    CHECK(refusal("0 24 * * *") == "the hour '24' in '0 24 * * *': hours are 0 to 23");
    CHECK(refusal("60 * * * *") == "the minute '60' in '60 * * * *': minutes are 0 to 59");
    CHECK(refusal("0 0 0 * *") == "the day of the month '0' in '0 0 0 * *': days of the month are 1 to 31");
    CHECK(refusal("0 0 1-32 * *") ==
          "the day of the month '32' in '0 0 1-32 * *': days of the month are 1 to 31");
    CHECK(refusal("0 0 * 13 *") == "the month '13' in '0 0 * 13 *': months are 1 to 12, or JAN to DEC");
    CHECK(refusal("0 0 * 0 *") == "the month '0' in '0 0 * 0 *': months are 1 to 12, or JAN to DEC");
    CHECK(refusal("0 0 * * 8") ==
          "the day of the week '8' in '0 0 * * 8': days of the week are 0 to 7, or SUN to SAT; 0 and 7 are "
          "Sunday");
    CHECK(refusal("0 0 * * MONDAY").starts_with("the day of the week 'MONDAY' in"));
    CHECK(refusal("0 0 * MON *").starts_with("the month 'MON' in"));
    CHECK(refusal("JAN 0 * * *").starts_with("the minute 'JAN' in"));
    CHECK(refusal("-1 * * * *") == "the minute '-1' in '-1 * * * *': minutes are 0 to 59");
    CHECK(refusal("1- * * * *").starts_with("the minute '1-' in"));
    CHECK(refusal("1-2-3 * * * *").starts_with("the minute '2-3' in"));
    CHECK(refusal("+1 * * * *").starts_with("the minute '+1' in"));
    CHECK(refusal("1.5 * * * *").starts_with("the minute '1.5' in"));
    CHECK(refusal("4294967296 * * * *").starts_with("the minute '4294967296' in"));
    CHECK(refusal("18446744073709551617 * * * *").starts_with("the minute '18446744073709551617' in"));
    CHECK(refusal("1,,2 * * * *") == "the minute '' in '1,,2 * * * *': a value is missing");
    CHECK(refusal(", * * * *") == "the minute '' in ', * * * *': a value is missing");
    CHECK(refusal("5, * * * *") == "the minute '' in '5, * * * *': a value is missing");
    CHECK(refusal("*5 * * * *").starts_with("the minute '*5' in"));
    CHECK(refusal("? * * * *").starts_with("the minute '?' in"));
}

TEST_CASE("cron: a step that is none is refused", "[model]") {
    CHECK(refusal("*/0 * * * *") == "the step '0' of the minute '*/0' in '*/0 * * * *': steps are 1 to 60");
    CHECK(refusal("0 */25 * * *") == "the step '25' of the hour '*/25' in '0 */25 * * *': steps are 1 to 24");
    CHECK(refusal("*/ * * * *").starts_with("the step '' of the minute '*/' in"));
    CHECK(refusal("*/-5 * * * *").starts_with("the step '-5' of the minute"));
    CHECK(refusal("*/5/5 * * * *").starts_with("the step '5/5' of the minute"));
    CHECK(refusal("5/15 * * * *") ==
          "the minute '5/15' in '5/15 * * * *': a step follows * or a range, such as */5 or 10-50/5");
    CHECK(refusal("/15 * * * *").starts_with("the minute '/15' in"));
}

TEST_CASE("cron: too few fields, too many, and macros that there are not", "[model]") {
    constexpr auto fields = ": minute, hour, day of the month, month and day of the week";
    CHECK(refusal("") == std::string{"'' has 0 of 5 fields"} + fields);
    CHECK(refusal(" \t ") == std::string{"' ? ' has 0 of 5 fields"} + fields);
    CHECK(refusal("* * * *") == std::string{"'* * * *' has 4 of 5 fields"} + fields);
    CHECK(refusal("* * * * * *") == std::string{"'* * * * * *' has more than 5 fields"} + fields);
    CHECK(refusal("@daily 5") == std::string{"'@daily 5' has 2 of 5 fields"} + fields);
    CHECK(refusal("@reboot") ==
          "'@reboot' is no macro of cron: there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly "
          "and @annually");
    CHECK(refusal("@Daily").starts_with("'@Daily' is no macro"));
}

TEST_CASE("cron: a date that no year has is refused", "[model]") {
    CHECK(refusal("0 0 30 2 *") == "'0 0 30 2 *' never comes: no month '2' has a day '30'");
    CHECK(refusal("0 0 31 FEB,apr,JUN,SEP,NOV *") ==
          "'0 0 31 FEB,apr,JUN,SEP,NOV *' never comes: no month 'FEB,apr,JUN,SEP,NOV' has a day '31'");
    CHECK(refusal("0 0 30-31 2 *").find("never comes") != std::string::npos);
    CHECK(refusal("0 0 30 2 */2").find("never comes") != std::string::npos);
    CHECK_FALSE(next("0 0 29,30 2 *", "2026-01-01 00:00").empty());
    CHECK_FALSE(next("0 0 31 2,3 *", "2026-01-01 00:00").empty());
}

TEST_CASE("cron: a stranger's octets come back printable and short", "[model]") {
    auto const why = refusal(std::string_view{"\x01\xff\0 * * * \n", 11});
    CHECK(why == "the minute '?\?\?' in '?\?\? * * * ?': minutes are 0 to 59");
    CHECK(refusal(std::string(100'000, '9') + " * * * *").size() < 300);
    CHECK(refusal(std::string(100'000, ' ')).size() < 300);
    std::string many = "1";
    for (int i = 0; i < 20'000; ++i) many += ",1";
    CHECK(next(many + " * * * *", "2026-01-01 00:00") == "2026-01-01 00:01");
}

TEST_CASE("cron: there is nothing beyond the calendar", "[model]") {
    auto const when = parsed("* * * * *");
    for (auto const at : {std::chrono::local_seconds::min(), std::chrono::local_seconds::max()}) {
        CHECK_FALSE(when.next(at).has_value());
        CHECK_FALSE(when.matches(at));
    }
}

// ---- laws: against a reader and a search that are as plain as can be ------------------------------------------------

namespace {

struct plain_field {
    std::string text;
    std::set<int> values;
    bool star = false;
};

plain_field random_field(std::mt19937_64& random, int first, int last) {
    auto const between = [&](int from, int to) {
        return from + static_cast<int>(random() % static_cast<std::uint64_t>(to - from + 1));
    };
    plain_field out;
    for (int items = between(1, 3); items > 0; --items) {
        int from = first, to = last, step = 1;
        std::string item = "*";
        auto const kind = random() % 6;
        if (kind >= 2) {
            from = between(first, last);
            to = kind < 4 ? from : between(from, last);
            item = std::to_string(from) + (kind < 4 ? "" : "-" + std::to_string(to));
        }
        out.star |= kind < 2;
        if (kind == 1 || kind == 5) {
            step = between(1, last - first);
            item += "/" + std::to_string(step);
        }
        for (int value = from; value <= to; value += step) out.values.insert(value);
        out.text += (out.text.empty() ? "" : ",") + item;
    }
    return out;
}

struct plain_expression {
    explicit plain_expression(std::mt19937_64& random)
        : fields{random_field(random, 0, 59), random_field(random, 0, 23), random_field(random, 1, 31),
                 random_field(random, 1, 12), random_field(random, 0, 6)} {}

    [[nodiscard]] std::string text() const {
        std::string out;
        for (auto const& field : fields) out += (out.empty() ? "" : " ") + field.text;
        return out;
    }
    [[nodiscard]] bool matches(std::chrono::local_seconds at) const {
        using namespace std::chrono;
        auto const day = floor<days>(at);
        auto const minute = duration_cast<minutes>(at - day).count();
        year_month_day const date{day};
        auto const has = [&](std::size_t field, auto value) {
            return fields[field].values.contains(static_cast<int>(value));
        };
        bool const of_month = has(2, unsigned{date.day()});
        bool const of_week = has(4, weekday{day}.c_encoding());
        bool const both = fields[2].star || fields[4].star;
        return has(0, minute % 60) && has(1, minute / 60) && has(3, unsigned{date.month()}) &&
               (both ? of_month && of_week : of_month || of_week);
    }

    std::array<plain_field, 5> fields;
};

}  // namespace

TEST_CASE("cron: random expressions match the minutes that a plain search finds", "[model]") {
    auto const seed = GENERATE(take(40, random<std::uint64_t>(0, ~0ULL >> 1U)));
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    plain_expression const plain{random};
    CAPTURE(plain.text());
    std::string why;
    auto const when = cron_expression::parse(plain.text(), why);
    if (!when) {
        REQUIRE(why.find("never comes") != std::string::npos);
        return;
    }
    auto const begin = local("2026-01-01 00:00") + 1min * static_cast<long>(random() % (4UL * 366 * 24 * 60));
    auto const end = begin + 24h * 28;
    auto found = when->next(begin - 1s);
    long wrong = 0;
    for (auto at = begin; at < end; at += 1min) {
        bool const wanted = plain.matches(at);
        wrong += when->matches(at) != wanted;
        wrong += (found && *found == at) != wanted;
        if (found && *found == at) found = when->next(at + std::chrono::seconds{random() % 60});
    }
    CHECK(wrong == 0);
    REQUIRE(found.has_value());
    CHECK(*found >= end);
}
