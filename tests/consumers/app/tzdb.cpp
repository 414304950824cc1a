// A user's program that needs the component tzdb: when something fires by the clock in Berlin, across a change of the clock.
#include <fastqueue/core/next_firing.hpp>
#include <fastqueue/model/cron_expression.hpp>
#include <fastqueue/time_zones/tzdb.hpp>
#include <fastqueue/version.hpp>

#include <chrono>
#include <cstdio>
#include <string>

namespace fq = fastqueue;

int main() {
    using namespace std::chrono;
    fq::time_zones::tzdb const zones;
    std::string why;
    auto const when = fq::cron_expression::parse("30 2 * * *", why);
    if (!when || !zones.problem().empty()) return 1;
    auto const firing = fq::core::next_firing(*when, zones, "Europe/Berlin", sys_days{year{2026} / 3 / 29});
    bool const right = firing == sys_days{year{2026} / 3 / 29} + hours{1};
    std::printf("FastQueue %s: 02:30 is left out and %s\n", fq::version_string,
                right ? "made good at 03:00" : "lost");
    return right ? 0 : 1;
}
