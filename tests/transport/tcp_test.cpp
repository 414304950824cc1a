#include <fastqueue/transport/tcp.hpp>

#include "support/catch.hpp"
#include "transport/tcp_world.hpp"
#include "transport/transport_laws.hpp"

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

FASTQUEUE_TRANSPORT_LAWS(fastqueue::test::tcp_world, "tcp")
FASTQUEUE_PUSH_LAWS(fastqueue::test::tcp_world, "tcp")

TEST_CASE("tcp: flush writes what was sent before the turn ends, to the peer that is being read from as well",
          "[transport]") {
    using namespace fastqueue;
    test::tcp_world world;
    auto& server = world.add();
    auto& client = world.add();
    endpoint at;
    REQUIRE_FALSE(server.transport.listen(world.address(), 0, at));
    auto const to_server = client.transport.dial(at, 0);
    REQUIRE(world.pump([&] { return !client.sink.arrivals.empty(); }));
    bool answered_within = false;
    server.sink.on_message = [&](peer_id peer, std::span<std::string_view const> frames) {
        CHECK_FALSE(server.transport.send(peer, frames));
        server.transport.flush();
        auto const end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (client.sink.letters.empty() && std::chrono::steady_clock::now() < end) client.transport.poll();
        answered_within = !client.sink.letters.empty();
    };
    std::vector<std::string_view> const question{"a", "b"};
    REQUIRE_FALSE(client.transport.send(to_server, question));
    REQUIRE(world.pump([&] { return !server.sink.letters.empty(); }));
    CHECK(answered_within);
    CHECK(client.sink.letters.at(0).frames == std::vector<std::string>{"a", "b"});
}
