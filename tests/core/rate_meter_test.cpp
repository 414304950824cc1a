#include <fastqueue/core/rate_meter.hpp>

#include "support/catch.hpp"

#include <chrono>

namespace fq = fastqueue;
using namespace std::chrono_literals;

namespace {
fq::instant at(std::chrono::milliseconds t) { return fq::instant{} + t; }
}  // namespace

TEST_CASE("rate_meter: is the mean of the last ten whole seconds", "[core]") {
    fq::core::rate_meter meter;
    CHECK(meter.per_second(at(0ms)) == 0);
    for (int i = 0; i < 100; ++i) meter.count(at(20s + 10ms * i));
    CHECK(meter.per_second(at(20s + 999ms)) == 0);  // this second is not over
    CHECK(meter.per_second(at(21s)) == 10);
    for (int i = 0; i < 50; ++i) meter.count(at(25s));
    CHECK(meter.per_second(at(26s)) == 15);
    CHECK(meter.per_second(at(30s)) == 15);
    CHECK(meter.per_second(at(31s)) == 5);
    CHECK(meter.per_second(at(36s)) == 0);
}

TEST_CASE("rate_meter: forgets what lies behind a long silence", "[core]") {
    fq::core::rate_meter meter;
    for (int i = 0; i < 10; ++i) meter.count(at(5s));
    meter.count(at(3600s));
    CHECK(meter.per_second(at(3601s)) == Approx(0.1));
}
