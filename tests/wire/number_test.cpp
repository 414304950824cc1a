#include <fastqueue/wire/number.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <string>

using fastqueue::wire::read_fraction;
using fastqueue::wire::read_number;

TEST_CASE("number: reads decimals from 0 to 2^53, and not one more", "[wire]") {
    CHECK(read_number("0") == 0U);
    CHECK(read_number("42") == 42U);
    CHECK(read_number("9007199254740992") == 9007199254740992U);
    CHECK_FALSE(read_number("9007199254740993"));
    CHECK_FALSE(read_number("18446744073709551615"));
    CHECK_FALSE(read_number("18446744073709551616"));
    CHECK_FALSE(read_number(std::string(100'000, '9')));
}

TEST_CASE("number: leading zeros change nothing", "[wire]") {
    CHECK(read_number("007") == 7U);
    CHECK(read_number(std::string(500, '0') + "1") == 1U);
}

TEST_CASE("number: fault 71: signs, fractions, exponents and anything else are none", "[wire]") {
    for (auto const* text :
         {"", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "1_000", "one", "1,2", "-0", "\0001"}) {
        CAPTURE(text);
        CHECK_FALSE(read_number(text));
    }
    CHECK_FALSE(read_number(std::string("1\0", 2)));
}

TEST_CASE("number: the caller's own limit holds", "[wire]") {
    CHECK(read_number("1000", 1000) == 1000U);
    CHECK_FALSE(read_number("1001", 1000));
}

TEST_CASE("number: fault 29: a fraction is plain decimals within its limit", "[wire]") {
    CHECK(read_fraction("0.1", 1) == 0.1);
    CHECK(read_fraction("2", 100) == 2.0);
    CHECK(read_fraction("0", 1) == 0.0);
    CHECK(read_fraction("1", 1) == 1.0);
    for (auto const* text :
         {"", "-0.1", "+0.1", ".5", "1.1", "1e-3", "1e999", "nan", "inf", "0.5x", "0,5", "0x1"}) {
        CAPTURE(text);
        CHECK_FALSE(read_fraction(text, 1));
    }
    CHECK_FALSE(read_fraction(std::string(400, '9'), 1e308));
}
