#include <fastqueue/core/deadlines.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>

namespace fq = fastqueue;
using namespace std::chrono_literals;
using fq::core::deadlines;
using fq::core::wall_deadlines;

TEST_CASE("deadlines: come when they are due, the earliest first, and not before", "[core]") {
    deadlines d;
    fq::instant const t{1h};
    CHECK(d.next() == fq::instant::max());
    d.set(3, t + 2s);
    d.set(9, t + 1s);
    d.set(3, t + 3s);
    CHECK(d.next() == t + 1s);
    CHECK_FALSE(d.pop(t + 1s - 1ns));
    CHECK(d.pop(t + 5s) == 9U);
    CHECK(d.pop(t + 5s) == 3U);
    CHECK_FALSE(d.pop(t + 5s));
    d.set(1, t);
    d.clear(1);
    d.clear(1);
    d.clear(12345);
    CHECK_FALSE(d.pop(t + 1h));
}

TEST_CASE("wall_deadlines: fault 36: whoever waits for one looks at the clock each second", "[core]") {
    wall_deadlines d;
    fq::clock_reading now{fq::instant{1h}, fq::from_epoch_us(1'000'000'000'000)};
    CHECK(d.next(now) == fq::instant::max());
    d.set(1, now.wall + 1h);
    CHECK(d.next(now) == now.steady + 1s);
    d.set(1, now.wall + 300ms);
    CHECK(d.next(now) == now.steady + 300ms);
    CHECK_FALSE(d.pop(now.wall));
    now.wall += 1h;  // the clock was set
    CHECK(d.next(now) == now.steady);
    CHECK(d.pop(now.wall) == 1U);
    d.set(2, now.wall + 1s);
    now.wall = {};
    CHECK_FALSE(d.pop(now.wall));
    CHECK(d.next(now) == now.steady + 1s);
    d.clear(2);
    CHECK(d.next(now) == fq::instant::max());
}
