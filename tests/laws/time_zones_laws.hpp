#pragma once

#include <fastqueue/policy/time_zones.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace laws {

/// What must hold for every policy of time zones.
/// \param names  some that it knows
template <fastqueue::policy::time_zones Zones>
void time_zones_laws(Zones const& zones, std::vector<std::string> const& names) {
    using namespace std::chrono;
    auto const seed = GENERATE(take(3, random<std::uint64_t>(0, ~0ULL >> 1U)));
    CAPTURE(seed);
    std::mt19937_64 random{seed};

    SECTION("a period holds the time that was asked for, and the next begins where it ends") {
        for (auto const& name : names) {
            for (int call = 0; call < 200; ++call) {
                auto const at =
                    sys_seconds{seconds{static_cast<std::int64_t>(random() % 12'000'000'000)}} - days{50'000};
                CAPTURE(name, at.time_since_epoch().count());
                auto const found = zones.period(name, at);
                REQUIRE(found.has_value());
                REQUIRE((found->begin <= at && at < found->end));
                REQUIRE((found->offset > hours{-24} && found->offset < hours{24}));
                REQUIRE(zones.period(name, at) == found);
                if (found->begin != sys_seconds::min()) {
                    REQUIRE(zones.period(name, found->begin) == found);
                    auto const before = zones.period(name, found->begin - seconds{1});
                    REQUIRE((before && before->end == found->begin));
                }
                if (found->end != sys_seconds::max()) {
                    REQUIRE(zones.period(name, found->end - seconds{1}) == found);
                    auto const next = zones.period(name, found->end);
                    REQUIRE((next && next->begin == found->end));
                }
            }
        }
    }
    SECTION("there is a period at both ends of time") {
        for (auto const& name : names) {
            for (auto const at : {sys_seconds::min(), sys_seconds::max()}) {
                auto const found = zones.period(name, at);
                REQUIRE((found && found->begin <= at && at <= found->end));
            }
        }
    }
    SECTION("a stranger's octets are no zone, and do no harm") {
        for (int call = 0; call < 300; ++call) {
            std::string name(random() % 300, '\0');
            for (auto& c : name) c = static_cast<char>(random() % 256);
            REQUIRE_FALSE(zones.period(name + '\xff', sys_seconds{}).has_value());
            auto const& known = names[random() % names.size()];
            REQUIRE_FALSE(zones.period(known + '\0', sys_seconds{}).has_value());
            REQUIRE_FALSE(
                zones.period(std::string{known}.append("/../").append(known), sys_seconds{}).has_value());
        }
        REQUIRE_FALSE(zones.period({}, sys_seconds{}).has_value());
    }
}

}  // namespace laws
