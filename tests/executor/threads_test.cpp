#include <fastqueue/executor/threads.hpp>

#include "laws/executor_laws.hpp"
#include "support/catch.hpp"
#include "support/wakeups.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <signal.h>

using fastqueue::executor::threads;
using fastqueue::policy::executor_options;
using fastqueue::policy::job;
using fastqueue::policy::job_state;

namespace {

/// Keeps its thread busy until it is let go.
struct gate_job : job {
    gate_job() {
        run = [](job& j) noexcept {
            auto& self = static_cast<gate_job&>(j);
            self.begun.signal();
            self.open.wait();
        };
    }
    support::wakeups begun;
    support::wakeups open;
};

struct order_job : job {
    order_job(std::vector<int>& to, int as, std::uint8_t at_level) : order{&to}, number{as} {
        level = at_level;
        run = [](job& j) noexcept {
            auto& self = static_cast<order_job&>(j);
            self.order->push_back(self.number);
        };
    }
    std::vector<int>* order;
    int number;
};

/// Says that it took as long as it is told to say.
struct timed_job : job {
    explicit timed_job(std::uint64_t us) : says{us} {
        run = [](job& j) noexcept { j.took_us = static_cast<timed_job&>(j).says; };
    }
    std::uint64_t says;
};

std::size_t count(job* list) {
    std::size_t n = 0;
    for (; list != nullptr; list = list->next) ++n;
    return n;
}

}  // namespace

TEST_CASE("threads: keeps the laws of executors", "[executor]") {
    auto const concurrency = GENERATE(1U, 2U, 5U);
    laws::executor_laws<threads>(concurrency);
}

TEST_CASE("threads: begins jobs strictly by level, then in order", "[executor]") {
    support::wakeups woken;
    threads executor{{1, 64}, [&] { woken.signal(); }};
    gate_job gate;
    executor.submit(gate);
    executor.kick();
    REQUIRE(gate.begun.wait());

    std::vector<int> order;
    std::vector<std::unique_ptr<order_job>> jobs;
    std::vector<int> expected;
    for (int i = 0; i < 32; ++i) {
        auto const level = static_cast<std::uint8_t>((i * 7) % 4);
        jobs.push_back(std::make_unique<order_job>(order, i, level));
        executor.submit(*jobs.back());
    }
    executor.kick();
    for (std::uint8_t level = 0; level < 4; ++level) {
        for (auto& j : jobs) {
            if (j->level == level) expected.push_back(j->number);
        }
    }
    gate.open.signal();
    for (std::size_t back = 0; back < 33; back += count(executor.finished())) REQUIRE(woken.wait());
    CHECK(order == expected);
}

TEST_CASE("threads: a job that took a while is told of at once, though a long one follows", "[executor]") {
    support::wakeups woken;
    threads executor{{1, 64}, [&] { woken.signal(); }};
    timed_job slow{1'000};
    gate_job gate;
    executor.submit(slow);
    executor.submit(gate);
    executor.kick();
    CHECK(woken.wait());
    CHECK(count(executor.finished()) == 1);
    gate.open.signal();
}

TEST_CASE("threads: short jobs are told of when many have gathered, though a long one follows",
          "[executor]") {
    support::wakeups woken;
    threads executor{{1, 1024}, [&] { woken.signal(); }};
    std::vector<std::unique_ptr<timed_job>> jobs;
    for (int i = 0; i < 500; ++i) jobs.push_back(std::make_unique<timed_job>(0));
    gate_job first;
    gate_job last;
    executor.submit(first);
    executor.kick();
    REQUIRE(first.begun.wait());
    for (auto& j : jobs) executor.submit(*j);
    executor.submit(last);
    first.open.signal();
    REQUIRE(last.begun.wait());
    CHECK(woken.calls() >= 1);
    CHECK(woken.calls() <= 10);
    CHECK(count(executor.finished()) == 501);
    last.open.signal();
}

TEST_CASE("threads: what is retracted leaves no trace, however often it happens behind a long job",
          "[executor]") {
    support::wakeups woken;
    threads executor{{1, 8}, [&] { woken.signal(); }};
    gate_job gate;
    executor.submit(gate);
    executor.kick();
    REQUIRE(gate.begun.wait());

    std::vector<int> order;
    std::vector<std::unique_ptr<order_job>> stay;
    for (int i = 0; i < 6; ++i) {
        stay.push_back(std::make_unique<order_job>(order, i, std::uint8_t{1}));
        executor.submit(*stay.back());
        for (int k = 0; k < 1000; ++k) {
            auto passing = std::make_unique<order_job>(order, 100, std::uint8_t{1});
            executor.submit(*passing);
            executor.kick();
            REQUIRE(executor.retract(*passing));
        }
    }
    gate.open.signal();
    for (std::size_t back = 0; back < 7; back += count(executor.finished())) REQUIRE(woken.wait());
    CHECK(order == std::vector{0, 1, 2, 3, 4, 5});
}

TEST_CASE("threads: under load each job is run once or retracted, never both", "[executor]") {
    constexpr std::uint64_t wanted = 100'000;
    std::uint64_t const seed = 0x5eed;
    CAPTURE(seed);
    laws::executor_driver<threads> driver{4, 256, seed};
    while (driver.submitted < wanted) driver.random_call();
    driver.drain();
    CHECK(driver.finished + driver.retracted == driver.submitted);
    CHECK(driver.finished > 0);
    CHECK(driver.retracted > 0);
}

TEST_CASE("threads: a job that comes just as a thread falls asleep is not forgotten", "[executor]") {
    support::wakeups woken;
    threads executor{{1, 8}, [&] { woken.signal(); }};
    std::array<laws::counted_job, 2> jobs;
    for (std::uint32_t round = 1; round <= 30'000; ++round) {
        for (auto& j : jobs) {
            j.state = job_state::idle;
            executor.submit(j);
            executor.kick();
            // the second one comes a little later each time, so that it meets the thread at every point of its way
            for (auto spin = round * 7 % 4096; spin > 0; --spin) {
                std::atomic_signal_fence(std::memory_order_seq_cst);
            }
        }
        for (std::size_t back = count(executor.finished()); back < 2; back += count(executor.finished())) {
            REQUIRE(woken.wait());
        }
    }
    for (auto& j : jobs) CHECK(j.runs == 30'000);
}

TEST_CASE("threads: uses all its threads at once", "[executor]") {
    support::wakeups woken;
    threads executor{{3, 8}, [&] { woken.signal(); }};
    std::array<gate_job, 3> gates;
    for (auto& gate : gates) executor.submit(gate);
    executor.kick();
    for (auto& gate : gates) REQUIRE(gate.begun.wait());
    for (auto& gate : gates) CHECK(gate.state == job_state::running);
    for (auto& gate : gates) CHECK_FALSE(executor.retract(gate));
    for (auto& gate : gates) gate.open.signal();
    executor.stop();
    CHECK(count(executor.finished()) == 3);
}

TEST_CASE("threads: stop waits for the job that runs, and begins no other", "[executor]") {
    support::wakeups woken;
    threads executor{{1, 8}, [&] { woken.signal(); }};
    gate_job gate;
    laws::counted_job waiting;
    executor.submit(gate);
    executor.submit(waiting);
    executor.kick();
    REQUIRE(gate.begun.wait());
    std::thread opener{[&] { gate.open.signal(); }};
    executor.stop();
    opener.join();
    CHECK(gate.state == job_state::finished);
    auto* const list = executor.finished();
    REQUIRE(list == &gate);
    if (waiting.runs == 0) {
        CHECK(executor.retract(waiting));
    } else {
        CHECK(list->next == &waiting);  // the gate was open before stop was called
    }
    executor.stop();
}

TEST_CASE("threads: are named, and leave signals to the program", "[executor]") {
    struct look_job : job {
        look_job() {
            run = [](job& j) noexcept {
                auto& self = static_cast<look_job&>(j);
                pthread_getname_np(pthread_self(), self.name.data(), self.name.size());
                pthread_sigmask(SIG_SETMASK, nullptr, &self.mask);
            };
        }
        std::array<char, 32> name{};
        sigset_t mask{};
    };
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    support::wakeups woken;
    threads executor{{1, 8}, [&] { woken.signal(); }};
    look_job look;
    executor.submit(look);
    executor.kick();
    REQUIRE(woken.wait());
    CHECK(std::string{look.name.data()} == "fq-exec-0");
    for (int const blocked : {SIGTERM, SIGINT, SIGCHLD, SIGPIPE})
        CHECK(sigismember(&look.mask, blocked) == 1);
    CHECK(sigismember(&look.mask, SIGSEGV) == 0);
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int const own : {SIGTERM, SIGINT, SIGCHLD}) {
        CHECK(sigismember(&after, own) == sigismember(&before, own));
    }
}

TEST_CASE("threads: refuses numbers out of range in words", "[executor]") {
    auto const refused = [](executor_options options) {
        try {
            threads const executor{options, {}};
        } catch (fastqueue::error const& e) {
            CHECK(e.code() == fastqueue::errc::bad_option);
            return e.text();
        }
        return std::string{};
    };
    CHECK(refused({0, 8}) == "the executor's concurrency is 0: it must be 1 to 1024");
    CHECK(refused({1025, 8}) == "the executor's concurrency is 1025: it must be 1 to 1024");
    CHECK(refused({1, 0}) == "the executor's capacity is 0: it must be 1 to 16777216");
    CHECK(refused({1, 8}).empty());
}

TEST_CASE("threads: one whose job does not return is replaced, and ends when that returns", "[executor]") {
    support::wakeups woken;
    std::vector<std::uint32_t> ended;
    std::mutex mutex;
    executor_options options{1, 64};
    options.thread_ends = [&](std::uint32_t n) {
        std::scoped_lock const lock{mutex};
        ended.push_back(n);
    };
    threads executor{options, [&] { woken.signal(); }};
    gate_job stuck;
    gate_job waiting;
    executor.submit(stuck);
    executor.submit(waiting);
    executor.kick();
    REQUIRE(stuck.begun.wait());
    CHECK_FALSE(executor.replace(waiting));  // it does not run
    CHECK(executor.replace(stuck));
    CHECK_FALSE(executor.replace(stuck));  // that was done
    REQUIRE(waiting.begun.wait());         // on another thread
    CHECK(waiting.thread != stuck.thread);
    CHECK_FALSE(executor.replace(waiting));  // as many as the concurrency are given up already
    stuck.open.signal();
    REQUIRE(woken.wait());
    CHECK(executor.finished() == &stuck);
    CHECK(stuck.state == job_state::finished);
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    bool replaced = false;  // once the thread that it gave up is gone, it may give up another
    while (!replaced && std::chrono::steady_clock::now() < end) replaced = executor.replace(waiting);
    CHECK(replaced);
    waiting.open.signal();
    REQUIRE(woken.wait());
    CHECK(executor.finished() == &waiting);
    executor.stop();
    std::scoped_lock const lock{mutex};
    CHECK(ended.size() == 3);
}
