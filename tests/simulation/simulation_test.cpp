#include "simulation/world.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using fastqueue::test::world;

std::uint64_t number_from(char const* variable, std::uint64_t otherwise) {
    auto const* const text = std::getenv(variable);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

TEST_CASE("simulation: every accepted task ends once, whatever befalls network, processes, clocks and disk",
          "[simulation]") {
    auto const one = std::getenv("FASTQUEUE_SEED") != nullptr;
    auto const first = number_from("FASTQUEUE_SEED", 1);
    auto const seconds = number_from("FASTQUEUE_SECONDS", 0);
    auto const count =
        number_from("FASTQUEUE_SEEDS", seconds > 0 ? ~0ULL - first
                                       : one       ? 1
                                                   : number_from("FASTQUEUE_SIMULATION_SEEDS", 2000));
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds{seconds};
    std::uint64_t seed = first;
    for (; seed < first + count; ++seed) {
        if (seconds > 0 && std::chrono::steady_clock::now() >= end) break;
        world w{seed};
        auto const wrong = w.run();
        if (wrong.empty()) continue;
        FAIL_CHECK("seed " << seed << ": " << wrong << "\n  replay: FASTQUEUE_SEED=" << seed
                           << " build/ci/tests/simulation_test");
        if (std::getenv("FASTQUEUE_FIRST_ONLY") != nullptr) break;
    }
    if (seconds > 0) WARN(seed - first << " seeds from " << first << " on");
}

TEST_CASE("simulation: one seed gives one run", "[simulation]") {
    auto const run = [](std::uint64_t seed) {
        world w{seed};
        static_cast<void>(w.run());
        return std::pair{w.trace(), w.executions()};
    };
    CHECK(run(7) == run(7));
    CHECK(run(11) == run(11));
    CHECK(run(7) != run(8));
}

TEST_CASE("simulation: the storms do what they are for", "[simulation]") {
    // A simulation in which nothing ever goes wrong would prove nothing.
    fastqueue::core::plane_counters sum;
    std::uint64_t executions = 0;
    std::uint64_t tasks = 0;
    std::uint64_t calm = 0, durable = 0, broken = 0;
    for (std::uint64_t seed = 1000; seed < 1200; ++seed) {
        world w{seed};
        CHECK(w.run() == "");
        auto const c = w.counters();
        sum.redelivered += c.redelivered;
        sum.returned += c.returned;
        sum.stale_answers += c.stale_answers;
        sum.cancelled += c.cancelled;
        sum.restored += c.restored;
        sum.adopted += c.adopted;
        calm += w.weather().calm() ? 1U : 0U;
        durable += w.weather().durable ? 1U : 0U;
        broken += w.weather().breaks ? 1U : 0U;
        executions += w.executions();
        tasks += w.weather().tasks;
    }
    CHECK(sum.redelivered > 40);
    CHECK(sum.returned > 20);
    CHECK(sum.stale_answers > 5);
    CHECK(sum.cancelled > 10);
    CHECK(executions > tasks * 9 / 10);
    CHECK(sum.restored > 100);
    CHECK(sum.adopted > 10);
    CHECK(calm > 5);
    CHECK(durable > 40);
    CHECK(broken > 3);
}
