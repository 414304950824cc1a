#include <fastqueue/task.hpp>
#include <fastqueue/testing/simulated_system.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// A task's life under faults: what operators order and handlers tell holds whatever crashes meanwhile.

namespace {

namespace fq = fastqueue;
using namespace std::chrono_literals;
using system_type = fq::testing::simulated_system;

constexpr fq::task<int(int)> work{"work", "n"};
constexpr std::uint64_t seeds = 40;

/// Sends a request again until it is answered: an order may be lost with a control plane.
template <class Ask>
auto answered(system_type& system, Ask const& ask) {
    auto answer = ask();
    while (true) {
        REQUIRE(system.run_until([&] { return answer.there(); }));
        if (!answer.error()) return answer;
        system.run_for(50ms);
        answer = ask();
    }
}

}  // namespace

TEST_CASE("simulation: progress is seen by who watches, through storms, up to the task's end",
          "[simulation]") {
    int seen = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        fq::registry tasks;
        tasks.define(work, [](fq::context& ctx, int n) {
            ctx.progress(n);
            return n + 1;
        });
        system_type system{seed, tasks, {.run_least = 200ms, .run_most = 800ms, .handlers_first = true}};
        std::vector<system_type::client_type::answer<void>> watches;
        system.storm();
        for (int n = 0; n < 6; ++n) {
            auto const id = answered(system, [&] { return system.client().delay(work(n)); }).id();
            watches.push_back(system.client().watch(id));
        }
        auto const ended = [&] {
            for (auto const& w : watches) {
                if (!w.error() && w.state() == fq::task_state::running && !w.text().empty()) ++seen;
                if (!w.error() && !fq::is_final(w.state())) return false;
            }
            return true;
        };
        static_cast<void>(system.run_until(ended, 3s));
        static_cast<void>(system.settle());
        REQUIRE(system.run_until(ended));
        for (std::size_t n = 0; n < watches.size(); ++n) {
            CHECK(watches[n].state() == fq::task_state::success);
            CHECK(watches[n].text() == std::to_string(n + 1));
        }
    }
    CHECK(seen > 0);
}

TEST_CASE("simulation: what is paused does not run, whatever restarts, until it is let go on",
          "[simulation]") {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        int runs = 0;
        fq::registry tasks;
        tasks.define(work, [&runs](int n) { return ++runs, n; });
        system_type system{seed, tasks};
        answered(system, [&] { return system.client().delay(work(0)); });
        static_cast<void>(system.settle());
        REQUIRE(system.run_until([&] { return runs == 1; }));
        answered(system, [&] { return system.client().document("pause", "name=work"); });
        std::vector<system_type::client_type::answer<int>> calls;
        for (int n = 0; n < 10; ++n) calls.push_back(system.client().call(work(n)));
        system.storm();
        system.run_for(6s);
        system.mend();
        system.run_for(5s);
        CHECK(runs == 1);
        answered(system, [&] { return system.client().document("resume", "name=work"); });
        REQUIRE(system.settle());
        for (int n = 0; n < 10; ++n) CHECK(calls[static_cast<std::size_t>(n)].result().value() == n);
    }
}

TEST_CASE("simulation: tasks of a tag are cancelled, and only those, in the middle of a storm",
          "[simulation]") {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        std::set<int> ran;
        fq::registry tasks;
        tasks.define(work, [&ran](int n) { return ran.insert(n), n; });
        system_type system{seed, tasks};
        std::vector<system_type::client_type::answer<int>> calls;
        std::vector<fq::task_id> marked;
        for (int n = 0; n < 20; ++n) {
            auto task = work(n).countdown(20s);
            if (n % 2 == 0) task.tag("kind", "even");
            marked.push_back(answered(system, [&] { return system.client().delay(task); }).id());
        }
        system.storm();
        system.run_for(1s);
        answered(system, [&] { return system.client().document("cancel", "tag.kind=even"); });
        REQUIRE(system.settle());
        for (auto const& id : marked) calls.push_back(system.client().wait<int>(id, 10min));
        REQUIRE(system.settle());
        for (int n = 0; n < 20; ++n) {
            auto const& call = calls[static_cast<std::size_t>(n)];
            CHECK(call.state() == (n % 2 == 0 ? fq::task_state::cancelled : fq::task_state::success));
            CHECK(ran.contains(n) == (n % 2 != 0));
        }
    }
}

TEST_CASE("simulation: callbacks to nobody hold up no result, and are given up", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        fq::registry tasks;
        tasks.define(work, [](int n) { return n; });
        system_type system{seed, tasks};
        std::vector<system_type::client_type::answer<int>> calls;
        system.storm();
        for (int n = 0; n < 20; ++n)
            calls.push_back(system.client().call(work(n).callback("tcp://127.0.0.1:7000", "x")));
        REQUIRE(system.settle());
        for (int n = 0; n < 20; ++n) CHECK(calls[static_cast<std::size_t>(n)].result().value() == n);
        system.run_for(3min);
        auto const& state = system.plane().machine().state();
        CHECK(state.courier.waiting() == 0);
        CHECK(state.courier.addresses() == 0);
    }
}

TEST_CASE("simulation: a definition's retries hold after restarts as before, and its hooks see each run",
          "[simulation]") {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        std::map<fq::task_id, int> runs;
        int before = 0;
        int after = 0;
        fq::registry tasks;
        tasks
            .define(work,
                    [&runs](fq::context& ctx, int n) {
                        if (++runs[ctx.id()] < 3) throw std::runtime_error{"not yet"};
                        return n;
                    })
            .retries(1000)
            .retry_delay(1ms, 1)
            .before([&](fq::context&) { ++before; })
            .after([&](fq::context&, fq::finished_run const&) { ++after; });
        system_type system{seed, tasks};
        answered(system, [&] { return system.client().document("names"); });
        system.run_for(1s);  // its workers have said so
        std::vector<system_type::client_type::answer<int>> calls;
        system.storm();
        for (int n = 0; n < 10; ++n) calls.push_back(system.client().call(work(n)));
        REQUIRE(system.settle());
        for (int n = 0; n < 10; ++n) CHECK(calls[static_cast<std::size_t>(n)].result().value() == n);
        CHECK(before == after);
        CHECK(before >= 30);
    }
}
