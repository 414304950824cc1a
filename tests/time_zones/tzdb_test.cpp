#include <fastqueue/time_zones/tzdb.hpp>

#include "laws/time_zones_laws.hpp"
#include "support/calendar.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using calendar::text;
using calendar::utc;
using fastqueue::time_zones::tzdb;

namespace {

// "OFFSET in minutes from BEGIN to END", in UTC.
std::string period(std::string_view zone, std::string const& at) {
    tzdb const zones;
    auto const found = zones.period(zone, utc(at));
    if (!found) return "unknown";
    auto const edge = [](std::chrono::sys_seconds time) {
        bool const ever = time == std::chrono::sys_seconds::min() || time == std::chrono::sys_seconds::max();
        return ever ? "ever" : text(time);
    };
    return std::to_string(std::chrono::duration_cast<std::chrono::minutes>(found->offset).count()) +
           " from " + edge(found->begin) + " to " + edge(found->end);
}

}  // namespace

TEST_CASE("tzdb: obeys the laws", "[time_zones]") {
    laws::time_zones_laws(
        tzdb{}, {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
                 "Africa/Casablanca", "Europe/Dublin", "Etc/GMT+12", "UTC", "+02:00"});
}

TEST_CASE("tzdb: knows when the clocks are put", "[time_zones]") {
    CHECK(period("Europe/Berlin", "2026-01-01 00:00") == "60 from 2025-10-26 01:00 to 2026-03-29 01:00");
    CHECK(period("Europe/Berlin", "2026-03-29 00:59:59") == "60 from 2025-10-26 01:00 to 2026-03-29 01:00");
    CHECK(period("Europe/Berlin", "2026-03-29 01:00") == "120 from 2026-03-29 01:00 to 2026-10-25 01:00");
    CHECK(period("America/New_York", "2026-07-01 00:00") == "-240 from 2026-03-08 07:00 to 2026-11-01 06:00");
    CHECK(period("Australia/Lord_Howe", "2026-07-01 00:00") ==
          "630 from 2026-04-04 15:00 to 2026-10-03 15:30");
    CHECK(period("Australia/Lord_Howe", "2026-01-01 00:00") ==
          "660 from 2025-10-04 15:30 to 2026-04-04 15:00");
    CHECK(period("Asia/Kathmandu", "2026-01-01 00:00") == "345 from 1985-12-31 18:30 to ever");
    CHECK(period("Pacific/Apia", "2011-12-30 10:00").starts_with("840 from 2011-12-30 10:00 to"));
}

TEST_CASE("tzdb: knows what utc knows, too, and other names for it", "[time_zones]") {
    CHECK(period("UTC", "2026-01-01 00:00") == "0 from ever to ever");
    CHECK(period("-0530", "2026-01-01 00:00") == "-330 from ever to ever");
    CHECK(period("Etc/UTC", "2026-01-01 00:00") == "0 from ever to ever");
}

TEST_CASE("tzdb: a name that is no zone's is unknown, whatever file has it, and that is no trouble",
          "[time_zones]") {
    tzdb const zones;
    for (auto const* name :
         {"Europe/Nowhere", "Europe", "Europe/", "/Europe/Berlin", "europe/berlin", "Berlin",
          "Europe/Berlin ", "../../../etc/passwd", "zone.tab", "zonenow.tab", "tzdata.zi", "leapseconds",
          "leap-seconds.list", "posix/Europe/Berlin", "Factory", "-", "+VERSION", "CEST"}) {
        CAPTURE(name);
        CHECK_FALSE(zones.period(name, utc("2026-01-01 00:00")).has_value());
    }
    CHECK(zones.problem().empty());
}

TEST_CASE("tzdb: a copy knows the same", "[time_zones]") {
    tzdb const zones;
    auto const found = zones.period("Europe/Berlin", utc("2026-01-01 00:00"));
    tzdb copy;
    copy = zones;
    REQUIRE(found.has_value());
    CHECK(copy.period("Europe/Berlin", utc("2026-01-01 00:00")) == found);
}
