#include <fastqueue/time_zones/utc.hpp>

#include "laws/time_zones_laws.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <limits>
#include <string_view>

using namespace std::chrono_literals;
using fastqueue::time_zones::utc;

namespace {

constexpr auto unknown = std::numeric_limits<long>::min();

// In minutes.
long offset(std::string_view zone) {
    auto const found = utc{}.period(zone, {});
    return found ? std::chrono::duration_cast<std::chrono::minutes>(found->offset).count() : unknown;
}

struct may_throw {
    std::optional<fastqueue::policy::zone_period> period(std::string_view, std::chrono::sys_seconds) const {
        return {};
    }
};
struct not_const {
    std::optional<fastqueue::policy::zone_period> period(std::string_view,
                                                         std::chrono::sys_seconds) noexcept {
        return {};
    }
};
static_assert(!fastqueue::policy::time_zones<may_throw> && !fastqueue::policy::time_zones<not_const>);

}  // namespace

TEST_CASE("utc: obeys the laws", "[time_zones]") {
    laws::time_zones_laws(utc{}, {"UTC", "Z", "+02:00", "-0530", "+23:59"});
}

TEST_CASE("utc: knows itself and fixed offsets", "[time_zones]") {
    CHECK(offset("UTC") == 0);
    CHECK(offset("Z") == 0);
    CHECK(offset("+02:00") == 120);
    CHECK(offset("-0530") == -330);
    CHECK(offset("+05:45") == 345);
    CHECK(offset("-11") == -660);
    CHECK(offset("+00:00") == 0);
    CHECK(offset("-00:30") == -30);
    CHECK(offset("+14:00") == 840);
    CHECK(offset("-23:59") == -1439);
}

TEST_CASE("utc: knows nothing else", "[time_zones]") {
    for (auto const* zone :
         {"",       "utc",   "z",       "GMT",  "Europe/Berlin", "+",      "-",        "+2",
          "+2:00",  "+02:0", "+02:000", "+020", "+24:00",        "+02:60", "02:00",    "+02-00",
          "+-2:00", "++200", "+02:00 ", " UTC", "+0a00",         "UTC+2",  "+02:00:00"}) {
        CAPTURE(zone);
        CHECK(offset(zone) == unknown);
    }
}
