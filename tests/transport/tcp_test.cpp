#include <fastqueue/transport/tcp.hpp>

#include "support/catch.hpp"
#include "transport/tcp_world.hpp"
#include "transport/transport_laws.hpp"

FASTQUEUE_TRANSPORT_LAWS(fastqueue::test::tcp_world, "tcp")
FASTQUEUE_PUSH_LAWS(fastqueue::test::tcp_world, "tcp")
