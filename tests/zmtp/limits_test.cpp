#include <fastqueue/zmtp/limits.hpp>

#include "support/catch.hpp"

using namespace fastqueue;

TEST_CASE("zmtp limits: the defaults fit each other", "[zmtp]") {
    zmtp::limits const limits;
    CHECK(limits.frame_bytes <= limits.message_bytes);
    CHECK(limits.send_queue_bytes >=
          limits.message_bytes + 9ULL * limits.message_frames);  // with frame headers
    CHECK(limits.heartbeat_interval < limits.heartbeat_timeout);
    CHECK(limits.heartbeat_interval <
          limits.heartbeat_ttl);  // a peer hears of us more often than it may give us up
    CHECK(limits.heartbeat_ttl <= std::chrono::milliseconds{65'500});
}
