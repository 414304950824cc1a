#include <fastqueue/subworker.hpp>

#include "roles/fixture.hpp"
#include "roles/gate.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace roles;

TEST_CASE("subworker: interceptors run around each task, the first outermost, and see how it ended",
          "[roles]") {
    plane there{{}, without_local()};
    std::mutex mutex;
    std::vector<std::string> seen;
    auto const note = [&](std::string what) {
        std::scoped_lock const lock{mutex};
        seen.push_back(std::move(what));
    };
    auto tasks = usual_tasks();
    tasks.around([&](fq::context& ctx, fq::next_run& next) {
        note("a " + std::string{ctx.name()});
        next();
        note(next.succeeded() ? "a " + std::string{next.text()} : "a failed: " + std::string{next.text()});
    });
    tasks.around([&](fq::context&, fq::next_run& next) {
        note("b");
        next();
    });
    worker helper{there, "w1", tasks};
    fq::client client{there.client()};
    CHECK(client.call(add(5, 3)) == 8);
    CHECK_FALSE(client.call_outcome(fail("rain")));
    helper.stop();
    CHECK(seen == std::vector<std::string>{"a add", "b", "a 8", "a fail", "b", "a failed: rain"});
}

TEST_CASE("subworker: an interceptor that throws, or lets nothing run, fails the task", "[roles]") {
    plane there{{}, without_local()};
    auto tasks = usual_tasks();
    tasks.around([](fq::context& ctx, fq::next_run& next) {
        if (ctx.name() == "add") throw fq::permanent_failure{"no sums today"};
        if (ctx.name() != "fail") next();
    });
    worker helper{there, "w1", tasks};
    fq::client client{there.client()};
    CHECK(client.call_outcome(add(1, 2)).text() == "no sums today");
    CHECK(client.call_outcome(fail("x")).text() == "an interceptor did not let the task run");
    CHECK(client.call(sleep_ms(1)) == 1);
}

TEST_CASE("subworker: each thread has its own resources, made when needed and gone when it ends", "[roles]") {
    struct connection {
        connection(std::set<connection const*>& open, std::mutex& m, std::atomic<int>& strange)
            : all{&open}, mutex{&m}, elsewhere{&strange} {
            std::scoped_lock const lock{*mutex};
            all->insert(this);
        }
        connection(connection&& other) noexcept : connection{*other.all, *other.mutex, *other.elsewhere} {
            owner = other.owner;
        }
        ~connection() {
            std::scoped_lock const lock{*mutex};
            all->erase(this);
            if (used && owner != std::this_thread::get_id()) ++*elsewhere;
        }
        std::set<connection const*>* all;
        std::mutex* mutex;
        std::atomic<int>* elsewhere;
        std::thread::id owner = std::this_thread::get_id();
        bool used = false;
    };
    std::mutex mutex;
    std::set<connection const*> open;
    std::atomic<int> strange{0};
    auto tasks = usual_tasks();
    tasks.per_thread<connection>([&] { return connection{open, mutex, strange}; });
    tasks.define("query", [&](fq::context& ctx) {
        auto& mine = ctx.resource<connection>();
        mine.used = true;
        if (mine.owner != std::this_thread::get_id()) ++strange;
        std::this_thread::sleep_for(1ms);
        return 1;
    });
    tasks.define("other", [](fq::context& ctx) { return ctx.resource<int>(); });
    {
        plane there{{}, without_local()};
        worker helper{there, "w1", tasks, [](fq::subworker_options& o) { o.concurrency = 3; }};
        fq::client client{there.client()};
        CHECK(open.empty());
        fq::batch queries;
        for (int i = 0; i < 60; ++i) queries.add(fq::invoke<int>("query"));
        auto const ids = client.delay(queries);
        for (auto const& end : client.wait_all<int>(ids, 20s)) CHECK(end.value().value() == 1);
        {
            std::scoped_lock const lock{mutex};
            CHECK(open.size() >= 1);
            CHECK(open.size() <= 3);
        }
        CHECK(client.call_outcome(fq::invoke<int>("other")).text().find("per_thread") != std::string::npos);
    }
    CHECK(open.empty());
    CHECK(strange == 0);
}

TEST_CASE("subworker: start hooks run before its first task, stop hooks after its last in reverse",
          "[roles]") {
    plane there{{}, without_local()};
    std::vector<std::string> order;
    auto tasks = usual_tasks();
    tasks.on_start([&] { order.push_back("start 1"); }).on_start([&] { order.push_back("start 2"); });
    tasks.on_stop([&] { order.push_back("stop 1"); }).on_stop([&] { order.push_back("stop 2"); });
    {
        worker helper{there, "w1", tasks};
        fq::client client{there.client()};
        CHECK(client.call(add(1, 2)) == 3);
        CHECK(order == std::vector<std::string>{"start 1", "start 2"});
    }
    CHECK(order == std::vector<std::string>{"start 1", "start 2", "stop 2", "stop 1"});

    fq::registry broken;
    broken.on_start([] { throw std::runtime_error{"no database"}; });
    CHECK_THROWS_WITH((worker{there, "w2", broken}), "no database");
}

TEST_CASE(
    "subworker: what is not over when its grace is goes back, and runs elsewhere with no failure counted",
    "[roles]") {
    plane there{{}, without_local()};
    fq::client client{there.client()};
    std::atomic<bool> let_go{false};
    std::atomic<int> runs{0};
    fq::registry stubborn;  // asks nobody whether it should stop
    stubborn.define("stay", [&] {
        ++runs;
        while (!let_go) std::this_thread::sleep_for(1ms);
        return 1;
    });
    fq::registry quick;
    quick.define("stay", [] { return 2; });
    auto first =
        std::make_unique<worker>(there, "w1", stubborn, [](fq::subworker_options& o) { o.grace = 100ms; });
    auto const id = client.delay(fq::invoke<int>("stay"));
    REQUIRE(comes_true([&] { return runs == 1; }));
    worker second{there, "w2", quick};
    REQUIRE(comes_true([&] { return is_active(client, "w2"); }));
    first->stop();
    CHECK(first->abandoned() == 1);
    auto const end = client.wait<int>(id, 10s);
    REQUIRE(end);
    CHECK(end->value() == 2);
    CHECK(end->meta().worker == "w2");
    CHECK(client.document("inspect", id.text()).find("\"attempt\":2") != std::string::npos);
    let_go = true;
    first.reset();
}

TEST_CASE("subworker: one of weight 3 carries three times the load of one of weight 1", "[roles]") {
    plane there{{}, without_local()};
    auto const with = [](std::uint32_t weight) {
        return [weight](fq::subworker_options& o) {
            o.weight = weight;
            o.concurrency = 8;
        };
    };
    worker const heavy{there, "heavy", usual_tasks(), with(3)};
    worker const light{there, "light", usual_tasks(), with(1)};
    fq::client client{there.client()};
    REQUIRE(comes_true([&] { return is_active(client, "heavy") && is_active(client, "light"); }));
    std::vector<fq::task_id> ids;
    for (int i = 0; i < 8; ++i) ids.push_back(client.delay(sleep_ms(500)));
    int at_heavy = 0;
    for (auto const& id : ids) at_heavy += client.wait_status(id, 20s).meta.worker == "heavy" ? 1 : 0;
    CHECK(at_heavy == 6);
}

TEST_CASE("subworker: a weight that cannot be is refused", "[roles]") {
    fq::subworker_options o;
    o.worker_id = "w";
    o.weight = 1001;
    CHECK_THROWS_WITH((fq::subworker{o, usual_tasks()}), Catch::Contains("the weight 1001 is not 1 to 1000"));
}

TEST_CASE("subworker: a handler that never stops costs its attempt, and not its worker", "[roles]") {
    plane there{{}, without_local()};
    gate stuck;
    auto tasks = usual_tasks();
    tasks.define("stuck", [&] { stuck.wait(); });
    worker helper{there, "w1", tasks, [](fq::subworker_options& o) { o.cancel_grace = 100ms; }};
    fq::client client{there.client()};
    auto const over = client.call_outcome(fq::invoke<void>("stuck").timeout(100ms));
    CHECK(over.error() == fq::errc::timeout);
    CHECK(client.call(add(5, 3)) == 8);  // though it runs one at a time
    auto const id =
        client.delay(fq::invoke<void>("stuck"));  // as many as its concurrency are given up already
    REQUIRE(comes_true([&] { return client.status(id).state == fq::task_state::running; }));
    CHECK(client.cancel(id) == fq::task_state::running);
    CHECK(client.wait_status(id, 1s).state == fq::task_state::running);
    stuck.open();
    CHECK(client.wait_status(id, 20s).state != fq::task_state::running);
    CHECK(client.call(add(1, 1)) == 2);
}

TEST_CASE("subworker: what a definition says of retries and hooks holds, whoever submits the task",
          "[roles]") {
    plane there{{}, without_local()};
    std::atomic<int> runs{0};
    std::atomic<int> before{0};
    std::atomic<int> failures{0};
    auto tasks = usual_tasks();
    tasks.define("flaky", [&] { return ++runs < 3 ? throw std::runtime_error{"not yet"} : runs.load(); })
        .retries(2)
        .retry_delay(1ms)
        .before([&](fq::context&) { ++before; })
        .after([&](fq::context&, fq::finished_run const& run) { failures += run.ok() ? 0 : 1; });
    worker helper{there, "w1", tasks};
    fq::client client{there.client()};
    REQUIRE(comes_true([&] { return is_active(client, "w1"); }));
    CHECK(client.call(fq::invoke<int>("flaky")) == 3);
    CHECK(before == 3);
    CHECK(failures == 2);
    runs = 0;
    CHECK_FALSE(client.call_outcome(fq::invoke<int>("flaky").retries(0)));
    CHECK(runs == 1);
}

TEST_CASE("subworker: schedules that its registry declares are the control plane's, each once", "[roles]") {
    plane there{{}, without_local()};
    auto tasks = usual_tasks();
    tasks.schedule("sums", fq::every(20ms), add(5, 3));
    tasks.schedule("sunday", fq::cron("0 12 * * SUN"), add(1, 2).retries(3));
    worker first{there, "w1", tasks};
    worker second{there, "w2", tasks};
    fq::client client{there.client()};
    REQUIRE(comes_true([&] { return client.document("schedules").find("\"sums\"") != std::string::npos; }));
    REQUIRE(comes_true([&] {
        auto const document = client.document("schedules", "sums");
        return document.find(R"("fired":0)") == std::string::npos &&
               document.find("last_id") != std::string::npos;
    }));
    CHECK(client.document("schedules").find(R"("name":"sunday")") != std::string::npos);
    client.unschedule("sums");
    CHECK_THROWS_AS(client.trigger("sums"), fq::error);
    auto const id = client.trigger("sunday");
    CHECK(client.wait_status(id, 20s).value == "3");
}
