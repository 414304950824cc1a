#include <fastqueue/eviction/slot_ring.hpp>

#include "support/catch.hpp"

using fastqueue::eviction::detail::slot_ring;

TEST_CASE("slot_ring: takes out from the front, the middle and the back", "[eviction]") {
    slot_ring ring{4};
    for (fastqueue::policy::slot s = 0; s < 4; ++s) ring.push_front(s);
    CHECK(ring.back() == 0);
    ring.unlink(1);  // the middle
    CHECK(ring.back() == 0);
    ring.unlink(0);  // the back
    CHECK(ring.back() == 2);
    ring.unlink(3);  // the front
    ring.push_front(1);
    ring.unlink(2);
    CHECK(ring.back() == 1);
}
