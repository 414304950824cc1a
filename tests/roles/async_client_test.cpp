#include <fastqueue/async_client.hpp>

#include "roles/fixture.hpp"
#include "support/catch.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

using namespace roles;

namespace {

/// Turns the loop until it has nothing more to do, though not for ever.
void run(asio::io_context& io) {
    io.run_for(20s);
    REQUIRE(io.stopped());
}
/// Runs a coroutine to its end.
template <class F>
void run(asio::io_context& io, F&& f) {
    std::exception_ptr failed;
    asio::co_spawn(io, std::forward<F>(f), [&](std::exception_ptr e) { failed = e; });
    run(io);
    if (failed) std::rethrow_exception(failed);
}

}  // namespace

TEST_CASE("async_client: works in its user's loop, on its user's thread, and has no other", "[roles]") {
    plane there;
    asio::io_context io;
    auto const here = std::this_thread::get_id();
    bool done = false;
    run(io, [&]() -> asio::awaitable<void> {
        fq::async_client client{io, there.client()};
        auto const sum = co_await client.async_call(add(5, 3), asio::use_awaitable);
        CHECK(sum.value() == 8);
        CHECK(std::this_thread::get_id() == here);
        auto const id = co_await client.async_delay(add(1, 1), asio::use_awaitable);
        auto const waited = co_await client.async_wait<int>(id, 5s, asio::use_awaitable);
        CHECK(waited.value() == 2);
        CHECK((co_await client.async_status(id, asio::use_awaitable)).state == fq::task_state::success);
        co_await client.async_forget(id, asio::use_awaitable);
        CHECK((co_await client.async_document("health", {}, asio::use_awaitable)).find("ok") !=
              std::string::npos);
        done = true;  // and the client ends in its own coroutine, and with it the loop's work
    });
    CHECK(done);
}

TEST_CASE("async_client: keeps the loop going until it is stopped", "[roles]") {
    plane there;
    asio::io_context io;
    fq::async_client client{io, there.client()};
    int sum = 0;
    client.async_call(add(5, 3), [&](std::error_code, fq::outcome<int> o) { sum = o.value(); });
    while (sum == 0) REQUIRE(io.run_one_for(20s) > 0);
    CHECK(sum == 8);
    io.run_for(20ms);
    CHECK_FALSE(io.stopped());
    client.stop();
    run(io);
    io.restart();
    std::error_code late;
    client.async_call(add(1, 1), [&](std::error_code ec, fq::outcome<int>) { late = ec; });
    run(io);
    CHECK(late == fq::make_error_code(fq::errc::stopped));
}

TEST_CASE("async_client: many coroutines share its connection, and each has its own answer", "[roles]") {
    plane there;
    asio::io_context io;
    std::optional<fq::async_client> client;
    client.emplace(io, there.client());
    constexpr int many = 200;
    int right = 0;
    int ended = 0;
    auto const one = [&](int i) -> asio::awaitable<void> {
        for (int n = 0; n < 5; ++n) {
            auto const sum = co_await client->async_call(add(i, n), asio::use_awaitable);
            right += sum.value() == i + n ? 1 : 0;
        }
        if (++ended == many) client->stop();
    };
    for (int i = 0; i < many; ++i) asio::co_spawn(io, one(i), asio::detached);
    run(io);
    CHECK(right == many * 5);
}

TEST_CASE("async_client: without a control plane it says so, and leaves the loop", "[roles]") {
    asio::io_context io;
    std::error_code why;
    std::string text;
    fq::client_options options;
    {
        plane gone;
        options = gone.client();
    }
    options.retries = 1;
    fq::async_client client{io, options};
    client.async_call(add(5, 3), [&](std::error_code ec, fq::outcome<int> o) {
        why = ec;
        text = o.text();
        client.stop();
    });
    run(io);
    CHECK(why == fq::make_error_code(fq::errc::unreachable));
    CHECK(text.find(options.discovery.text()) != std::string::npos);
}

TEST_CASE("async_client: its time-outs come though nothing else happens in the loop", "[roles]") {
    plane there;
    asio::io_context io;
    auto options = there.client();
    options.timeout = 100ms;
    fq::async_client client{io, options};
    std::error_code why;
    client.async_call(sleep_ms(2'000), [&](std::error_code ec, fq::outcome<int>) {
        why = ec;
        client.stop();
    });
    run(io);
    CHECK(why == fq::make_error_code(fq::errc::timed_out));
}

TEST_CASE("async_client: a loop that is gone on with after the client's end finds nothing of it", "[roles]") {
    plane there;
    asio::io_context io;
    std::error_code why;
    {
        fq::async_client client{io, there.client()};
        client.async_call(sleep_ms(500), [&](std::error_code ec, fq::outcome<int>) { why = ec; });
        io.run_for(50ms);
    }
    io.restart();
    run(io);
    CHECK(why == fq::make_error_code(fq::errc::stopped));
}

TEST_CASE("async_client: after a large request its loop is quiet again", "[roles]") {
    constexpr fq::task<std::size_t(std::string)> length{"length", "text"};
    auto tasks = usual_tasks();
    tasks.define(length, [](std::string const& text) { return text.size(); });
    plane there{std::move(tasks)};
    asio::io_context loop;
    fq::async_client client{loop, there.client()};
    std::size_t answered = 0;
    client.async_call(length(std::string(14U << 20U, 'x')),
                      [&](std::error_code, fq::outcome<std::size_t> got) { answered = got.value(); });
    auto const end = std::chrono::steady_clock::now() + 20s;
    while (answered == 0 && std::chrono::steady_clock::now() < end) loop.run_one_for(100ms);
    CHECK(answered == 14U << 20U);
    std::size_t handlers = 0;
    for (auto const quiet = std::chrono::steady_clock::now() + 200ms;
         std::chrono::steady_clock::now() < quiet;)
        handlers += loop.run_one_for(50ms);
    CHECK(handlers < 50);
}
