#include <fastqueue/eviction/fifo.hpp>

#include "laws/eviction_laws.hpp"
#include "support/catch.hpp"

using fastqueue::eviction::fifo;

TEST_CASE("fifo: keeps the laws of eviction", "[eviction]") { laws::eviction_laws<fifo>(); }

TEST_CASE("fifo: evicts what came first, however often it was used", "[eviction]") {
    fifo policy{3};
    policy.inserted(2, 0);
    policy.inserted(0, 0);
    policy.inserted(1, 0);
    policy.used(2);
    CHECK(policy.victim() == 2);
    policy.erased(2);
    CHECK(policy.victim() == 0);
    policy.inserted(2, 0);
    policy.erased(0);
    policy.erased(1);
    CHECK(policy.victim() == 2);
}
