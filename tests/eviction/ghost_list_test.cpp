#include <fastqueue/eviction/ghost_list.hpp>
#include <fastqueue/model/hash.hpp>

#include "support/catch.hpp"

#include <cstdint>

using fastqueue::eviction::detail::ghost_list;

namespace {
std::uint64_t hash_of(std::uint64_t n) { return fastqueue::mix(n + 1, 0x9e3779b97f4a7c15U); }
}  // namespace

TEST_CASE("ghost_list: knows most of the latest, and none that left long ago", "[eviction]") {
    constexpr std::uint32_t capacity = 1000;
    ghost_list ghosts{capacity};
    CHECK_FALSE(ghosts.has(0));
    for (std::uint64_t n = 0; n < 10'000; ++n) ghosts.add(hash_of(n));
    int known = 0;
    for (std::uint64_t n = 9'000; n < 10'000; ++n) known += ghosts.has(hash_of(n)) ? 1 : 0;
    CHECK(known > 850);
    for (std::uint64_t n = 0; n < 9'000; ++n) REQUIRE_FALSE(ghosts.has(hash_of(n)));
}

TEST_CASE("ghost_list: of capacity 0 knows nobody for long", "[eviction]") {
    ghost_list ghosts{0};
    ghosts.add(hash_of(1));
    CHECK_FALSE(ghosts.has(hash_of(1)));
}
