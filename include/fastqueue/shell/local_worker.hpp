#pragma once

#include <fastqueue/policies.hpp>
#include <fastqueue/subworker.hpp>
#include <fastqueue/transport/inproc.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace fastqueue::shell {

/// How many runs a thread may be sent at once, where nothing speaks against it.
inline constexpr std::uint32_t usual_window = 512;

/// The worker inside a control plane's process: an ordinary subworker, with a thread of its own, over `inproc`. It gets
/// work only while nobody else can do it. One thread at a time.
template <class Policies>
class local_worker {
public:
    struct policies : Policies {
        using transport_policy = transport::inproc;
    };

    using executor_maker = typename policy_instances<policies>::executor_maker;

    /// \param door    where the control plane listens in `hub`
    /// \param window  runs a thread; 1: nothing is sent ahead, so that what dies with the process has begun
    /// \param executor  makes it; empty: it is made as the policy's type can be
    local_worker(std::shared_ptr<transport::inproc_hub> hub, endpoint door, std::string id, registry tasks,
                 std::uint32_t concurrency, std::uint32_t window, std::chrono::microseconds spin,
                 std::chrono::milliseconds cancel_grace, std::uint64_t seed, executor_maker executor)
        : worker_{options(std::move(door), std::move(id), concurrency, window, spin, cancel_grace, seed),
                  std::move(tasks), instances(std::move(hub), std::move(executor))} {}
    ~local_worker() {
        worker_.abandon();
        if (thread_.joinable()) thread_.join();
    }
    local_worker(local_worker const&) = delete;
    local_worker& operator=(local_worker const&) = delete;

    /// \throws what making an executor throws
    void start() {
        worker_.start();
        thread_ = std::thread{[this] { worker_.run(); }};
    }
    /// It ends at once; handlers that run are asked to stop, and the destructor waits for them.
    void abandon() noexcept { worker_.abandon(); }
    /// Handlers that were given up and have not returned: the destructor waits for them.
    [[nodiscard]] std::size_t stuck() const noexcept { return worker_.stuck(); }

private:
    static subworker_options options(endpoint door, std::string id, std::uint32_t concurrency,
                                     std::uint32_t window, std::chrono::microseconds spin,
                                     std::chrono::milliseconds cancel_grace, std::uint64_t seed) {
        subworker_options o;
        o.window = window;
        o.worker_id = std::move(id);
        o.management = std::move(door);
        o.base.reset();
        o.discovery.reset();
        o.concurrency = concurrency;
        o.grace = {};
        o.cancel_grace = cancel_grace;
        o.spin = spin;
        o.seed = seed;
        return o;
    }
    static policy_instances<policies> instances(std::shared_ptr<transport::inproc_hub> hub,
                                                executor_maker executor) {
        policy_instances<policies> made;
        made.executor = std::move(executor);
        made.transport = std::make_unique<transport::inproc>(std::move(hub));
        return made;
    }

    basic_subworker<policies> worker_;
    std::thread thread_;
};

}  // namespace fastqueue::shell
