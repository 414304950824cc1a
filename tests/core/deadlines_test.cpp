#include <fastqueue/core/deadlines.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <random>

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

TEST_CASE("deadlines: those that come in order and those that do not are one order", "[core]") {
    deadlines d;
    std::map<std::uint32_t, fq::instant> model;
    std::minstd_rand random{7};
    fq::instant now{1h};
    for (int step = 0; step < 20'000; ++step) {
        auto const slot = static_cast<std::uint32_t>(random() % 200);
        switch (random() % 4) {
            case 0:  // as time-outs of one length come
                d.set(slot, model[slot] = now + 50ms);
                break;
            case 1:
                d.set(slot, model[slot] = now + std::chrono::milliseconds{random() % 200});
                break;
            case 2:
                d.clear(slot);
                model.erase(slot);
                break;
            default:
                now += std::chrono::milliseconds{random() % 3};
        }
        while (auto const due = d.pop(now)) {
            REQUIRE(model.contains(*due));
            REQUIRE(model[*due] <= now);
            auto const earliest = std::ranges::min_element(model, {}, [](auto const& m) { return m.second; });
            REQUIRE(model[*due] == earliest->second);
            model.erase(*due);
        }
        auto const earliest = std::ranges::min_element(model, {}, [](auto const& m) { return m.second; });
        REQUIRE(d.next() == (model.empty() ? fq::instant::max() : earliest->second));
        REQUIRE(d.at(slot).has_value() == model.contains(slot));
    }
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
