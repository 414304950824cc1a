#include <fastqueue/embedded.hpp>
#include <fastqueue/store/selectable.hpp>
#include <fastqueue/store/sqlite.hpp>

#include "roles/fixture.hpp"
#include "roles/gate.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace roles;

namespace {

/// A store that keeps what it is given only while its disk is well.
class brittle_store : public fq::store::memory {
public:
    explicit brittle_store(std::shared_ptr<std::atomic<bool>> broken) : broken_{std::move(broken)} {}
    void poll(fq::policy::store_news& news) {
        auto const before = news.committed;
        fq::store::memory::poll(news);
        if (!*broken_) return;
        news.committed = before;
        news.failure = "the store 'queue.db' failed: its disk is gone";
    }

private:
    std::shared_ptr<std::atomic<bool>> broken_;
};

/// One bundle for all tests here, since each costs a control plane to compile.
struct stored : fq::default_policies {
    using store_policy = fq::store::selectable<fq::store::memory, fq::store::sqlite, brittle_store>;
};
using stored_queue = fq::basic_embedded<stored>;

std::unique_ptr<stored::store_policy> file_of(fq::test::temporary_folder const& here) {
    return std::make_unique<stored::store_policy>(std::make_unique<fq::store::sqlite>(here / "queue.db"));
}

}  // namespace

TEST_CASE("embedded: when its store fails, who waits and who comes is told why, and the process lives",
          "[roles]") {
    auto broken = std::make_shared<std::atomic<bool>>(false);
    gate work;
    fq::registry tasks = usual_tasks();
    tasks.define("work", [&] { work.wait(); });
    stored_queue queue{
        tasks, {}, std::make_unique<stored::store_policy>(std::make_unique<brittle_store>(broken))};
    CHECK(queue.call(add(5, 3)) == 8);
    std::promise<std::error_code> waiting;
    queue.async_call(fq::invoke<void>("work"),
                     [&](std::error_code ec, fq::outcome<void>) { waiting.set_value(ec); });
    REQUIRE(work.somebody_waits());
    *broken = true;
    work.open();  // its end can't be stored
    auto const begun = std::chrono::steady_clock::now();
    CHECK(waiting.get_future().get() == fq::make_error_code(fq::errc::store_failed));
    for (int i = 0; i < 3; ++i) {
        try {
            queue.delay(add(1, 1));
            FAIL("it was accepted");
        } catch (fq::error const& e) {
            CHECK(e.code() == fq::make_error_code(fq::errc::store_failed));
            CHECK(e.text() == "the store 'queue.db' failed: its disk is gone");
        }
    }
    CHECK(queue.failure() == "the store 'queue.db' failed: its disk is gone");
    CHECK(std::chrono::steady_clock::now() - begun < 10s);
}

TEST_CASE("embedded: with a durable store a queue goes on where it was ended", "[roles]") {
    fq::test::temporary_folder const here;
    gate work;
    std::atomic<int> runs{0};
    auto tasks = usual_tasks();
    tasks.define("work", [&](int x) {
        ++runs;
        work.wait();
        return x;
    });
    fq::task_id ended;
    std::vector<fq::task_id> waiting;
    {
        stored_queue queue{tasks, {}, file_of(here)};
        ended = queue.delay(add(5, 3));
        CHECK(queue.wait<int>(ended, 10s)->value() == 8);
        for (int i = 0; i < 5; ++i) waiting.push_back(queue.delay(fq::invoke<int>("work", i)));
        REQUIRE(work.somebody_waits());
        work.open();
    }
    CHECK(runs >= 1);
    stored_queue queue{tasks, {}, file_of(here)};
    CHECK(queue.wait<int>(ended, 10s)->value() == 8);
    auto const ends = queue.wait_all<int>(waiting, 20s);
    for (std::size_t i = 0; i < ends.size(); ++i) {
        REQUIRE(ends[i]);
        CHECK(ends[i]->value() == static_cast<int>(i));
    }
    CHECK(runs == 5);
    CHECK(queue.delay(add(5, 3).id(ended)) == ended);  // the same task: it is not run again
}

TEST_CASE("embedded: a handler that was cut off by the queue's end runs again, and no death is charged",
          "[roles]") {
    fq::test::temporary_folder const here;
    fq::embedded_options options{.shutdown_grace = 0ms, .max_deaths = 1};
    fq::task_id id;
    {
        gate work;
        auto tasks = usual_tasks();
        tasks.define("work", [&] { work.wait(); });
        std::optional<stored_queue> queue;
        queue.emplace(tasks, options, file_of(here));
        id = queue->delay(fq::invoke<void>("work"));
        REQUIRE(work.somebody_waits());
        auto ended = std::async(std::launch::async, [&] { queue.reset(); });
        CHECK(ended.wait_for(300ms) ==
              std::future_status::timeout);  // beyond the grace it waits for the handler
        work.open();
    }
    auto tasks = usual_tasks();
    std::atomic<int> runs{0};
    tasks.define("work", [&] { ++runs; });
    stored_queue queue{tasks, options, file_of(here)};
    CHECK(queue.wait<void>(id, 20s)->has_value());
    CHECK(runs == 1);
}

TEST_CASE("embedded: a file that is no store is refused in a sentence", "[roles]") {
    fq::test::temporary_folder const here;
    std::ofstream{here / "queue.db"} << std::string(8192, 'x');
    try {
        stored_queue queue{usual_tasks(), {}, file_of(here)};
        FAIL("it was taken");
    } catch (fq::error const& e) {
        CHECK(e.text().find("queue.db") != std::string::npos);
    }
}
