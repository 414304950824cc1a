#include <fastqueue/model/time.hpp>

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;
using fastqueue::from_epoch_us;
using fastqueue::instant;
using fastqueue::saturating_add;
using fastqueue::to_epoch_us;
using fastqueue::wall_instant;

TEST_CASE("saturating_add: adds, and never past the end of the clock", "[model]") {
    instant const t{1s};
    CHECK(saturating_add(t, 0us) == t);
    CHECK(saturating_add(t, 5us) == t + 5us);
    CHECK(saturating_add(t, std::chrono::microseconds::max()) == instant::max());
    CHECK(saturating_add(instant::max(), 0us) == instant::max());
    CHECK(saturating_add(instant::max(), 1us) == instant::max());
    CHECK(saturating_add(instant::max() - 10us, 9us) == instant::max() - 1us);
    CHECK(saturating_add(instant::max() - 10us, 10us) == instant::max());
}

TEST_CASE("epoch microseconds: there and back, cut at both ends", "[model]") {
    CHECK(to_epoch_us(wall_instant{}) == 0);
    CHECK(to_epoch_us(wall_instant{} - 1us) == 0);
    CHECK(to_epoch_us(from_epoch_us(1'700'000'000'000'000)) == 1'700'000'000'000'000);
    CHECK(from_epoch_us(~0ULL) == wall_instant::max());
    CHECK(from_epoch_us(1ULL << 63U) == wall_instant::max());
    CHECK(from_epoch_us((1ULL << 63U) - 1) == wall_instant::max());
    CHECK(from_epoch_us((1ULL << 63U) - 2) < wall_instant::max());
}
