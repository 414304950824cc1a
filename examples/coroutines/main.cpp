// A client without a thread, in the program's own asio::io_context: calls at the same time, errors, a limit to the patience,
// and a thousand calls of which fifty are under way at once. One handler is a coroutine, too.
#include <fastqueue/async_client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/coroutine_task.hpp>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace fq = fastqueue;
using asio::use_awaitable;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

namespace {

namespace tasks {
inline constexpr fq::task<int(int, int)> add{"add", "x", "y"};
inline constexpr fq::task<int(int, int)> divide{"divide", "x", "y"};
inline constexpr fq::task<int(int)> nap{"nap", "ms"};
}  // namespace tasks

fq::registry handlers() {
    fq::registry r;
    r.define(tasks::add, [](int x, int y) { return x + y; });
    r.define(tasks::divide, [](int x, int y) { return y != 0 ? x / y : throw std::domain_error{"by 0"}; });
    // A coroutine that takes the context: cancelling the task cancels the timer.
    r.define(tasks::nap, fq::awaiting([](fq::context&, int ms) -> asio::awaitable<int> {
                 asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::milliseconds{ms}};
                 co_await timer.async_wait(use_awaitable);
                 co_return ms;
             }));
    return r;
}

/// The value alone, and an exception where the task failed.
asio::awaitable<int> value_of(asio::awaitable<fq::outcome<int>> answer) {
    co_return (co_await std::move(answer)).value();
}

/// Two things can go wrong: the handler fails, or what is asked is refused.
asio::awaitable<void> errors(fq::async_client& client) {
    auto const failed = co_await client.async_call(tasks::divide(1, 0), use_awaitable);
    if (!failed) std::cout << "the task failed: " << failed.text() << '\n';
    try {
        co_await client.async_cancel(client.new_id(), use_awaitable);
    } catch (std::system_error const& e) {
        std::cout << "refused: " << e.code().message() << '\n';
    }
}

/// Who loses patience ends only the waiting. The task goes on until somebody cancels it.
asio::awaitable<void> patience(fq::async_client& client) {
    auto const id = co_await client.async_delay(tasks::nap(60'000), use_awaitable);
    asio::steady_timer timer{co_await asio::this_coro::executor, 50ms};
    auto const first = co_await (value_of(client.async_wait<int>(id, 10s, use_awaitable)) ||
                                 timer.async_wait(use_awaitable));
    if (first.index() == 1) std::cout << "no longer waited for\n";
    co_await client.async_cancel(id, use_awaitable);
    auto const end = co_await client.async_wait<int>(id, 10s, use_awaitable);
    std::cout << "the task is " << fq::name_of(end.state()) << '\n';
}

/// A thousand calls. One thread turns the loop, so nothing that they share needs a lock.
struct fan_out {
    fq::async_client& client;
    int next = 1, under_way = 0, most = 0, total = 0;

    /// As many calls at once as there are lanes. When its call has ended, a lane takes the next number.
    asio::awaitable<void> lanes(int count) {
        if (count > 1) co_return co_await (lanes(count / 2) && lanes(count - count / 2));
        while (next <= 1000) {
            auto const n = next++;
            most = std::max(most, ++under_way);
            total += co_await value_of(client.async_call(tasks::add(n, n), use_awaitable));
            --under_way;
        }
    }
};

asio::awaitable<void> show(asio::io_context& loop, fq::endpoint discovery) {
    fq::async_client client{loop, {.discovery = discovery}};  // at its end the loop has nothing more to do
    auto const sum = co_await client.async_call(tasks::add(5, 3), use_awaitable);
    std::cout << "one call: " << sum.value() << '\n';
    auto const [more, slept] = co_await (value_of(client.async_call(tasks::add(20, 3), use_awaitable)) &&
                                         value_of(client.async_call(tasks::nap(20), use_awaitable)));
    std::cout << "two at once: " << more << " and " << slept << '\n';
    co_await errors(client);
    co_await patience(client);
    fan_out all{client};
    co_await all.lanes(50);
    std::cout << "a thousand: total " << all.total << ", at most " << all.most << " at once\n";
}

}  // namespace

int main() {
    fq::control_plane_options options;
    options.base.port = options.discovery.port = 0;  // free ones
    fq::control_plane plane{options, handlers()};
    plane.start();
    asio::io_context loop;
    auto shown = asio::co_spawn(loop, show(loop, plane.listens().discovery), asio::use_future);
    std::jthread const user{[&] { loop.run(), plane.stop(); }};
    plane.run();
    shown.get();
}
