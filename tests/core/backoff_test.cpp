#include <fastqueue/core/backoff.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

using namespace std::chrono_literals;
using fastqueue::core::backoff;
using fastqueue::core::random_source;

TEST_CASE("backoff: doubles up to its cap, half of it left to chance", "[core]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    random_source random{seed};
    backoff b{100ms, 5000ms};
    auto full = 100ms;
    for (unsigned i = 0; i < 200; ++i) {
        CHECK(b.failures() == i);
        auto const wait = b.next(random);
        CHECK(wait >= full / 2);
        CHECK(wait <= full);
        full = std::min<std::chrono::milliseconds>(full * 2, 5000ms);
    }
}

TEST_CASE("backoff: fault 48: peers that failed together do not come back together", "[core]") {
    std::vector<std::int64_t> waits;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        random_source random{seed};
        backoff b{1000ms, 5000ms};
        waits.push_back(b.next(random).count());
    }
    std::ranges::sort(waits);
    CHECK(waits.front() < 550);
    CHECK(waits.back() > 950);
    auto const [first, last] = std::ranges::unique(waits);
    CHECK(first - waits.begin() > 300);
}

TEST_CASE("backoff: is small again after a reset", "[core]") {
    random_source random{1};
    backoff b{100ms, 5000ms};
    for (int i = 0; i < 10; ++i) static_cast<void>(b.next(random));
    b.reset();
    CHECK(b.next(random) <= 100ms);
}

TEST_CASE("random_source: the same seed gives the same numbers, uniform in [0, 1)", "[core]") {
    random_source a{7};
    random_source b{7};
    double sum = 0;
    for (int i = 0; i < 10'000; ++i) {
        auto const f = a.fraction();
        CHECK(f == b.fraction());
        REQUIRE(f >= 0);
        REQUIRE(f < 1);
        sum += f;
    }
    CHECK(sum / 10'000 == Approx(0.5).margin(0.03));
}
