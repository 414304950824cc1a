#include <fastqueue/testing/simulated_system.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace fastqueue;
using namespace std::chrono_literals;
using testing::simulated_system;

constexpr task<int(int)> twice{"twice", "x"};

/// What handlers of a test leave behind: who ran which task.
struct journal {
    std::vector<std::pair<std::string, int>> runs;
    simulated_system* system = nullptr;

    registry tasks() {
        registry r;
        r.define(twice, [this](int x) {
            runs.emplace_back(system->running(), x);
            return 2 * x;
        });
        return r;
    }
};

struct setting {
    journal log;
    simulated_system system;
    explicit setting(std::uint64_t seed = 1, testing::simulated_system_options options = {})
        : system{seed, log.tasks(), options} {
        log.system = &system;
    }
};

}  // namespace

TEST_CASE("simulated_system: a call is answered some virtual time later, and none before", "[testing]") {
    setting s;
    auto const sum = s.system.client().call(twice(4));
    CHECK_FALSE(sum.there());
    CHECK_THROWS_AS(sum.result(), error);
    REQUIRE(s.system.settle());
    CHECK(sum.result().value() == 8);
    CHECK(sum.state() == task_state::success);
    CHECK(s.log.runs.size() == 1);
    CHECK(s.system.running().empty());
}

TEST_CASE("simulated_system: a task is handed over, waited for and cancelled as by any client", "[testing]") {
    setting s;
    auto& client = s.system.client();
    auto const accepted = client.delay(twice(1));
    auto const later = client.delay(twice(2).countdown(10min));
    REQUIRE(s.system.settle());
    CHECK_FALSE(accepted.error());
    auto const end = client.wait<int>(accepted.id(), 10s);
    auto const not_yet = client.wait<int>(later.id(), 1s);
    REQUIRE(s.system.settle());
    CHECK(end.result().value() == 2);
    CHECK(not_yet.state() == task_state::scheduled);
    auto const gone = client.cancel(later.id());
    auto const unknown = client.wait<int>(uuid::make_v7({}, 1, 2), 1s);
    REQUIRE(s.system.settle());
    CHECK(gone.state() == task_state::cancelled);
    CHECK(unknown.error() == errc::unknown_task);
}

TEST_CASE("simulated_system: one seed is one run, another is another", "[testing]") {
    auto const run = [](std::uint64_t seed) {
        setting s{seed, {.workers = 3, .concurrency = 2, .clients = 2}};
        s.system.storm();
        for (int i = 0; i < 50; ++i)
            s.system.schedule(20ms * i,
                              [&s, i] { s.system.client(static_cast<std::size_t>(i % 2)).call(twice(i)); });
        bool const rested = s.system.settle();
        return std::tuple{rested, s.system.trace(), s.log.runs};
    };
    CHECK(std::get<0>(run(3)));
    CHECK(run(3) == run(3));
    CHECK(run(3) != run(4));
}

TEST_CASE("simulated_system: what a crashed worker ran is run by another", "[testing]") {
    setting s{1, {.run_least = 1s, .run_most = 1s}};
    auto const answer = s.system.client().call(twice(1).with_meta());
    s.system.run_for(500ms);
    auto const& workers = s.system.plane().machine().state();
    REQUIRE(workers.counters.redelivered == 0);
    s.system.crash("w1");
    s.system.crash("w2");
    CHECK_FALSE(s.system.is_up("w1"));
    s.system.run_for(3s);
    CHECK_FALSE(answer.there());
    CHECK(s.log.runs.empty());  // it died in the middle
    s.system.restart("w2");
    CHECK(s.system.is_up("w2"));
    REQUIRE(s.system.run_until([&] { return answer.there(); }, 1min));
    CHECK(answer.result().value() == 2);
    CHECK(answer.result().meta().attempt == 2);
    CHECK(s.log.runs == std::vector<std::pair<std::string, int>>{{"w2", 1}});
}

TEST_CASE("simulated_system: what the control plane has accepted survives its crash", "[testing]") {
    setting s;
    for (auto const* name : {"w1", "w2"}) s.system.crash(name);
    auto const accepted = s.system.client().delay(twice(21));
    REQUIRE(s.system.run_until([&] { return accepted.there(); }, 1min));
    s.system.crash("plane");
    CHECK_FALSE(s.system.is_up("plane"));
    s.system.run_for(5s);
    REQUIRE(s.system.settle());  // starts all that is down
    auto const end = s.system.client().wait<int>(accepted.id(), 1min);
    REQUIRE(s.system.settle());
    CHECK(end.result().value() == 42);
    CHECK(s.log.runs.size() == 1);
}

TEST_CASE("simulated_system: behind a partition nothing arrives until it is healed", "[testing]") {
    setting s;
    s.system.partition("plane", "c1");
    auto const answer = s.system.client().call(twice(1));
    CHECK_FALSE(s.system.run_until([&] { return answer.there(); }, 1min));
    CHECK(s.log.runs.empty());
    s.system.heal("plane", "c1");
    CHECK(s.system.run_until([&] { return answer.there(); }, 1min));
    s.system.pause("w1");
    s.system.pause("w2");
    auto const later = s.system.client().call(twice(2));
    CHECK_FALSE(s.system.run_until([&] { return later.there(); }, 1s));
    CHECK(s.system.settle());
    CHECK(later.result().value() == 4);
}

TEST_CASE("simulated_system: storms do all that they are for, and every call still ends right", "[testing]") {
    core::plane_counters sum;
    std::size_t runs = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        setting s{seed, {.workers = 3, .run_most = 300ms}};
        s.system.storm({.faults = 12});
        std::vector<simulated_system::client_type::answer<int>> answers;
        for (int i = 0; i < 30; ++i)
            s.system.schedule(100ms * i, [&, i] { answers.push_back(s.system.client().call(twice(i))); });
        REQUIRE(s.system.settle());
        REQUIRE(answers.size() == 30);
        for (std::size_t i = 0; i < 30; ++i) REQUIRE(answers[i].result().value() == 2 * static_cast<int>(i));
        auto const& c = s.system.plane().machine().state().counters;
        sum.redelivered += c.redelivered;
        sum.restored += c.restored;
        runs += s.log.runs.size();
    }
    CAPTURE(sum.redelivered, sum.restored, runs);
    CHECK(sum.redelivered > 3);
    CHECK(sum.restored > 50);
    CHECK(runs > 40 * 30);
}

TEST_CASE("simulated_system: at a crash point the handler ends as its process would", "[testing]") {
    int begun = 0;
    int ended = 0;
    std::set<std::string> died;
    std::optional<simulated_system> system;
    registry tasks;
    tasks.define(twice, [&](int x) {
        ++begun;
        died.insert(system->running());
        system->crash_point(500);
        died.erase(system->running());
        ++ended;
        return 2 * x;
    });
    system.emplace(5, tasks);
    auto const before = system->client().call(twice(1));
    REQUIRE(system->settle());
    CHECK(begun == 1);  // no storm: nothing happens there
    CHECK(ended == 1);
    system->storm({.duration = 20s, .faults = 0});
    std::vector<simulated_system::client_type::answer<int>> answers;
    for (int i = 0; i < 20; ++i) answers.push_back(system->client().call(twice(i)));
    REQUIRE(system->run_until([&] { return !died.empty(); }, 20s));
    CHECK_FALSE(system->is_up(*died.begin()));
    REQUIRE(system->settle());
    CHECK(begun > ended);
    CHECK(ended == 21);
    for (auto const& a : answers) CHECK(a.state() == task_state::success);
}

TEST_CASE("simulated_system: its end calls no handler", "[testing]") {
    int runs = 0;
    {
        registry tasks;
        tasks.define(twice, [&](int x) { return ++runs, x; });
        simulated_system system{1, tasks, {.run_least = 1h, .run_most = 1h}};
        system.client().call(twice(1));
        system.run_for(1min);
        REQUIRE(system.plane().machine().outstanding() == 1);
    }
    CHECK(runs == 0);
}
