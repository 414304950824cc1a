#pragma once

#include <fastqueue/policy/executor.hpp>

#include "support/catch.hpp"
#include "support/wakeups.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace laws {

/// A job that counts its runs: here, or the answers of another process.
struct counted_job : fastqueue::policy::job {
    counted_job() {
        run = [](fastqueue::policy::job& j) noexcept { static_cast<counted_job&>(j).count(); };
        transfer = &by_octets;
    }
    void count() noexcept {
        seen_running = state == fastqueue::policy::job_state::running;
        ++runs;
    }
    std::atomic<int> runs{0};
    bool seen_running = false;
    bool held = false;

    static fastqueue::policy::job_transfer const by_octets;
};

inline constexpr fastqueue::policy::job_transfer counted_job::by_octets{
    [](fastqueue::policy::job const&, std::string& request) { request = "run"; },
    [](fastqueue::policy::job& j, std::string_view answer) noexcept {
        if (answer == "has run") static_cast<counted_job&>(j).count();
    },
    [](fastqueue::policy::job&, std::string_view) noexcept {},
    [](fastqueue::policy::job&, std::string_view) noexcept {}, [](fastqueue::policy::job&) noexcept {}};

/// Answers each request in the same way.
struct counted_service : fastqueue::policy::job_service {
    void accept(std::string_view) override {}
    void run(std::string& answer, std::function<void(std::string_view)> const&) override {
        answer = "has run";
    }
    void interrupt() noexcept override {}
};

/// Drives an executor as a worker does, and keeps the account of every job.
template <class Executor>
class executor_driver {
public:
    using state = fastqueue::policy::job_state;

    executor_driver(std::uint32_t concurrency, std::uint32_t capacity, std::uint64_t seed)
        : random_{seed}, executor_{options(concurrency, capacity), [this] { woken_.signal(); }} {
        for (std::uint32_t i = 0; i < capacity; ++i) jobs_.push_back(std::make_unique<counted_job>());
    }

    static fastqueue::policy::executor_options options(std::uint32_t concurrency, std::uint32_t capacity) {
        return {.concurrency = concurrency, .capacity = capacity, .service = [](std::uint32_t) {
                    return std::make_unique<counted_service>();
                }};
    }
    void random_call() {
        auto& j = *jobs_[random_() % jobs_.size()];
        switch (random_() % 8) {
            case 0:
                executor_.kick();
                break;
            case 1:
                collect();
                break;
            case 2:
            case 3:
                if (j.held) retract(j);
                break;
            default:
                if (!j.held) submit(j, static_cast<std::uint8_t>(random_() % 4));
        }
    }
    void submit(counted_job& j, std::uint8_t level) {
        j.runs = 0;
        j.held = true;
        j.level = level;
        j.state = state::idle;
        ++submitted;
        ++held_;
        executor_.submit(j);
    }
    void retract(counted_job& j) {
        if (!executor_.retract(j)) return;
        REQUIRE(j.state == state::retracted);
        REQUIRE(j.runs == 0);
        ++retracted;
        let_go(j);
    }
    void collect() {
        for (auto* at = executor_.finished(); at != nullptr;) {
            auto& j = static_cast<counted_job&>(*at);
            at = at->next;
            REQUIRE(j.held);
            REQUIRE(j.state == state::finished);
            REQUIRE(j.runs == 1);
            REQUIRE(j.seen_running);
            ++finished;
            let_go(j);
        }
    }
    /// Until all have come back. Looks only when it was woken: an executor that forgets to wake fails here.
    void drain() {
        executor_.kick();
        while (held_ > 0) {
            REQUIRE(woken_.wait());
            collect();
        }
    }
    void stop() { executor_.stop(); }
    std::size_t held() const { return held_; }
    std::vector<std::unique_ptr<counted_job>>& jobs() { return jobs_; }

    std::uint64_t submitted = 0;
    std::uint64_t finished = 0;
    std::uint64_t retracted = 0;

private:
    // A retracted job is the owner's at once: a new one in its place shows whether the executor still looks.
    void let_go(counted_job& j) {
        j.held = false;
        --held_;
        if (random_() % 4 == 0) {
            for (auto& own : jobs_) {
                if (own.get() == &j) {
                    own = std::make_unique<counted_job>();
                    return;
                }
            }
        }
    }

    std::mt19937_64 random_;
    support::wakeups woken_;
    std::vector<std::unique_ptr<counted_job>> jobs_;
    std::size_t held_ = 0;
    Executor executor_;
};

/// What must hold for every executor: each job runs once or comes back by `retract`, and never both.
template <class Executor>
void executor_laws(std::uint32_t concurrency) {
    auto const seed = GENERATE(take(3, random<std::uint64_t>(0, ~0ULL >> 1U)));
    auto const capacity = GENERATE(2U, 64U);  // the smaller, the more often everything comes round
    CAPTURE(seed, concurrency, capacity);

    SECTION("each job is run once or retracted, and the owner is woken for it") {
        executor_driver<Executor> driver{concurrency, capacity, seed};
        for (int round = 0; round < 20; ++round) {
            for (int i = 0; i < 1000; ++i) driver.random_call();
            driver.drain();
            REQUIRE(driver.finished + driver.retracted == driver.submitted);
        }
        CHECK(driver.finished > 0);
    }
    SECTION("after stop nothing runs any more, and what was not begun can be retracted") {
        executor_driver<Executor> driver{concurrency, capacity, seed};
        for (int i = 0; i < 500; ++i) driver.random_call();
        driver.stop();
        driver.collect();
        for (auto& j : driver.jobs()) {
            if (j->held) driver.retract(*j);
        }
        CHECK(driver.held() == 0);
        CHECK(driver.finished + driver.retracted == driver.submitted);
    }
    SECTION("an executor that was never used ends at once") {
        executor_driver<Executor> const driver{concurrency, 1, seed};
    }
}

}  // namespace laws
