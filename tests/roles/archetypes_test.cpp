#include "roles/archetypes.hpp"

#include <fastqueue/core/next_firing.hpp>
#include <fastqueue/fastqueue.hpp>
#include <fastqueue/model/cron_expression.hpp>

#include "roles/fixture.hpp"
#include "support/catch.hpp"

#include <asio/use_future.hpp>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace roles;

namespace {

fq::registry archetype_tasks() {
    fq::registry_with<archetypes::serialization> tasks;
    tasks.define(add, [](int x, int y) { return x + y; });
    tasks.define(fail, [](std::string const& why) -> int { throw std::runtime_error{why}; });
    return tasks;
}

template <class Role>
struct running {
    Role role;
    std::thread thread;

    template <class... Args>
    explicit running(Args&&... args) : role{std::forward<Args>(args)...} {
        role.start();
        thread = std::thread{[this] { role.run(); }};
    }
    ~running() {
        role.stop();
        thread.join();
    }
};

}  // namespace

TEST_CASE("archetypes: all roles work with policies that can do no more than their concepts ask", "[roles]") {
    using plane_type = fq::basic_control_plane<archetypes::policies>;
    using worker_type = fq::basic_subworker<archetypes::policies>;
    auto options = plane::usual();
    options.result_cache_size = 4;
    options.local = false;
    running<plane_type> there{options, archetype_tasks()};
    fq::subworker_options of_worker;
    of_worker.worker_id = "least";
    of_worker.control_plane = there.role.listens().tasks[0];
    of_worker.discovery = there.role.listens().discovery;
    of_worker.base = loopback();
    running<worker_type> worker{of_worker, archetype_tasks()};

    fq::basic_client<archetypes::policies> client{
        {.discovery = there.role.listens().discovery, .timeout = 20s}};
    for (int i = 0; i < 50; ++i) REQUIRE(client.call(add.with<archetypes::serialization>(i, 3)) == i + 3);
    REQUIRE(client.call(add(5, 3)) == 8);
    CHECK(client.call_outcome(fail("it rained")).text() == "it rained");
    CHECK(client.async_call(add(1, 2), asio::use_future).get().value() == 3);
    CHECK(client.document("workers").find("\"least\"") != std::string::npos);
    CHECK(
        client.schedule("morning", fq::cron("0 9 * * *", "office"), add(5, 3)).find("\"zone\":\"office\"") !=
        std::string::npos);
    CHECK_THROWS_WITH(client.schedule("morning", fq::cron("0 9 * * *", "home"), add(5, 3)),
                      Catch::Contains("'home' is not known here"));
}

TEST_CASE("archetypes: a schedule needs no more of time zones than their concept asks", "[roles]") {
    using namespace std::chrono_literals;
    std::string why;
    auto const daily = fq::cron_expression::parse("@daily", why);
    REQUIRE(daily.has_value());
    archetypes::time_zones const zones;
    using std::chrono::sys_seconds;
    CHECK(fq::core::next_firing(*daily, zones, "office", sys_seconds{-25h}) == sys_seconds{-24h});
    CHECK(fq::core::next_firing(*daily, zones, "office", sys_seconds{-1h}) ==
          sys_seconds{});  // 00:00 became 01:00
    CHECK(fq::core::next_firing(*daily, zones, "office", sys_seconds{}) == sys_seconds{23h});
    CHECK_FALSE(fq::core::next_firing(*daily, zones, "home", sys_seconds{}).has_value());
}

TEST_CASE("archetypes: a machine is told at once that its transport does not push", "[roles]") {
    archetypes::transport transport;
    fq::core::outbox box;
    box.dial_push({"127.0.0.1", 1}, 7);
    std::vector<std::string_view> frames;
    std::vector<std::pair<std::uint32_t, fq::peer_id>> dialled;
    fq::shell::perform(box, 0, transport, frames,
                       [&](std::uint32_t tag, fq::peer_id peer) { dialled.emplace_back(tag, peer); });
    REQUIRE(dialled.size() == 1);
    CHECK(dialled[0] == std::pair{std::uint32_t{7}, fq::peer_id::none});
}
