#include "fuzz/cron_fuzz.hpp"

#include "fuzz/seeds.hpp"
#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

// Built together with cron_fuzz.cpp.

using fuzz_seeds::each_seed;
using fuzz_seeds::mutate;

namespace {

bool fuzz(std::string const& text) {
    return cron_fuzz::fuzz_one(reinterpret_cast<std::uint8_t const*>(text.data()), text.size());
}

// Mostly an expression, with values around the limits.
std::string expression(std::mt19937& random) {
    static constexpr std::array<char const*, 30> pieces{
        "*",   "*/2", "*/7",  "0",   "1",      "7",       "8",       "12",  "13",          "23",
        "24",  "29",  "30",   "31",  "32",     "59",      "60",      "FEB", "dec",         "SUN",
        "fri", "5-9", "22-2", "*/0", "1-30/4", "FRI-MON", "nov-feb", ",",   "99999999999", "-"};
    std::string out;
    for (int field = 0; field < 5; ++field) {
        if (field > 0) out += random() % 10 == 0 ? "\t " : " ";
        out += random() % 3 == 0 ? "*" : pieces[random() % pieces.size()];
        while (random() % 4 == 0) out += std::string{","} + pieces[random() % pieces.size()];
    }
    return out;
}

}  // namespace

TEST_CASE("cron fuzz: expressions are accepted, so that the mutations start from something", "[fuzz]") {
    CHECK(fuzz("*/15 9-17 * * MON-FRI"));
    CHECK(fuzz("@daily"));
    CHECK_FALSE(fuzz(""));
}

TEST_CASE("cron fuzz: mutated expressions break no invariant", "[fuzz]") {
    long cases = 0;
    long accepted = 0;
    each_seed(UINT32_MAX, std::chrono::seconds{2}, [&](std::mt19937& random) {
        auto text = expression(random);
        if (random() % 2 == 0) mutate(text, random);
        accepted += fuzz(text) ? 1 : 0;
        ++cases;
    });
    CHECK((accepted > 20 || cases < 500));  // few only where a few seeds were asked for, or on a slow day
}

TEST_CASE("cron fuzz: noise breaks no invariant", "[fuzz]") {
    each_seed(5000, std::chrono::seconds{60}, [](std::mt19937& random) {
        constexpr std::string_view usual = "0123456789*/-, \tJANFEBsun@";
        std::string noise(random() % 100, ' ');
        for (auto& c : noise)
            c = random() % 20 == 0 ? static_cast<char>(random() % 256) : usual[random() % usual.size()];
        fuzz(noise);
    });
}
