#include <fastqueue/model/priority.hpp>

#include "support/catch.hpp"

using fastqueue::name_of;
using fastqueue::parse_priority;
using fastqueue::priority;

TEST_CASE("priority: four names, there and back", "[model]") {
    CHECK(name_of(priority::critical) == "critical");
    CHECK(name_of(priority::high) == "high");
    CHECK(name_of(priority::normal) == "normal");
    CHECK(name_of(priority::low) == "low");
    for (std::size_t i = 0; i < fastqueue::priority_count; ++i) {
        auto const p = static_cast<priority>(i);
        CHECK(parse_priority(name_of(p)) == p);
        CHECK(fastqueue::index_of(p) == i);
    }
    for (auto const* bad : {"", "High", "normal ", "5", "lo"}) CHECK_FALSE(parse_priority(bad).has_value());
}
