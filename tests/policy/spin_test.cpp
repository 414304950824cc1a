#include <fastqueue/policy/spin.hpp>

#include "support/catch.hpp"

#include <chrono>

namespace policy = fastqueue::policy;
using namespace std::chrono_literals;

namespace {

// What a yield costs is what the test says.
struct test_clock {
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<test_clock, duration>;
    static inline time_point at{};
    static inline duration yield = 1us;
    static time_point now() noexcept { return at; }
};
struct test_yield {
    void operator()() const noexcept { test_clock::at += test_clock::yield; }
};
using test_spinner = policy::basic_spinner<test_clock, test_yield>;

auto counting(int& looks) {
    return [&looks] {
        ++looks;
        return false;
    };
}

// How often it is asked until it looks again.
int asked_until_it_looks(test_spinner& spin) {
    for (int asked = 1; asked < 100'000; ++asked) {
        int looks = 0;
        spin(100us, counting(looks));
        if (looks != 0) return asked;
    }
    return 0;
}

}  // namespace

TEST_CASE("spin: ends with the first look that finds something", "[policy]") {
    test_clock::yield = 1us;
    test_spinner spin;
    int looks = 0;
    CHECK(spin(10s, [&] { return ++looks == 5; }));
    CHECK(looks == 5);
}

TEST_CASE("spin: looks once at least, and ends when its time is over", "[policy]") {
    test_clock::yield = 10us;
    test_spinner spin;
    int looks = 0;
    CHECK_FALSE(spin(100us, counting(looks)));
    CHECK(looks == 10);
    looks = 0;
    CHECK_FALSE(spin(1us, counting(looks)));
    CHECK(looks == 1);
}

TEST_CASE("spin: with the system's clock it finds what is there", "[policy]") {
    policy::spinner spin;  // on a busy machine it may look once and then stay away
    CHECK(spin(10s, [] { return true; }));
}

TEST_CASE("spin: without a time it does not look", "[policy]") {
    policy::spinner spin;
    CHECK_FALSE(spin(0us, [] { return true; }));
    CHECK_FALSE(spin(-1us, [] { return true; }));
}

TEST_CASE(
    "spin: where another program has taken the processor for a slice, it stays away for longer and longer",
    "[policy]") {
    test_spinner spin;
    test_clock::yield = 4ms;
    int looks = 0;
    CHECK_FALSE(spin(100us, counting(looks)));
    CHECK(looks == 1);
    int const first = asked_until_it_looks(spin);
    CHECK(first > 10);
    int const second = asked_until_it_looks(spin);
    CHECK(second > first);
    int longest = second;
    for (int i = 0; i < 20; ++i) longest = asked_until_it_looks(spin);
    CHECK(longest < 10'000);  // it does find out that the other one has gone
    CHECK(asked_until_it_looks(spin) == longest);
}

TEST_CASE(
    "spin: what was there after a slice is told, and once the other program has gone it looks as before",
    "[policy]") {
    test_spinner spin;
    test_clock::yield = 4ms;
    CHECK(spin(100us, [] { return true; }));
    int const shortest = asked_until_it_looks(spin);
    test_clock::yield = 1us;
    CHECK(asked_until_it_looks(spin) > shortest);
    CHECK(asked_until_it_looks(spin) == 1);
    test_clock::yield = 4ms;
    CHECK(asked_until_it_looks(spin) == 1);
    CHECK(asked_until_it_looks(spin) == shortest);
}
