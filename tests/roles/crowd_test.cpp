#include <fastqueue/async_client.hpp>
#include <fastqueue/client.hpp>

#include "roles/fixture.hpp"
#include "support/catch.hpp"

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

using namespace roles;

namespace {

constexpr int tasks_each = 1'000;

/// The answers of one client: `n` is asked for `add(client, n)`.
struct tally {
    std::array<std::atomic<int>, tasks_each> seen{};
    std::atomic<int> wrong{0};

    void answered(int client, int n, int sum) {
        if (sum != client + n) ++wrong;
        ++seen[static_cast<std::size_t>(n)];
    }
    [[nodiscard]] int answered_once() const {
        int count = 0;
        for (auto const& each : seen) count += each == 1 ? 1 : 0;
        return count;
    }
};

void blocking(plane const& there, int me, tally& to) {
    fq::client client{there.client()};
    for (int n = 0; n < tasks_each; ++n) to.answered(me, n, client.call(add(me, n)));
}
void with_futures(plane const& there, int me, tally& to) {
    fq::client client{there.client()};
    std::deque<std::pair<int, std::future<fq::outcome<int>>>> window;
    for (int n = 0; n < tasks_each || !window.empty();) {
        while (n < tasks_each && window.size() < 64) {
            window.emplace_back(n, client.async_call(add(me, n), asio::use_future));
            ++n;
        }
        to.answered(me, window.front().first, window.front().second.get().value());
        window.pop_front();
    }
}
void with_coroutines(plane const& there, int me, tally& to) {
    asio::io_context io;
    fq::async_client client{io, there.client()};
    int next = 0;
    int running = 16;
    auto const one = [&]() -> asio::awaitable<void> {
        while (next < tasks_each) {
            auto const n = next++;
            auto const sum = co_await client.async_call(add(me, n), asio::use_awaitable);
            to.answered(me, n, sum.value());
        }
        if (--running == 0) client.stop();
    };
    for (int i = running; i > 0; --i) asio::co_spawn(io, one(), asio::detached);
    io.run_for(60s);
}

/// A subworker in a process of its own, which can be killed.
class process {
public:
    process(plane const& of, std::string const& name) {
        std::string const folder = FASTQUEUE_BIN_DIR;
        std::vector<std::string> words{folder + "/fastqueue",
                                       "subworker",
                                       "--worker-id",
                                       name,
                                       "--control-plane-address",
                                       of.base().text(),
                                       "--discovery-address",
                                       of.discovery().text(),
                                       "--base-address",
                                       "tcp://127.0.0.1:0",
                                       "--task-modules",
                                       folder + "/mytasks.so",
                                       "--log-level",
                                       "error"};
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        REQUIRE(::posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ) == 0);
    }
    ~process() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    process(process const&) = delete;
    process& operator=(process const&) = delete;

private:
    pid_t pid_ = 0;
};

}  // namespace

TEST_CASE(
    "crowd: twenty clients of every style get each of their answers once, while workers come, drain and die",
    "[roles]") {
    plane there;
    worker steady{there, "steady"};
    std::array<tally, 20> tallies;
    std::atomic<int> busy{20};
    std::vector<std::thread> clients;
    for (int i = 0; i < 20; ++i) {
        clients.emplace_back([&, i] {
            constexpr std::array styles{blocking, with_futures, with_coroutines};
            styles[static_cast<std::size_t>(i % 3)](there, i * 10'000, tallies[static_cast<std::size_t>(i)]);
            --busy;
        });
    }
    fq::client watcher{there.client()};
    int rounds = 0;
    while (busy > 0 && rounds < 40) {
        ++rounds;
        auto const name = std::to_string(rounds);
        auto drained = std::make_unique<worker>(there, "drained" + name);
        auto killed = std::make_unique<process>(there, "killed" + name);
        CHECK(comes_true([&] { return busy == 0 || is_active(watcher, "killed" + name); }));
        std::this_thread::sleep_for(30ms);  // so that they have some work when they end
        killed.reset();
        drained->stop();
    }
    for (auto& client : clients) client.join();
    for (auto const& each : tallies) {
        CHECK(each.wrong == 0);
        CHECK(each.answered_once() == tasks_each);
    }
    CHECK(rounds >= 1);
}

TEST_CASE(
    "crowd: replacing all workers one after the other under load loses nothing and counts no attempt as "
    "failed",
    "[roles]") {
    auto options = plane::usual();
    options.local = false;
    plane there{{}, options};
    std::vector<std::unique_ptr<worker>> workers;
    int names = 0;
    auto const add_worker = [&] {
        workers.push_back(std::make_unique<worker>(there, "w" + std::to_string(++names)));
    };
    for (int i = 0; i < 3; ++i) add_worker();
    fq::client client{there.client()};
    fq::batch tasks;
    for (int i = 0; i < 600; ++i) tasks.add(sleep_ms(5));
    auto const ids = client.delay(tasks);
    for (int i = 0; i < 3; ++i) {
        add_worker();
        REQUIRE(comes_true([&] { return is_active(client, "w" + std::to_string(names)); }));
        workers.front()->stop();
        CHECK(workers.front()->abandoned() == 0);
        workers.erase(workers.begin());
    }
    int done = 0;
    for (auto const& end : client.wait_all<int>(ids, 30s)) done += end && *end ? 1 : 0;
    CHECK(done == 600);
    auto const stats = client.document("stats");
    CHECK(stats.find("\"failed\":0,") != stats.npos);
    CHECK(stats.find("\"retried\":0,\"redelivered\":0,") != stats.npos);
}

TEST_CASE("roles: more is in flight than connections may queue, and all of it arrives", "[roles]") {
    // 2 x 90 MB: each way is longer than what may wait at a connection before it is cut.
    constexpr int calls = 45;
    constexpr fq::task<std::string(std::string)> echo{"echo", "text"};
    auto tasks = usual_tasks();
    tasks.define(echo, [](std::string text) { return text; });
    plane there;
    worker const own{there, "w", std::move(tasks)};
    fq::client client{there.client()};
    REQUIRE(comes_true([&] { return is_active(client, "w"); }));
    std::string const text(2'000'000, 'x');
    std::deque<std::future<fq::outcome<std::string>>> answers;
    for (int i = 0; i < calls; ++i) answers.push_back(client.async_call(echo(text), asio::use_future));
    int right = 0;
    for (auto& answer : answers) right += answer.get().value() == text ? 1 : 0;
    CHECK(right == calls);
}
