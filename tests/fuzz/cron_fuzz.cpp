// Arbitrary octets as a cron expression. With -fsanitize=fuzzer this is a libFuzzer target of its own:
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -DFASTQUEUE_LIBFUZZER -Iinclude -Itests
//           tests/fuzz/cron_fuzz.cpp -o cron_fuzz
// cron_fuzz_test.cpp drives the same function with seeded mutations.
#include "fuzz/cron_fuzz.hpp"

#include <fastqueue/core/next_firing.hpp>
#include <fastqueue/model/cron_expression.hpp>
#include <fastqueue/time_zones/utc.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cron_fuzz {

using namespace std::chrono;
using fastqueue::cron_expression;

namespace {

// Thrown, not asserted: Catch2 then reports the seed, and libFuzzer takes it for the crash it is.
void expect(bool holds, char const* what) {
    if (!holds) throw std::logic_error{what};
}

void check_next(cron_expression const& when, local_seconds after) {
    auto const found = when.next(after);
    expect(found.has_value(), "what was accepted never comes");
    expect(*found > after, "the next time is not after");
    expect(floor<minutes>(*found) == *found, "the next time is no full minute");
    expect(when.matches(*found), "the next time does not match");
    expect(when.next(*found - seconds{1}) == found, "there is another one before the next");
    expect(when.next(*found) > found, "no time comes after the next");
    fastqueue::time_zones::utc const zones;
    auto const firing =
        fastqueue::core::next_firing(when, zones, "UTC", sys_seconds{after.time_since_epoch()});
    expect(firing && firing->time_since_epoch() == found->time_since_epoch(),
           "in UTC it fires at another time");
}

}  // namespace

bool fuzz_one(std::uint8_t const* data, std::size_t size) {
    std::string_view const text{reinterpret_cast<char const*>(data), size};
    std::string why;
    auto const when = cron_expression::parse(text, why);
    if (!when) {
        expect(!why.empty() && why.size() < 500, "refused without a sentence");
        expect(std::ranges::all_of(why, [](char c) { return c >= ' ' && c <= '~'; }),
               "an unprintable sentence");
        return false;
    }
    expect(why.empty(), "accepted, and a reason why not");
    for (auto const from :
         {local_days{year{2026} / 3 / 29}, local_days{year{2096} / 2 / 29}, local_days{year{-1} / 12 / 31}})
        check_next(*when, from + seconds{static_cast<long>(size) * 7919});
    return true;
}

}  // namespace cron_fuzz

#ifdef FASTQUEUE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static_cast<void>(cron_fuzz::fuzz_one(data, size));
    return 0;
}
#endif
