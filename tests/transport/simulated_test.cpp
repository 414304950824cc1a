#include <fastqueue/transport/simulated.hpp>

#include "support/catch.hpp"
#include "transport/simulated_world.hpp"
#include "transport/transport_laws.hpp"

FASTQUEUE_TRANSPORT_LAWS(fastqueue::test::simulated_world, "simulated")
FASTQUEUE_PUSH_LAWS(fastqueue::test::simulated_world, "simulated")
