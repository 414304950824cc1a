#include <fastqueue/embedded.hpp>

#include "roles/fixture.hpp"
#include "roles/gate.hpp"
#include "support/catch.hpp"

#include <asio/use_future.hpp>
#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace roles;

namespace {

// Written once for every kind of client: what docs say of embedded and network.
template <class Client>
int sum_of(Client& queue, int x, int y) {
    auto const id = queue.delay(add(x, y).at(fq::priority::high));
    return queue.template wait<int>(id, 10s)->value();
}

}  // namespace

TEST_CASE("embedded: tasks run in the process, without a socket, by the same calls as over a network",
          "[roles]") {
    fq::embedded queue{usual_tasks()};
    CHECK(queue.call(add(5, 3)) == 8);
    CHECK(queue.call<int>("add", 5, 4) == 9);
    CHECK(sum_of(queue, 1, 2) == 3);
    plane there;
    fq::client client{there.client()};
    CHECK(sum_of(client, 1, 2) == 3);
    try {
        queue.call(fail("it rained"));
        FAIL("it succeeded");
    } catch (fq::error const& e) {
        CHECK(e.code() == fq::make_error_code(fq::errc::handler_error));
        CHECK(e.text() == "it rained");
    }
    try {
        queue.call<int>("addd", 1, 2);
        FAIL("it was taken");
    } catch (fq::error const& e) {
        CHECK(e.code() == fq::make_error_code(fq::errc::unknown_task_name));
    }
    CHECK(queue.failure() == "");
    CHECK(queue.document("workers").find("control-plane.local") != std::string::npos);
}

TEST_CASE("embedded: batches, results, cancelling and completion tokens are there as with any client",
          "[roles]") {
    fq::embedded queue{usual_tasks(), {.concurrency = 2}};
    fq::batch many;
    for (int i = 0; i < 2'000; ++i) many.add(add(i, 1));
    auto const ids = queue.delay(many);
    auto const ends = queue.wait_all<int>(ids, 20s);
    int right = 0;
    for (std::size_t i = 0; i < ends.size(); ++i)
        right += ends[i] && ends[i]->value() == static_cast<int>(i) + 1;
    CHECK(right == 2'000);

    CHECK(queue.async_call(add(20, 3), asio::use_future).get().value() == 23);
    std::promise<int> told;
    queue.async_call(add(1, 1), [&](std::error_code, fq::outcome<int> sum) { told.set_value(sum.value()); });
    CHECK(told.get_future().get() == 2);

    auto const slow = queue.delay(sleep_ms(60'000));
    REQUIRE(comes_true([&] { return queue.status(slow).state == fq::task_state::running; }));
    CHECK(queue.cancel(slow) == fq::task_state::running);
    CHECK(queue.wait<int>(slow, 10s)->state() == fq::task_state::cancelled);
}

TEST_CASE("embedded: a handler hands further tasks over", "[roles]") {
    std::optional<fq::embedded> queue;
    std::promise<fq::task_id> second;
    auto tasks = usual_tasks();
    tasks.define("chain", [&](int x) {
        second.set_value(queue->delay(add(x, 1)));
        return x;
    });
    queue.emplace(tasks);
    CHECK(queue->call<int>("chain", 1) == 1);
    CHECK(queue->wait<int>(second.get_future().get(), 10s)->value() == 2);
}

TEST_CASE("embedded: its end lets a handler that runs finish, and ends who waits for others", "[roles]") {
    gate work;
    std::atomic<int> finished{0};
    std::future<fq::outcome<int>> first;
    std::future<fq::outcome<int>> second;
    std::thread opener;
    {
        fq::registry tasks;
        tasks.define("work", [&](int x) {
            work.wait();
            ++finished;
            return x;
        });
        fq::embedded queue{tasks};
        first = queue.async_call(fq::invoke<int>("work", 1), asio::use_future);
        REQUIRE(work.somebody_waits());
        second = queue.async_call(fq::invoke<int>("work", 2), asio::use_future);
        opener = std::thread{[&] {
            std::this_thread::sleep_for(50ms);  // so that the end has likely begun; any order is right
            work.open();
        }};
    }
    opener.join();
    CHECK(finished >= 1);
    CHECK(first.get().value() == 1);
    REQUIRE(second.wait_for(0s) == std::future_status::ready);
}

TEST_CASE("embedded: a handler that ignores its end is waited for, and may still use the queue", "[roles]") {
    gate work;
    std::promise<std::string> said;
    std::optional<fq::embedded> queue;
    fq::registry tasks = usual_tasks();
    tasks.define("deaf", [&](fq::context& ctx) {
        work.wait();
        while (!ctx.stop_requested()) std::this_thread::sleep_for(1ms);
        try {
            queue->delay(add(1, 1));
            said.set_value("accepted");
        } catch (fq::error const& e) {
            said.set_value(std::string{e.code().message()});
        }
    });
    queue.emplace(tasks, fq::embedded_options{.timeout = 2s, .shutdown_grace = 20ms});
    queue->delay(fq::invoke<void>("deaf"));
    REQUIRE(work.somebody_waits());
    work.open();
    queue.reset();
    auto heard = said.get_future();
    REQUIRE(heard.wait_for(0s) == std::future_status::ready);
    CHECK(heard.get() != "accepted");
}

TEST_CASE("embedded: an option that can't be is refused, and nothing is left running", "[roles]") {
    try {
        fq::embedded queue{usual_tasks(), {.concurrency = 0}};
        FAIL("it was taken");
    } catch (fq::error const& e) {
        CHECK(e.text() == "the concurrency 0 is not 1 to 1024");
    }
}
