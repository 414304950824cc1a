#include <fastqueue/observer/none.hpp>

#include "laws/observer_laws.hpp"
#include "support/catch.hpp"

#include <type_traits>

TEST_CASE("none: takes every event, and is no larger than nothing", "[observer]") {
    fastqueue::observer::none watcher;
    watcher.on(fastqueue::policy::task_event{});
    watcher.on(fastqueue::policy::worker_event{});
    watcher.on(fastqueue::policy::notice_event{});
    CHECK(std::is_empty_v<fastqueue::observer::none>);
}

TEST_CASE("none: keeps the laws of an observer", "[observer]") {
    laws::observer_laws<fastqueue::observer::none>([] { return fastqueue::observer::none{}; });
}
