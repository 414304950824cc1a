#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/subworker.hpp>
#include <fastqueue/task.hpp>

#include <asio/post.hpp>

#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

// FastQueue as it comes: a control plane that runs nothing itself, one subworker with the default executor, and a
// client. One in flight goes by the blocking client, more by the driver below it, which never blocks.
namespace bench::own {

namespace fq = fastqueue;

[[nodiscard]] inline fq::endpoint loopback(std::uint16_t port = 0) { return {"127.0.0.1", port}; }

inline void serve_with(channel& talk, fq::control_plane_options options) {
    options.base = options.discovery = loopback();
    options.local = false;
    fq::control_plane plane{options};
    plane.start();
    auto const& at = plane.listens();
    talk.say(std::to_string(at.discovery.port) + ' ' + std::to_string(at.tasks[0].port));
    plane.run();
}
inline void serve(channel& talk) { serve_with(talk, {}); }

[[nodiscard]] inline fq::endpoint discovery_of(std::string const& addresses) {
    return loopback(static_cast<std::uint16_t>(std::stoul(addresses)));
}

inline void work_on(std::string const& addresses, fq::registry tasks) {
    fq::subworker_options options;
    options.worker_id = "benchmark";
    options.discovery = discovery_of(addresses);
    options.control_plane =
        loopback(static_cast<std::uint16_t>(std::stoul(addresses.substr(addresses.find(' ')))));
    options.base = loopback();
    fq::subworker worker{options, std::move(tasks)};
    worker.run();
}
inline void work(std::string const& addresses) {
    fq::registry tasks;
    tasks.define(fq::task<int(int, int)>{"add", "x", "y"}, [](int x, int y) { return x + y; });
    work_on(addresses, std::move(tasks));
}

/// One call at a time, each waited for.
class blocking_client {
public:
    explicit blocking_client(fq::endpoint const& discovery) : client_{options(discovery)} {}
    void run(load& tasks) {
        for (auto now = steady::now(); !tasks.over(now);) {
            auto const slot = tasks.submit(now);
            auto const sum = client_.call(fq::invocation<int>{"add", std::string{add_arguments}});
            now = steady::now();
            tasks.answered(slot, sum, now);
        }
    }

private:
    static fq::client_options options(fq::endpoint const& discovery) {
        fq::client_options o;
        o.discovery = discovery;
        return o;
    }
    fq::client client_;
};

/// Many at once: each answer posts the next call, on the driver's own thread.
class driven_client {
    using driver = fq::shell::client_driver<fq::default_policies>;

public:
    driven_client(fq::endpoint const& discovery, std::uint32_t in_flight)
        : driver_{options(discovery), nullptr} {
        for (std::uint32_t i = 0; i < in_flight; ++i) calls_.emplace_back(*this, i);
        thread_ = std::thread{[this] { driver_.run(); }};
    }
    ~driven_client() {
        driver_.stop();
        thread_.join();
    }
    driven_client(driven_client const&) = delete;
    driven_client& operator=(driven_client const&) = delete;

    void run(load& tasks) {
        std::promise<void> over;
        tasks_ = &tasks;
        over_ = &over;
        asio::post(driver_.transport().context(), [this] { submit(steady::now()); });
        over.get_future().wait();
    }

private:
    struct call final : fq::shell::answer_handler {
        call(driven_client& o, std::uint32_t s) : owner{o}, slot{s} {}
        void answered(fq::core::client_answer const& answer) noexcept override {
            owner.answered(slot, answer);
        }
        driven_client& owner;
        std::uint32_t slot;
    };

    static fq::core::client_options options(fq::endpoint const& discovery) {
        fq::core::client_options o;
        o.discovery = discovery;
        o.seed = 1;
        return o;
    }
    void submit(steady::time_point now) {
        while (tasks_->more(now)) {
            auto const slot = tasks_->submit(now);
            fq::core::client_request request;
            request.verb = "call";
            request.tokens = ' ' + ids_.next(driver_.transport().now().wall).text() + " add";
            request.payload = add_arguments;
            driver_.post(std::move(request), calls_[slot]);
        }
    }
    void answered(std::uint32_t slot, fq::core::client_answer const& answer) noexcept {
        auto const now = steady::now();
        auto const sum = answer.error ? 0 : fq::serialization::json::decode<int>(answer.payload);
        tasks_->answered(slot, sum, now);
        submit(now);
        if (tasks_->over(now)) std::exchange(over_, nullptr)->set_value();
    }

    driver driver_;
    fq::id_source ids_;
    std::deque<call> calls_;
    load* tasks_ = nullptr;
    std::promise<void>* over_ = nullptr;
    std::thread thread_;
};

class client {
public:
    client(std::string const& addresses, std::uint32_t in_flight) {
        auto const discovery = discovery_of(addresses);
        if (in_flight == 1)
            one_ = std::make_unique<blocking_client>(discovery);
        else
            many_ = std::make_unique<driven_client>(discovery, in_flight);
    }
    void run(load& tasks) { one_ ? one_->run(tasks) : many_->run(tasks); }

private:
    std::unique_ptr<blocking_client> one_;
    std::unique_ptr<driven_client> many_;
};

}  // namespace bench::own
