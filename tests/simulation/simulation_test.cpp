#include "simulation/world.hpp"

#include "support/catch.hpp"

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

TEST_CASE("simulation: every accepted task ends once, whatever befalls network and workers", "[simulation]") {
    auto const first = number_from("FASTQUEUE_SEED", 1);
    auto const count = number_from("FASTQUEUE_SEEDS", std::getenv("FASTQUEUE_SEED") != nullptr ? 1 : 500);
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        world w{seed};
        auto const wrong = w.run();
        if (wrong.empty()) continue;
        FAIL_CHECK("seed " << seed << ": " << wrong << "\n  replay: FASTQUEUE_SEED=" << seed
                           << " tests_simulation");
    }
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
    for (std::uint64_t seed = 1000; seed < 1100; ++seed) {
        world w{seed};
        CHECK(w.run() == "");
        auto const c = w.counters();
        sum.redelivered += c.redelivered;
        sum.returned += c.returned;
        sum.stale_answers += c.stale_answers;
        sum.cancelled += c.cancelled;
        executions += w.executions();
        tasks += w.weather().tasks;
    }
    CHECK(sum.redelivered > 40);
    CHECK(sum.returned > 20);
    CHECK(sum.stale_answers > 5);
    CHECK(sum.cancelled > 10);
    CHECK(executions > tasks * 9 / 10);
}
