#if !defined(__SANITIZE_THREAD__)  // it cannot begin threads in a fork of a program that has some

#include <fastqueue/embedded.hpp>
#include <fastqueue/executor/process.hpp>

#include "roles/fixture.hpp"
#include "support/catch.hpp"

#include <csignal>
#include <cstdlib>
#include <string>

#include <unistd.h>

using namespace roles;
using Catch::Contains;

namespace {

struct isolated : fq::default_policies {
    using executor_policy = fq::executor::process;
};

inline constexpr fq::task<int()> process_of{"process_of"};
inline constexpr fq::task<int()> count{"count"};
inline constexpr fq::task<int(int)> end_with{"end_with", "status"};
inline constexpr fq::task<int()> hang{"hang"};
inline constexpr fq::task<std::string(int)> letters{"letters", "n"};

struct counter {
    int calls = 0;
};

fq::registry tasks() {
    auto r = usual_tasks();
    r.per_thread<counter>([] { return counter{}; });
    r.define(process_of, [] { return static_cast<int>(::getpid()); });
    r.define(count, [](fq::context& ctx) { return ++ctx.resource<counter>().calls; });
    r.define(end_with, [](int status) -> int { std::_Exit(status); });
    r.define(letters, [](int n) { return std::string(static_cast<std::size_t>(n), 'a'); });
    r.define(hang, []() -> int {
        for (;;) ::pause();
    });
    return r;
}

}  // namespace

TEST_CASE("process executor: a subworker's handlers run in another process, and keep what a thread has there",
          "[roles]") {
    plane there{{}, without_local()};
    basic_worker<isolated> helper{there, "w1", tasks()};
    fq::client client{there.client()};
    auto const pid = client.call(process_of());
    CHECK(pid != ::getpid());
    CHECK(client.call(count()) == 1);
    CHECK(client.call(count()) == 2);
    CHECK(client.call(process_of()) == pid);
    CHECK_THROWS_WITH(client.call(fail("it rained")), Contains("it rained"));
    CHECK(client.call(letters(2'000'000)).size() == 2'000'000);
}

TEST_CASE("process executor: a handler that ends its process is a failure that is tried again, and told",
          "[roles]") {
    plane there{{}, without_local()};
    basic_worker<isolated> helper{there, "w1", tasks()};
    fq::client client{there.client()};
    auto const outcome = client.call_outcome(end_with(3).retries(2).retry_delay(1ms).with_meta());
    REQUIRE_FALSE(outcome);
    CHECK_THAT(outcome.text(), Contains("the handler's process ended with exit status 3"));
    CHECK(outcome.meta().attempt == 3);
    CHECK(client.call(add(5, 3)) == 8);
}

TEST_CASE("process executor: a handler that hangs is ended by its time limit, and its place is free",
          "[roles]") {
    plane there{{}, without_local()};
    basic_worker<isolated> helper{there, "w1", tasks()};
    fq::client client{there.client()};
    auto const outcome = client.call_outcome(hang().timeout(50ms));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error() == make_error_code(fq::errc::timeout));
    CHECK(client.call(add(5, 3)) == 8);
}

TEST_CASE("process executor: a queue within one process survives what its handlers do", "[roles]") {
    fq::basic_embedded<isolated> queue{tasks()};
    CHECK(queue.call(add(5, 3)) == 8);
    CHECK_FALSE(queue.call_outcome(end_with(0)));
    CHECK(queue.call(add(5, 3)) == 8);
}

#endif
