#include <fastqueue/policy/spin.hpp>

#include "support/catch.hpp"

#include <chrono>

namespace policy = fastqueue::policy;
using namespace std::chrono_literals;

TEST_CASE("spin: ends with the first look that finds something", "[policy]") {
    int looks = 0;
    CHECK(policy::spin(10s, [&] { return ++looks == 5; }));
    CHECK(looks == 5);
}

TEST_CASE("spin: looks once at least, and ends when its time is over", "[policy]") {
    int looks = 0;
    auto const begin = std::chrono::steady_clock::now();
    CHECK_FALSE(policy::spin(1ms, [&] {
        ++looks;
        return false;
    }));
    CHECK(looks >= 1);
    CHECK(std::chrono::steady_clock::now() - begin >= 1ms);
}

TEST_CASE("spin: without a time it does not look", "[policy]") {
    CHECK_FALSE(policy::spin(0us, [] { return true; }));
    CHECK_FALSE(policy::spin(-1us, [] { return true; }));
}
