#include <fastqueue/coroutine_task.hpp>

#include "roles/fixture.hpp"
#include "support/catch.hpp"

#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <stdexcept>
#include <string>

using namespace roles;

TEST_CASE("awaiting: a coroutine is a handler: it waits in a loop, returns a value or throws", "[roles]") {
    fq::registry tasks;
    tasks.define(add, fq::awaiting([](int x, int y) -> asio::awaitable<int> {
                     asio::steady_timer timer{co_await asio::this_coro::executor, 5ms};
                     co_await timer.async_wait(asio::use_awaitable);
                     co_return x + y;
                 }));
    tasks.define(fail, fq::awaiting([](std::string why) -> asio::awaitable<int> {
                     asio::steady_timer timer{co_await asio::this_coro::executor, 1ms};
                     co_await timer.async_wait(asio::use_awaitable);
                     throw std::runtime_error{why};
                 }));
    int noted = 0;
    tasks.define("note", fq::awaiting([&](int x) -> asio::awaitable<void> {
                     noted = x;
                     co_return;
                 }),
                 "x");
    plane there{tasks};
    fq::client client{there.client()};
    CHECK(client.call(add(5, 3)) == 8);
    CHECK(client.call_outcome(fail("it rained")).text() == "it rained");
    client.call<void>("note", 7);
    CHECK(noted == 7);
}

TEST_CASE("awaiting: the task's stop signal cancels what the coroutine awaits", "[roles]") {
    fq::registry tasks;
    std::atomic<bool> begun{false};
    tasks.define(
        sleep_ms, fq::awaiting([&](fq::context& ctx, int ms) -> asio::awaitable<int> {
            if (ctx.name() != "sleep_ms") throw std::runtime_error{"another's context"};
            asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::milliseconds{ms}};
            begun = true;
            co_await timer.async_wait(asio::use_awaitable);
            co_return ms;
        }));
    plane there{tasks};
    fq::client client{there.client()};
    auto const id = client.delay(sleep_ms(60'000));
    // Its control plane learns of the beginning a moment after it; until then nobody can say that it runs.
    REQUIRE(comes_true([&] { return begun && client.status(id).state == fq::task_state::running; }));
    CHECK(client.cancel(id) == fq::task_state::running);
    auto const end = client.wait<int>(id, 10s);
    REQUIRE(end);
    CHECK(end->state() == fq::task_state::cancelled);
}
