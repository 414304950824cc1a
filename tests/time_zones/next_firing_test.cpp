#include <fastqueue/core/next_firing.hpp>
#include <fastqueue/model/cron_expression.hpp>
#include <fastqueue/time_zones/tzdb.hpp>
#include <fastqueue/time_zones/utc.hpp>

#include "support/calendar.hpp"
#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using calendar::text;
using calendar::utc;
using fastqueue::cron_expression;
using fastqueue::core::next_firing;
using std::chrono::sys_seconds;
using texts = std::vector<std::string>;

namespace {

cron_expression parsed(std::string_view expression) {
    std::string why;
    auto const out = cron_expression::parse(expression, why);
    INFO(why);
    REQUIRE(out.has_value());
    return *out;
}

// The times in UTC at which it fires next, `count` of them.
texts firings(std::string_view expression, std::string_view zone, std::string const& after, int count) {
    static fastqueue::time_zones::tzdb const zones;
    texts out;
    auto at = utc(after);
    for (int i = 0; i < count; ++i) {
        auto const found = next_firing(parsed(expression), zones, zone, at);
        if (!found) return out;
        REQUIRE(*found > at);
        at = *found;
        out.push_back(text(at));
    }
    return out;
}

std::string firing(std::string_view expression, std::string_view zone, std::string const& after) {
    auto const found = firings(expression, zone, after, 1);
    return found.empty() ? "never" : found[0];
}

}  // namespace

TEST_CASE("next firing: on a usual day it is the local time less the offset", "[time_zones]") {
    CHECK(firing("30 2 * * *", "UTC", "2026-01-01 00:00") == "2026-01-01 02:30");
    CHECK(firing("30 2 * * *", "+02:00", "2026-01-01 00:00") == "2026-01-01 00:30");
    CHECK(firing("30 2 * * *", "-0530", "2026-01-01 00:00") == "2026-01-01 08:00");
    CHECK(firing("30 2 * * *", "Europe/Berlin", "2026-01-01 00:00") == "2026-01-01 01:30");
    CHECK(firing("30 2 * * *", "Europe/Berlin", "2026-07-01 00:00") == "2026-07-01 00:30");
    CHECK(firing("0 9 * * *", "America/New_York", "2026-01-01 00:00") == "2026-01-01 14:00");
    CHECK(firing("0 9 * * *", "Asia/Kathmandu", "2026-01-01 00:00") == "2026-01-01 03:15");
    CHECK(firing("*/15 * * * *", "Asia/Kathmandu", "2026-01-01 00:01") == "2026-01-01 00:15");
    CHECK(firing("0 * * * *", "Asia/Kathmandu", "2026-01-01 00:00") == "2026-01-01 00:15");
    CHECK(firing("0 9 * * *", "Australia/Lord_Howe", "2026-07-01 00:00") == "2026-07-01 22:30");
}

TEST_CASE("next firing: strictly after", "[time_zones]") {
    CHECK(firing("30 2 * * *", "UTC", "2026-01-01 02:29:59") == "2026-01-01 02:30");
    CHECK(firing("30 2 * * *", "UTC", "2026-01-01 02:30") == "2026-01-02 02:30");
    CHECK(firing("*/5 * * * *", "UTC", "2026-01-01 02:30:01") == "2026-01-01 02:35");
}

TEST_CASE("next firing: days, months and years are those of the zone", "[time_zones]") {
    CHECK(firing("0 0 1 1 *", "Europe/Berlin", "2026-12-31 00:00") == "2026-12-31 23:00");
    CHECK(firing("0 0 1 1 *", "America/New_York", "2026-12-31 00:00") == "2027-01-01 05:00");
    CHECK(firing("59 23 31 12 *", "Asia/Kathmandu", "2026-12-31 18:14") == "2027-12-31 18:14");
    CHECK(firing("0 0 29 2 *", "America/New_York", "2026-01-01 00:00") == "2028-02-29 05:00");
    CHECK(firing("*/30 12 29 2 *", "Europe/Berlin", "2026-01-01 00:00") == "2028-02-29 11:00");
    CHECK(firing("0 8 * * MON", "Australia/Lord_Howe", "2026-01-01 00:00") == "2026-01-04 21:00");
}

TEST_CASE("next firing: a time of the day in the gap fires once, at the first moment after it",
          "[time_zones]") {
    // Berlin, 2026-03-29: 02:00 becomes 03:00, at 01:00 UTC. The days before and after as ever.
    CHECK(firings("30 2 * * *", "Europe/Berlin", "2026-03-28 00:00", 3) ==
          texts{"2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"});
    CHECK(firings("0,15,30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", 2) ==
          texts{"2026-03-29 01:00", "2026-03-30 00:00"});
    CHECK(firings("0 2,3 * * *", "Europe/Berlin", "2026-03-28 12:00", 2) ==
          texts{"2026-03-29 01:00", "2026-03-30 00:00"});
    CHECK(firings("30 1,2,3 * * *", "Europe/Berlin", "2026-03-28 12:00", 3) ==
          texts{"2026-03-29 00:30", "2026-03-29 01:00", "2026-03-29 01:30"});
    CHECK(firing("30 2 29 3 *", "Europe/Berlin", "2026-03-29 01:00") == "2027-03-29 00:30");
    CHECK(firing("30 2 * * *", "Europe/Berlin", "2026-03-29 00:59:59") == "2026-03-29 01:00");
    // New York, 2026-03-08: 02:00 becomes 03:00, at 07:00 UTC.
    CHECK(firings("30 2 * * *", "America/New_York", "2026-03-07 00:00", 3) ==
          texts{"2026-03-07 07:30", "2026-03-08 07:00", "2026-03-09 06:30"});
    // Lord Howe, 2026-10-04: 02:00 becomes 02:30, at 15:30 UTC of the day before.
    CHECK(firings("15 2 * * *", "Australia/Lord_Howe", "2026-10-02 12:00", 3) ==
          texts{"2026-10-02 15:45", "2026-10-03 15:30", "2026-10-04 15:15"});
    CHECK(firings("15,30 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", 2) ==
          texts{"2026-10-03 15:30", "2026-10-04 15:15"});
}

TEST_CASE("next firing: midnight may be in the gap", "[time_zones]") {
    // Beirut, 2026-03-29: 00:00 becomes 01:00, at 22:00 UTC of the day before.
    CHECK(firings("@daily", "Asia/Beirut", "2026-03-27 12:00", 3) ==
          texts{"2026-03-27 22:00", "2026-03-28 22:00", "2026-03-29 21:00"});
    CHECK(firings("@hourly", "Asia/Beirut", "2026-03-28 20:30", 3) ==
          texts{"2026-03-28 21:00", "2026-03-28 22:00", "2026-03-28 23:00"});
}

TEST_CASE("next firing: a time of the day that comes twice fires at the first", "[time_zones]") {
    // Berlin, 2026-10-25: 03:00 becomes 02:00, at 01:00 UTC.
    CHECK(firings("30 2 * * *", "Europe/Berlin", "2026-10-24 00:00", 3) ==
          texts{"2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"});
    CHECK(firings("0,30 2,3 * * *", "Europe/Berlin", "2026-10-24 12:00", 5) ==
          texts{"2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 02:00", "2026-10-25 02:30",
                "2026-10-26 01:00"});
    CHECK(firing("30 2 * * *", "Europe/Berlin", "2026-10-25 01:15") ==
          "2026-10-26 01:30");  // from within the second pass
    CHECK(firing("30 2 * * *", "Europe/Berlin", "2026-10-25 00:15") == "2026-10-25 00:30");
    // New York, 2026-11-01: 02:00 becomes 01:00, at 06:00 UTC.
    CHECK(firings("30 1 * * *", "America/New_York", "2026-10-31 00:00", 3) ==
          texts{"2026-10-31 05:30", "2026-11-01 05:30", "2026-11-02 06:30"});
    // Lord Howe, 2026-04-05: 02:00 becomes 01:30, at 15:00 UTC of the day before.
    CHECK(firings("45 1 * * *", "Australia/Lord_Howe", "2026-04-03 12:00", 3) ==
          texts{"2026-04-03 14:45", "2026-04-04 14:45", "2026-04-05 15:15"});
}

TEST_CASE("next firing: what says how often follows real time where the clock is put back", "[time_zones]") {
    CHECK(firings("*/15 * * * *", "Europe/Berlin", "2026-10-24 23:50", 10) ==
          texts{"2026-10-25 00:00", "2026-10-25 00:15", "2026-10-25 00:30", "2026-10-25 00:45",
                "2026-10-25 01:00", "2026-10-25 01:15", "2026-10-25 01:30", "2026-10-25 01:45",
                "2026-10-25 02:00", "2026-10-25 02:15"});
    CHECK(firings("0 * * * *", "America/New_York", "2026-11-01 04:30", 3) ==
          texts{"2026-11-01 05:00", "2026-11-01 06:00", "2026-11-01 07:00"});
    CHECK(firings("*/30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", 5) ==
          texts{"2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30",
                "2026-10-26 01:00"});
    // Half an hour: 01:30, 01:45, and both once more.
    CHECK(firings("*/15 * * * *", "Australia/Lord_Howe", "2026-04-04 14:20", 6) ==
          texts{"2026-04-04 14:30", "2026-04-04 14:45", "2026-04-04 15:00", "2026-04-04 15:15",
                "2026-04-04 15:30", "2026-04-04 15:45"});
    CHECK(firings("0 * * * *", "Australia/Lord_Howe", "2026-04-04 13:30",
                  3) ==  // from 01:00 to 02:00 are 90 minutes
          texts{"2026-04-04 14:00", "2026-04-04 15:30", "2026-04-04 16:30"});
}

TEST_CASE("next firing: what says how often leaves out times that do not exist", "[time_zones]") {
    CHECK(firings("*/15 * * * *", "Europe/Berlin", "2026-03-29 00:40", 3) ==
          texts{"2026-03-29 00:45", "2026-03-29 01:00", "2026-03-29 01:15"});
    CHECK(firings("0 */2 * * *", "Europe/Berlin", "2026-03-28 22:30", 3) ==  // 00:00, not 02:00, 04:00, 06:00
          texts{"2026-03-28 23:00", "2026-03-29 02:00", "2026-03-29 04:00"});
    CHECK(firings("*/20 2 * * *", "America/New_York", "2026-03-07 07:30", 2) ==
          texts{"2026-03-07 07:40", "2026-03-09 06:00"});
    CHECK(firings("*/15 * * * *", "Australia/Lord_Howe", "2026-10-03 15:10", 3) ==
          texts{"2026-10-03 15:15", "2026-10-03 15:30", "2026-10-03 15:45"});
    CHECK(firings("10 * * * *", "Australia/Lord_Howe", "2026-10-03 14:30", 2) ==  // 01:10, not 02:10, 03:10
          texts{"2026-10-03 14:40", "2026-10-03 16:10"});
}

TEST_CASE("next firing: a day that a zone leaves out is a long gap", "[time_zones]") {
    // Samoa has no 2011-12-30: the 29th ends at 10:00 UTC of the 30th, and the 31st begins.
    CHECK(firings("0 12 * * *", "Pacific/Apia", "2011-12-29 12:00", 3) ==
          texts{"2011-12-29 22:00", "2011-12-30 10:00", "2011-12-30 22:00"});
    CHECK(firings("0 6,18 30 12 *", "Pacific/Apia", "2011-12-01 00:00", 2) ==
          texts{"2011-12-30 10:00", "2012-12-29 16:00"});
    CHECK(firings("0 */12 * * *", "Pacific/Apia", "2011-12-29 12:00", 3) ==
          texts{"2011-12-29 22:00", "2011-12-30 10:00", "2011-12-30 22:00"});
}

TEST_CASE("next firing: a day that comes twice is a long fold", "[time_zones]") {
    // Kwajalein, 1969-10-01: 00:00 became 01:00 of the day before, at 13:00 UTC.
    CHECK(firings("0 12 * * *", "Pacific/Kwajalein", "1969-09-29 12:00", 3) ==
          texts{"1969-09-30 01:00", "1969-10-02 00:00", "1969-10-03 00:00"});
    CHECK(firings("0 */12 30 9 *", "Pacific/Kwajalein", "1969-09-01 00:00", 3) ==
          texts{"1969-09-29 13:00", "1969-09-30 01:00", "1969-10-01 00:00"});
}

TEST_CASE("next firing: local minutes need not be minutes of UTC", "[time_zones]") {
    // Local mean time in Berlin until 1893: 53 minutes and 28 seconds ahead.
    CHECK(firing("0 12 * * *", "Europe/Berlin", "1890-01-01 00:00") == "1890-01-01 11:06:32");
    CHECK(firing("* * * * *", "Europe/Berlin", "1890-01-01 00:00") == "1890-01-01 00:00:32");
}

TEST_CASE("next firing: none in a zone that nobody knows, and none beyond the calendar", "[time_zones]") {
    CHECK(firing("* * * * *", "Europe/Nowhere", "2026-01-01 00:00") == "never");
    CHECK(firing("0 0 * * *", "", "2026-01-01 00:00") == "never");
    fastqueue::time_zones::utc const zones;
    for (auto const after : {sys_seconds::min(), sys_seconds::max()}) {
        CHECK_FALSE(next_firing(parsed("* * * * *"), zones, "UTC", after).has_value());
        CHECK_FALSE(next_firing(parsed("0 0 * * *"), zones, "UTC", after).has_value());
    }
}

// ---- zones of a test's own, and the same by looking at each second's clock ------------------------------------------

namespace {

struct broken {  // against the law: the period has ended
    static std::optional<fastqueue::policy::zone_period> period(std::string_view, sys_seconds at) noexcept {
        return fastqueue::policy::zone_period{0s, at - 2s, at};
    }
};

struct made_up {
    std::map<sys_seconds, std::chrono::seconds> changes{};  // the first at sys_seconds::min()

    std::optional<fastqueue::policy::zone_period> period(std::string_view, sys_seconds at) const noexcept {
        auto const next = changes.upper_bound(at);
        auto const now = std::prev(next);
        return fastqueue::policy::zone_period{now->second, now->first,
                                              next == changes.end() ? sys_seconds::max() : next->first};
    }
};

// Changes at random, up to some hours either way, some of them close together.
made_up random_zone(std::mt19937_64& random, sys_seconds begin) {
    made_up out;
    auto const offset = [&] { return std::chrono::minutes{15 * (static_cast<int>(random() % 49) - 24)}; };
    out.changes[sys_seconds::min()] = offset();
    auto at = begin;
    for (int i = 0; i < 8; ++i) {
        at += std::chrono::minutes{1 + random() % (random() % 2 == 0 ? 600 : 4000)};
        out.changes[at] = offset();
    }
    return out;
}

std::vector<sys_seconds> by_the_clock(cron_expression const& when, made_up const& zone, sys_seconds begin,
                                      sys_seconds end) {
    std::vector<sys_seconds> out;
    auto const shown = [&](sys_seconds at) {
        return std::chrono::local_seconds{at.time_since_epoch() + zone.period("", at)->offset};
    };
    auto reached = shown(begin - 48h);
    for (auto at = begin - 48h + 1min; at <= end; at += 1min) {
        bool fires = !when.is_fixed_time() && when.matches(shown(at));
        for (auto time = reached + 1min; time <= shown(at); time += 1min)
            fires |= when.is_fixed_time() && when.matches(time);
        reached = std::max(reached, shown(at));
        if (fires && at > begin) out.push_back(at);
    }
    return out;
}

}  // namespace

TEST_CASE("next firing: fires when somebody who looks at the clock each minute would", "[time_zones]") {
    auto const seed = GENERATE(take(40, random<std::uint64_t>(0, ~0ULL >> 1U)));
    constexpr std::array<char const*, 8> expressions{
        "30 2 * * *",   "0,20 1,2,13 * * *", "@daily",       "15 12 * * MON-WED",
        "*/15 * * * *", "0 */3 * * *",       "*/30 2 * * *", "@hourly"};
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto const begin = utc("2026-02-26 00:00") + 1min * static_cast<int>(random() % 3000);
    auto const end = begin + 24h * 8;
    auto const zone = random_zone(random, begin - 24h);
    for (auto const* const expression : expressions) {
        CAPTURE(expression);
        auto const when = parsed(expression);
        std::vector<sys_seconds> found;
        auto at = begin;
        for (auto next = next_firing(when, zone, "", at); next && *next <= end;
             next = next_firing(when, zone, "", at)) {
            REQUIRE(*next > at);
            at = *next;
            found.push_back(at);
        }
        CHECK(found == by_the_clock(when, zone, begin, end));
    }
}

TEST_CASE("next firing: ends also with a policy that breaks the law", "[time_zones]") {
    CHECK_FALSE(next_firing(parsed("* * * * *"), broken{}, "", utc("2026-01-01 00:00")).has_value());
    CHECK_FALSE(next_firing(parsed("@daily"), broken{}, "", utc("2026-01-01 00:00")).has_value());
}
