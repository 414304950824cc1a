#include <fastqueue/json/number.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <limits>

using fastqueue::json::is_finite;
using fastqueue::json::read_number;

TEST_CASE("read_number: takes a number only if all of it fits the type", "[json]") {
    std::int8_t small = 1;
    CHECK(read_number("-128", small));
    CHECK(small == -128);
    CHECK_FALSE(read_number("128", small));
    CHECK_FALSE(read_number("1.0", small));
    CHECK_FALSE(read_number("1e1", small));
    CHECK_FALSE(read_number("", small));
    CHECK(small == -128);
    std::uint16_t positive = 3;
    CHECK_FALSE(read_number("-1", positive));
    CHECK(positive == 3);
    float real = 2;
    CHECK(read_number("1e3", real));
    CHECK(real == 1000.0F);
    CHECK_FALSE(read_number("1e39", real));
    CHECK(real == 1000.0F);
}

TEST_CASE("is_finite: all but NaN and the infinities", "[json]") {
    using limits = std::numeric_limits<double>;
    for (double const value : {0.0, -0.0, 1.5, limits::max(), limits::lowest(), limits::denorm_min()})
        CHECK(is_finite(value));
    for (double const value : {limits::infinity(), -limits::infinity(), limits::quiet_NaN()})
        CHECK_FALSE(is_finite(value));
    CHECK_FALSE(is_finite(std::numeric_limits<float>::infinity()));
}
