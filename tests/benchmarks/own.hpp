#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/executor/inline_.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/subworker.hpp>
#include <fastqueue/task.hpp>

#include <asio/post.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>

#include <unistd.h>

// FastQueue as it comes: a control plane that runs nothing itself, subworkers with the default executor or another, and
// clients. One in flight goes by the blocking client, more by the driver below it, which never blocks.
namespace bench::own {

namespace fq = fastqueue;

/// The subworker runs handlers on its own thread, without a hand-over.
struct inline_policies : fq::default_policies {
    using executor_policy = fq::executor::inline_;
};

/// Larger tasks add the same numbers and carry a string there and back: `[5,3,"000..."]` and `[8,0,"000..."]`, written
/// and read anew for each, as a program would.
using padded = std::tuple<int, int, std::string>;

[[nodiscard]] inline std::string padding(std::size_t payload) {
    return std::string(payload - std::string_view{R"([5,3,""])"}.size(), '0');
}
[[nodiscard]] inline bool is_small(std::size_t payload) noexcept { return payload <= sizeof(octets); }

/// Writes tasks' arguments and reads their values.
class task_form {
public:
    explicit task_form(std::size_t payload)
        : small_{is_small(payload)}, padding_{small_ ? std::string{} : padding(payload)} {}

    [[nodiscard]] std::string_view name() const noexcept { return small_ ? "add" : "add_padded"; }
    [[nodiscard]] std::string encoded() const {
        if (small_) return std::string{add_arguments};
        std::string out;
        fq::serialization::json::encode_arguments(out, 5, 3, padding_);
        return out;
    }
    /// \return the sum; 0 if the string has not come back
    [[nodiscard]] int sum(std::string_view value) const {
        if (small_) return fq::serialization::json::decode<int>(value);
        return sum(fq::serialization::json::decode<padded>(value));
    }
    [[nodiscard]] int sum(padded const& value) const {
        auto const& [x, y, text] = value;
        return text.size() == padding_.size() && text.back() == '0' ? x + y : 0;
    }

private:
    bool small_;
    std::string padding_;
};

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

[[nodiscard]] inline fq::registry tasks() {
    fq::registry all;
    all.define(fq::task<int(int, int)>{"add", "x", "y"}, [](int x, int y) { return x + y; });
    all.define(fq::task<padded(int, int, std::string)>{"add_padded", "x", "y", "padding"},
               [](int x, int y, std::string padding) {
                   return padded{x + y, 0, std::move(padding)};
               });
    return all;
}

[[nodiscard]] inline std::uint16_t task_port_of(std::string const& addresses) {
    return static_cast<std::uint16_t>(std::stoul(addresses.substr(addresses.find(' '))));
}
/// \return a subworker's options at the control plane with these addresses
[[nodiscard]] inline fq::subworker_options subworker_at(std::string const& addresses, std::string id) {
    fq::subworker_options options;
    options.worker_id = std::move(id);
    options.discovery = discovery_of(addresses);
    options.control_plane = loopback(task_port_of(addresses));  // or it would not believe the discovery
    options.base = loopback();
    return options;
}
template <class Policies = fq::default_policies>
void work_on(std::string const& addresses, fq::registry registry) {
    auto const id = "benchmark-" + std::to_string(::getpid());
    fq::basic_subworker<Policies> worker{subworker_at(addresses, id), std::move(registry)};
    worker.run();
}
template <class Policies = fq::default_policies>
void work(std::string const& addresses) {
    work_on<Policies>(addresses, tasks());
}

/// One call at a time, each waited for.
class blocking_client {
public:
    explicit blocking_client(fq::endpoint const& discovery, std::size_t payload = sizeof(octets))
        : client_{options(discovery)}, form_{payload}, small_{is_small(payload)} {}
    void run(load& tasks) {
        for (auto now = steady::now(); !tasks.over(now);) {
            auto const slot = tasks.submit(now);
            auto const sum = small_ ? call<int>() : form_.sum(call<padded>());
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
    template <class R>
    R call() {
        return client_.call(fq::invocation<R>{form_.name(), form_.encoded()});
    }

    fq::client client_;
    task_form form_;
    bool small_;
};

/// Many at once: each answer posts the next call, on the driver's own thread.
class driven_client {
    using driver = fq::shell::client_driver<fq::default_policies>;

public:
    driven_client(fq::endpoint const& discovery, std::uint32_t in_flight,
                  std::size_t payload = sizeof(octets))
        : driver_{options(discovery), nullptr}, form_{payload} {
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
        o.seed = static_cast<std::uint64_t>(::getpid());
        return o;
    }
    void submit(steady::time_point now) {
        while (tasks_->more(now)) {
            auto const slot = tasks_->submit(now);
            fq::core::client_request request;
            request.verb = "call";
            request.tokens = ' ' + ids_.next(driver_.transport().now().wall).text() + ' ';
            request.tokens += form_.name();
            request.payload = form_.encoded();
            driver_.post(std::move(request), calls_[slot]);
        }
    }
    void answered(std::uint32_t slot, fq::core::client_answer const& answer) noexcept {
        auto const now = steady::now();
        auto const sum = answer.error ? 0 : form_.sum(answer.payload);
        tasks_->answered(slot, sum, now);
        submit(now);
        if (tasks_->over(now)) std::exchange(over_, nullptr)->set_value();
    }

    driver driver_;
    task_form form_;
    fq::id_source ids_;
    std::deque<call> calls_;
    load* tasks_ = nullptr;
    std::promise<void>* over_ = nullptr;
    std::thread thread_;
};

class client {
public:
    client(std::string const& addresses, std::uint32_t in_flight, std::size_t payload = sizeof(octets)) {
        auto const discovery = discovery_of(addresses);
        if (in_flight == 1)
            one_ = std::make_unique<blocking_client>(discovery, payload);
        else
            many_ = std::make_unique<driven_client>(discovery, in_flight, payload);
    }
    client(std::string const& addresses, share const& part)
        : client{addresses, part.in_flight, part.payload} {}
    void run(load& tasks) { one_ ? one_->run(tasks) : many_->run(tasks); }

private:
    std::unique_ptr<blocking_client> one_;
    std::unique_ptr<driven_client> many_;
};

}  // namespace bench::own
