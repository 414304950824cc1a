#include <fastqueue/eviction/fifo.hpp>
#include <fastqueue/eviction/lfu.hpp>
#include <fastqueue/eviction/lru.hpp>
#include <fastqueue/eviction/none.hpp>
#include <fastqueue/eviction/s3fifo.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <cstdint>

namespace {

template <class Eviction>
std::uint64_t allocations_after_construction() {
    using fastqueue::policy::slot;
    constexpr slot capacity = 1000;
    Eviction policy{capacity};
    auto const before = support::allocations.load();
    for (slot s = 0; s < capacity; ++s) policy.inserted(s, s);
    for (slot s = 0; s < 5 * capacity; ++s) {
        policy.used(s * 7 % capacity);
        auto const victim = policy.victim();
        policy.erased(victim);
        policy.inserted(victim, s);
    }
    return support::allocations - before;
}

}  // namespace

TEST_CASE("eviction: only constructors allocate", "[eviction]") {
    auto const before = support::allocations.load();
    fastqueue::eviction::lru const counted{10};
    CHECK(support::allocations > before);
    CHECK(allocations_after_construction<fastqueue::eviction::lru>() == 0);
    CHECK(allocations_after_construction<fastqueue::eviction::fifo>() == 0);
    CHECK(allocations_after_construction<fastqueue::eviction::lfu>() == 0);
    CHECK(allocations_after_construction<fastqueue::eviction::none>() == 0);
    CHECK(allocations_after_construction<fastqueue::eviction::s3fifo>() == 0);
}
