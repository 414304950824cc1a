#include <fastqueue/core/name_table.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <string>

using fastqueue::core::name_entry;
using fastqueue::core::name_table;
using fastqueue::core::none;

TEST_CASE("name_table: a name keeps its number, however many come", "[core]") {
    name_table names;
    CHECK(names.find("a") == none);
    for (std::uint32_t i = 0; i < 2000; ++i) CHECK(names.intern("name" + std::to_string(i)) == i);
    for (std::uint32_t i = 0; i < 2000; ++i) {
        CHECK(names.find("name" + std::to_string(i)) == i);
        CHECK(names.intern("name" + std::to_string(i)) == i);
        CHECK(names[i].name == "name" + std::to_string(i));
    }
    CHECK(names.size() == 2000);
}

TEST_CASE("name_table: a cost is learned at once, rises quickly and falls slowly", "[core]") {
    name_entry e;
    CHECK(e.cost_us == 0);
    e.ran_for(0);
    CHECK(e.cost_us == 1);  // known, not unknown
    e = {};
    e.ran_for(800);
    CHECK(e.cost_us == 800);
    e.ran_for(100'000);
    CHECK(e.cost_us > 50'000);
    CHECK(e.cost_us < 100'000);
    auto const high = e.cost_us;
    e.ran_for(10);
    CHECK(e.cost_us < high);
    CHECK(e.cost_us > high * 3 / 4);
    for (int i = 0; i < 200; ++i) e.ran_for(10);
    CHECK(e.cost_us < 20);
    for (int i = 0; i < 100; ++i) e.ran_for(1);
    CHECK(e.cost_us == 1);
    e.ran_for(~std::uint64_t{0});
    CHECK(e.cost_us <= 1U << 30U);
}
