#include <fastqueue/executor/inline_.hpp>

#include "laws/executor_laws.hpp"
#include "support/catch.hpp"

#include <functional>
#include <vector>

using fastqueue::executor::inline_;
using fastqueue::policy::job;
using fastqueue::policy::job_state;

namespace {

struct call_job : job {
    explicit call_job(std::function<void()> f, std::uint8_t at_level = 0) : what{std::move(f)} {
        level = at_level;
        run = [](job& j) noexcept { static_cast<call_job&>(j).what(); };
    }
    std::function<void()> what;
};

}  // namespace

TEST_CASE("inline_: keeps the laws of executors", "[executor]") { laws::executor_laws<inline_>(1); }

TEST_CASE("inline_: submit only puts in line; kick runs by level, then in order", "[executor]") {
    inline_ executor{{1, 8}, {}};
    std::vector<int> order;
    call_job a{[&] { order.push_back(1); }, 2};
    call_job b{[&] { order.push_back(2); }, 0};
    call_job c{[&] { order.push_back(3); }, 0};
    for (auto* j : {&a, &b, &c}) executor.submit(*j);
    CHECK(order.empty());
    CHECK(executor.finished() == nullptr);
    executor.kick();
    CHECK(order == std::vector{2, 3, 1});
    auto* list = executor.finished();
    REQUIRE(list == &b);
    REQUIRE(list->next == &c);
    REQUIRE(list->next->next == &a);
    CHECK(list->next->next->next == nullptr);
    CHECK(executor.finished() == nullptr);
}

TEST_CASE("inline_: a job that leads to another is not interrupted by it", "[executor]") {
    inline_ executor{{1, 8}, {}};
    std::vector<int> order;
    call_job second{[&] { order.push_back(2); }};
    call_job first{[&] {
        executor.submit(second);
        executor.kick();
        order.push_back(1);
    }};
    executor.submit(first);
    executor.kick();
    CHECK(order == std::vector{1, 2});
}

TEST_CASE("inline_: wakes once while nobody takes what has finished", "[executor]") {
    int woken = 0;
    inline_ executor{{1, 8}, [&] { ++woken; }};
    call_job a{[] {}};
    call_job b{[] {}};
    executor.submit(a);
    executor.submit(b);
    executor.kick();
    CHECK(woken == 1);
    CHECK(executor.finished() == &a);
    executor.submit(a);
    executor.kick();
    CHECK(woken == 2);
}

TEST_CASE("inline_: a job that stops it is the last one", "[executor]") {
    inline_ executor{{1, 8}, {}};
    bool ran = false;
    call_job first{[&] { executor.stop(); }};
    call_job second{[&] { ran = true; }};
    executor.submit(first);
    executor.submit(second);
    executor.kick();
    CHECK_FALSE(ran);
    CHECK(second.state == job_state::queued);
    CHECK(executor.retract(second));
    CHECK_FALSE(executor.retract(first));
}
