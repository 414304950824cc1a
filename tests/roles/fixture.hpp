#pragma once

#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/subworker.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

/// Real roles over real sockets, each on a thread of its own, on free ports of loopback.
namespace roles {

namespace fq = fastqueue;
using namespace std::chrono_literals;

inline constexpr fq::task<int(int, int)> add{"add", "x", "y"};
inline constexpr fq::task<int(int)> sleep_ms{"sleep_ms", "ms"};
inline constexpr fq::task<int(std::string)> fail{"fail", "why"};

/// What the tests run. `sleep_ms` ends early when it is asked to stop.
inline fq::registry usual_tasks() {
    fq::registry r;
    r.define(add, [](int x, int y) { return x + y; });
    r.define(sleep_ms, [](fq::context& ctx, int ms) {
        auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds{ms};
        while (std::chrono::steady_clock::now() < end && !ctx.stop_requested())
            std::this_thread::sleep_for(1ms);
        if (ctx.stop_requested()) throw fq::task_cancelled{};
        return ms;
    });
    r.define(fail, [](std::string const& why) -> int { throw std::runtime_error{why}; });
    return r;
}

inline fq::endpoint loopback(std::uint16_t port = 0) { return {"127.0.0.1", port}; }

class plane {
public:
    explicit plane(fq::registry tasks = usual_tasks(), fq::control_plane_options options = usual())
        : role_{options, std::move(tasks)} {
        role_.start();
        thread_ = std::thread{[this] { role_.run(); }};
    }
    ~plane() {
        role_.stop();
        thread_.join();
    }
    static fq::control_plane_options usual() {
        fq::control_plane_options o;
        o.base = o.discovery = loopback();
        return o;
    }
    [[nodiscard]] fq::endpoint discovery() const { return role_.listens().discovery; }
    [[nodiscard]] fq::endpoint base() const { return role_.listens().tasks[0]; }
    [[nodiscard]] fq::control_plane_options same_ports() const {
        auto o = usual();
        o.discovery = role_.listens().discovery;
        return o;
    }
    [[nodiscard]] fq::client_options client() const { return {.discovery = discovery(), .timeout = 20s}; }

private:
    fq::control_plane role_;
    std::thread thread_;
};

/// The usual ones of a control plane that leaves all to subworkers.
inline fq::control_plane_options without_local() {
    auto o = plane::usual();
    o.local = false;
    return o;
}

template <class Policies = fq::default_policies>
class basic_worker {
public:
    basic_worker(
        plane const& of, std::string name, fq::registry tasks = usual_tasks(),
        std::function<void(fq::subworker_options&)> change = [](fq::subworker_options&) {})
        : role_{options(of, std::move(name), change), std::move(tasks)} {
        role_.start();
        thread_ = std::thread{[this] { role_.run(); }};
    }
    ~basic_worker() { stop(); }
    /// Drains it and waits for its end.
    void stop() {
        role_.stop();
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] std::size_t abandoned() const noexcept { return role_.abandoned(); }

private:
    static fq::subworker_options options(plane const& of, std::string name,
                                         std::function<void(fq::subworker_options&)> const& change) {
        fq::subworker_options o;
        o.worker_id = std::move(name);
        o.control_plane = of.base();
        o.discovery = of.discovery();
        o.base = loopback();
        change(o);
        return o;
    }
    fq::basic_subworker<Policies> role_;
    std::thread thread_;
};
using worker = basic_worker<>;

/// Asks until it is true, though not for ever.
template <class Condition>
bool comes_true(Condition&& condition, std::chrono::seconds most = 20s) {
    auto const end = std::chrono::steady_clock::now() + most;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}
inline bool is_active(fq::client& client, std::string const& name) {
    auto const workers = client.document("workers");
    return workers.find("\"id\":\"" + name + "\",\"state\":\"active\"") != workers.npos;
}

}  // namespace roles
