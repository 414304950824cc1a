#pragma once

#include "latency_histogram.hpp"
#include "policies.hpp"

#include <fastqueue/client_options.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_state.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/client_requests.hpp>
#include <fastqueue/tasks/invocation.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <future>
#include <string>
#include <thread>
#include <utility>

namespace fastqueue::cli {

/// What the clients of a measurement have in common.
struct bench_work {
    bench_work(invocation<void> const& each, std::uint64_t tasks) : task{each}, left{tasks} {}

    invocation<void> const& task;
    std::atomic<std::uint64_t> left;  ///< not yet sent
    std::atomic<bool> over{false};    ///< something went wrong: nothing more is sent

    [[nodiscard]] bool take_one() noexcept {
        if (over.load(std::memory_order_relaxed)) return false;
        auto seen = left.load(std::memory_order_relaxed);
        while (seen > 0 && !left.compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed)) {}
        return seen > 0;
    }
};

/// One client of a measurement: a connection and a thread. So many tasks are in flight; each answer lets the next one go.
class bench_client {
public:
    struct outcome {
        latency_histogram took;
        std::uint64_t failed = 0;    ///< tasks that did not end in success
        std::string failure;         ///< what the first of them said
        std::exception_ptr refused;  ///< why there was no answer at all
    };

    bench_client(client_options const& options, std::uint32_t in_flight)
        : requests_{options}, driver_{requests_.machine_options(), nullptr} {
        for (std::uint32_t i = 0; i < in_flight; ++i) calls_.emplace_back(*this);
        thread_ = std::thread{[this] { driver_.run(); }};
    }
    ~bench_client() {
        driver_.stop();
        thread_.join();
    }
    bench_client(bench_client const&) = delete;
    bench_client& operator=(bench_client const&) = delete;

    /// Begins; the future is there when all that was sent is answered. One at a time.
    [[nodiscard]] std::future<outcome> run(bench_work& work) {
        work_ = &work;
        seen_ = {};
        over_ = {};
        auto result = over_.get_future();
        out_ = 1;  // this: so that it is not over before all have begun
        for (auto& each : calls_) send(each);
        end_one();
        return result;
    }

private:
    using clock = std::chrono::steady_clock;

    struct call final : shell::answer_handler {
        explicit call(bench_client& o) : owner{o} {}
        void answered(core::client_answer const& answer) noexcept override { owner.answered(*this, answer); }
        bench_client& owner;
        clock::time_point sent{};
    };

    void send(call& c) {
        if (!work_->take_one()) return;
        ++out_;
        c.sent = clock::now();
        driver_.post(requests_.task("call", work_->task, requests_.id_of(work_->task)), c);
    }
    void answered(call& c, core::client_answer const& answer) noexcept {
        auto const took = std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now() - c.sent);
        if (answer.error) {
            if (!seen_.refused)
                seen_.refused = std::make_exception_ptr(
                    error{answer.error,
                          answer.payload.empty() ? answer.error.message() : std::string{answer.payload}});
            work_->over = true;
        } else {
            note(answer, static_cast<std::uint64_t>(took.count()));
            send(c);
        }
        end_one();
    }
    void note(core::client_answer const& answer, std::uint64_t ns) {
        seen_.took.add(ns);
        auto const words = answer.header->positional();
        if (words.size() > 1 && words[1] == name_of(task_state::success)) return;
        if (seen_.failed++ == 0) seen_.failure = answer.payload;
    }
    void end_one() {
        if (--out_ != 0) return;
        auto told = std::move(over_);  // who waits may begin anew at once
        told.set_value(std::exchange(seen_, {}));
    }

    shell::client_requests requests_;
    shell::client_driver<cli_policies> driver_;
    std::deque<call> calls_;
    bench_work* work_ = nullptr;
    std::atomic<std::uint64_t> out_{
        0};  // calls under way; `run` begins them beside the loop, where answers come
    outcome seen_;
    std::promise<outcome> over_;
    std::thread thread_;
};

}  // namespace fastqueue::cli
