#include <fastqueue/client.hpp>

#include "roles/fixture.hpp"
#include "roles/gate.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <future>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

using namespace roles;

TEST_CASE("client: a future brings what became of a task, or why that is not known", "[roles]") {
    plane there;
    fq::client client{there.client()};
    CHECK(client.async_call(add(5, 3), asio::use_future).get().value() == 8);
    auto const failed = client.async_call(fail("it rained"), asio::use_future).get();
    CHECK_FALSE(failed);
    CHECK(failed.error() == fq::make_error_code(fq::errc::handler_error));
    CHECK(failed.text() == "it rained");
    auto unknown = client.async_status(fq::client::new_id(), asio::use_future);
    CHECK_THROWS_AS(unknown.get(), std::system_error);
}

TEST_CASE("client: a callback runs on its own executor, or else on the client's loop", "[roles]") {
    plane there;
    fq::client client{there.client()};
    asio::thread_pool pool{1};
    std::promise<std::thread::id> of_pool;
    asio::post(pool, [&] { of_pool.set_value(std::this_thread::get_id()); });
    std::promise<std::thread::id> bound;
    std::promise<std::thread::id> free;
    bool good = false;
    client.async_call(add(1, 2), asio::bind_executor(pool, [&](std::error_code, fq::outcome<int>) {
                          bound.set_value(std::this_thread::get_id());
                      }));
    client.async_call(add(1, 2), [&](std::error_code ec, fq::outcome<int> sum) {
        good = !ec && sum && *sum == 3;  // Catch's own checks are for the test's thread only
        free.set_value(std::this_thread::get_id());
    });
    auto const here = bound.get_future().get();
    CHECK(here == of_pool.get_future().get());
    auto const loop = free.get_future().get();
    CHECK(loop != here);
    CHECK(loop != std::this_thread::get_id());
    CHECK(good);
    pool.join();
}

TEST_CASE("client: a cancellation slot ends the waiting at once, and leaves the task alone", "[roles]") {
    plane there;
    fq::client client{there.client()};
    auto const id = fq::client::new_id();
    asio::cancellation_signal signal;
    std::promise<std::error_code> ended;
    client.async_call(sleep_ms(400).id(id),
                      asio::bind_cancellation_slot(
                          signal.slot(), [&](std::error_code ec, fq::outcome<int>) { ended.set_value(ec); }));
    REQUIRE(comes_true([&] { return client.document("tasks").find(id.text()) != std::string::npos; }));
    signal.emit(asio::cancellation_type::terminal);
    CHECK(ended.get_future().get() == asio::error::operation_aborted);
    auto const end = client.wait<int>(id, 10s);
    REQUIRE(end);
    CHECK(end->value() == 400);
    signal.emit(asio::cancellation_type::terminal);  // its operation has ended: nothing happens
}

TEST_CASE("client: a batch is accepted whole, in its order", "[roles]") {
    plane there;
    fq::client client{there.client()};
    CHECK(client.delay(fq::batch{}).empty());
    fq::batch tasks;
    tasks.reserve(5'000);
    for (int i = 0; i < 5'000; ++i) tasks.add(add(i, 1));
    auto const ids = client.delay(tasks);
    REQUIRE(ids.size() == 5'000);
    CHECK(std::set<fq::task_id>(ids.begin(), ids.end()).size() == 5'000);
    auto const ends = client.wait_all<int>(ids, 20s);
    int right = 0;
    for (std::size_t i = 0; i < ends.size(); ++i)
        right += ends[i] && ends[i]->value() == static_cast<int>(i) + 1;
    CHECK(right == 5'000);
    auto const some = client.async_delay(fq::batch{}.add(add(1, 1)).add(fail("no")), asio::use_future).get();
    CHECK(some.size() == 2);
}

TEST_CASE("client: a batch of more than one frame may hold is accepted, too", "[roles]") {
    plane there;
    fq::client client{there.client()};
    std::string const large(6U << 20U, 'x');
    fq::batch tasks;
    for (int i = 0; i < 4; ++i) tasks.add(fail(large));
    auto const ids = client.delay(tasks);
    REQUIRE(ids.size() == 4);
    for (auto const& id : ids) {
        auto const end = client.wait<int>(id, 20s);
        REQUIRE(end);
        CHECK(end->error() == fq::make_error_code(fq::errc::handler_error));
    }
}

TEST_CASE("client: of a batch with one task that cannot be, none is accepted, and the error names that one",
          "[roles]") {
    plane there;
    fq::client client{there.client()};
    auto const taken = client.delay(add(1, 1));
    auto const good = fq::client::new_id();
    fq::batch tasks;
    tasks.add(add(2, 2).id(good)).add(add(3, 3).id(taken));
    try {
        client.delay(tasks);
        FAIL("it was accepted");
    } catch (fq::error const& e) {
        CHECK(e.code() == fq::make_error_code(fq::errc::id_conflict));
        CHECK(e.text().find(taken.text()) != std::string::npos);
    }
    try {
        static_cast<void>(client.status(good));
        FAIL("it was accepted");
    } catch (fq::error const& e) {
        CHECK(e.code() == fq::make_error_code(fq::errc::unknown_task));
    }
}

TEST_CASE("client: as_completed shows tasks in the order in which they end", "[roles]") {
    plane there;
    worker helper{there, "w1", usual_tasks(), [](fq::subworker_options& o) { o.concurrency = 3; }};
    fq::client client{there.client()};
    REQUIRE(comes_true([&] { return is_active(client, "w1"); }));
    std::vector<fq::task_id> ids;
    for (int const ms : {600, 300, 1}) ids.push_back(client.delay(sleep_ms(ms)));
    ids.push_back(fq::client::new_id());
    std::vector<int> order;
    std::size_t unknown = 0;
    for (auto& done : client.as_completed<int>(ids, 10s)) {
        if (done.error) {
            ++unknown;
            CHECK(done.id == ids[3]);
            CHECK(done.error == fq::make_error_code(fq::errc::unknown_task));
        } else {
            order.push_back(done.result->value());
        }
    }
    CHECK(unknown == 1);
    CHECK(order == std::vector<int>{1, 300, 600});
    CHECK_FALSE(client.as_completed<int>(std::vector{client.delay(sleep_ms(5'000))}, 10ms).next()->result);
}

TEST_CASE("client: an interceptor sees each task before it is sent and can change how it is treated",
          "[roles]") {
    plane there;
    auto options = there.client();
    std::vector<std::string> seen;
    options.before_call = [&](fq::outgoing_task& task) {
        seen.push_back(std::string{task.name} + std::string{task.arguments});
        if (task.name == "fail") throw fq::error{fq::errc::bad_option, "not today"};
        task.options.meta = true;
        task.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    };
    fq::client client{options};
    auto const sum = client.call_outcome(add(1, 2));
    CHECK(sum.meta().attempt == 1);  // as it asked for
    CHECK_THROWS_AS(client.call(fail("x")), fq::error);
    CHECK(seen == std::vector<std::string>{"add[1,2]", "fail[\"x\"]"});
}

TEST_CASE("client: its end ends what it waits for", "[roles]") {
    plane there;
    std::future<fq::outcome<int>> waiting;
    {
        fq::client client{there.client()};
        waiting = client.async_call(sleep_ms(60'000), asio::use_future);
        REQUIRE(comes_true([&] { return client.document("tasks").find("sleep_ms") != std::string::npos; }));
        client.cancel(*fq::uuid::parse(client.document("tasks").substr(8, 36)));
        waiting.wait();
        CHECK(waiting.get().state() == fq::task_state::cancelled);
        waiting = client.async_call(sleep_ms(300), asio::use_future);
    }
    try {
        static_cast<void>(waiting.get());
    } catch (std::system_error const& e) {
        CHECK(e.code() == fq::make_error_code(fq::errc::stopped));
    }
}

TEST_CASE("client: goes on by itself when the control plane starts again", "[roles]") {
    auto first = std::make_unique<plane>();
    auto const ports = first->same_ports();
    fq::client client{first->client()};
    CHECK(client.call(add(1, 2)) == 3);
    first.reset();
    auto later = client.async_call(add(3, 4), asio::use_future);
    plane second{usual_tasks(), ports};
    CHECK(later.get().value() == 7);
    CHECK(client.call(add(5, 6)) == 11);
}

TEST_CASE("client: a task's history tells of each attempt that went wrong, also when it has succeeded",
          "[roles]") {
    auto tasks = usual_tasks();
    std::atomic<int> calls{0};
    constexpr fq::task<int()> third_time{"third_time"};
    tasks.define(third_time, [&]() -> int {
        switch (++calls) {
            case 1:
                throw fq::retry_after{1ms, "come back later"};
            case 2:
                throw std::runtime_error{"no luck"};
            default:
                return 8;
        }
    });
    plane there{tasks};
    fq::client client{there.client()};
    auto const id = client.new_id();
    CHECK(client.call(third_time().id(id).retries(2).retry_delay(2ms)) == 8);
    auto const history = client.history(id);
    REQUIRE(history.size() == 2);
    CHECK(history[0].attempt == 1);
    CHECK(history[0].text == "come back later");
    CHECK(history[0].code == fq::errc::handler_error);
    CHECK(history[0].worker == "control-plane.local");
    CHECK(history[1].attempt == 2);
    CHECK(history[1].at_us >= history[0].at_us);
    CHECK(history[1].text == "no luck");
    CHECK(client.history(client.delay(add(1, 2))).empty());
    CHECK_THROWS_AS(client.history(client.new_id()), fq::error);
}

TEST_CASE("client: a handler that names the time of its next attempt gets it, and not the task's own delay",
          "[roles]") {
    auto tasks = usual_tasks();
    std::atomic<int> calls{0};
    constexpr fq::task<int()> patient{"patient"};
    tasks.define(patient, [&]() -> int {
        if (++calls == 1) throw fq::retry_after{1ms, "in a moment"};
        return 8;
    });
    plane there{tasks};
    fq::client client{there.client()};
    CHECK(client.call(patient().retries(1).retry_delay(1h)) == 8);
    calls = 0;
    auto const given_up = client.call_outcome(patient());
    REQUIRE_FALSE(given_up);
    CHECK(given_up.text() == "in a moment");
}

TEST_CASE("client: a watch tells each progress and the end, and ends when its listener throws", "[roles]") {
    plane there{{}, without_local()};
    gate go_on;
    auto tasks = usual_tasks();
    tasks.define("steps", [&](fq::context& ctx) {
        ctx.progress(50);
        go_on.wait();
        return 100;
    });
    worker helper{there, "w1", tasks};
    fq::client client{there.client()};
    auto const id = client.delay(fq::invoke<int>("steps"));
    CHECK_THROWS_WITH(client.watch(id, [](fq::task_status const&) { throw std::runtime_error{"enough"}; }),
                      "enough");
    CHECK(client
              .watch(
                  id, [](fq::task_status const&) {}, 50ms)
              .state != fq::task_state::success);
    std::vector<std::string> seen;
    auto const end = client.watch(id, [&](fq::task_status const& s) {
        if (s.value == "50" && seen.empty()) {
            seen.push_back(s.value);
            go_on.open();
        }
    });
    CHECK(seen == std::vector<std::string>{"50"});
    CHECK(end.state == fq::task_state::success);
    CHECK(end.value == "100");
    CHECK_THROWS_AS(client.watch(fq::client::new_id(), [](fq::task_status const&) {}), fq::error);
}

TEST_CASE("client: tasks of a batch that are attached to another one bear its id", "[roles]") {
    plane there{{}, without_local()};
    fq::client client{there.client()};
    auto const first = client.delay(add(5, 3).unique("sum"));
    fq::batch both;
    both.add(add(5, 3).unique("sum", fq::on_duplicate::attach));
    both.add(add(1, 2));
    auto const ids = client.delay(both);
    REQUIRE(ids.size() == 2);
    CHECK(ids[0] == first);
    CHECK(ids[1] != first);
    CHECK_THROWS_AS(client.delay(add(5, 3).unique("sum")), fq::error);
    worker helper{there, "w1"};
    CHECK(client.wait<int>(ids[0], 20s)->value() == 8);
    CHECK(client.call(add(5, 3).unique("sum", fq::on_duplicate::attach).tag("a", "b")) == 8);
    CHECK(client.cancel_where("tag.a=b").cancelled == 0);
}
