#include <fastqueue/eviction/s3fifo.hpp>

#include "laws/eviction_laws.hpp"
#include "support/catch.hpp"

#include <cstdint>

using fastqueue::eviction::s3fifo;
using fastqueue::policy::slot;

TEST_CASE("s3fifo: keeps the laws of eviction", "[eviction]") { laws::eviction_laws<s3fifo>(); }

namespace {

/// Makes the victim leave for a key.
slot replace(s3fifo& policy, std::uint64_t hash) {
    auto const s = policy.victim();
    policy.erased(s);
    policy.inserted(s, hash);
    return s;
}

}  // namespace

TEST_CASE("s3fifo: a scan does not wash out what was used twice", "[eviction]") {
    constexpr slot capacity = 20;
    s3fifo policy{capacity};
    for (slot s = 0; s < capacity; ++s) policy.inserted(s, s);
    for (slot s = 0; s < 10; ++s) {
        policy.used(s);
        policy.used(s);
    }
    for (std::uint64_t hash = 1000; hash < 1500; ++hash) REQUIRE(replace(policy, hash << 32U) >= 10);
}

TEST_CASE("s3fifo: what was used once only leaves as it came", "[eviction]") {
    s3fifo policy{3};
    policy.inserted(0, 0);
    policy.inserted(1, 1);
    policy.inserted(2, 2);
    policy.used(0);
    CHECK(policy.victim() == 0);
    policy.used(0);
    CHECK(policy.victim() == 1);
}

TEST_CASE("s3fifo: who left not long ago and comes back stays", "[eviction]") {
    constexpr slot capacity = 10;
    constexpr std::uint64_t back = std::uint64_t{77} << 32U;
    s3fifo policy{capacity};
    for (slot s = 0; s < capacity; ++s) policy.inserted(s, s == 0 ? back : s);
    CHECK(replace(policy, 1ULL << 40U) == 0);
    auto const again = replace(policy, back);  // it left, and is known
    for (std::uint64_t hash = 1; hash < 100; ++hash) REQUIRE(replace(policy, hash << 41U) != again);
}
