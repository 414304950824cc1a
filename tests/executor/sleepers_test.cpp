#include <fastqueue/executor/sleepers.hpp>

#include "support/catch.hpp"
#include "support/wakeups.hpp"

#include <atomic>
#include <thread>

using fastqueue::executor::detail::sleepers;

TEST_CASE("sleepers: a thread that is roused between its announcement and its sleep does not sleep",
          "[executor]") {
    sleepers idle;
    idle.announce();
    idle.rouse(1);
    idle.sleep();  // or the test hangs, and is ended by the time limit of its program
    SUCCEED();
}

TEST_CASE("sleepers: wakes as many as were asked for, and the rest when they are called", "[executor]") {
    sleepers idle;
    support::wakeups announced;
    support::wakeups woken;
    auto const body = [&] {
        idle.announce();
        announced.signal();
        idle.sleep();
        woken.signal();
    };
    std::thread a{body};
    std::thread b{body};
    while (announced.calls() < 2) REQUIRE(announced.wait());
    idle.rouse(1);
    REQUIRE(woken.wait());
    CHECK(woken.calls() == 1);
    idle.rouse(7);
    REQUIRE(woken.wait());
    CHECK(woken.calls() == 2);
    a.join();
    b.join();
}
