#pragma once

#include <fastqueue/control_plane.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/store/memory.hpp>
#include <fastqueue/subworker.hpp>
#include <fastqueue/testing/durable_disk.hpp>
#include <fastqueue/testing/simulated_client.hpp>
#include <fastqueue/testing/simulated_executor.hpp>
#include <fastqueue/testing/simulated_network.hpp>
#include <fastqueue/testing/simulated_store.hpp>
#include <fastqueue/testing/simulated_system_options.hpp>
#include <fastqueue/transport/simulated.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::testing {

/// The production roles on a simulated network, in one thread and in virtual time: a control plane "plane" with a durable
/// store, workers "w1", "w2" ... and clients "c1", "c2" .... Handlers are yours. All chance comes from the seed, so a run
/// that shows a fault shows it again. docs/testing.md tells how to use it.
///
///     fq::testing::simulated_system system{seed, tasks};
///     system.storm();
///     auto const sum = system.client().call(tasks::add(5, 3));
///     bool const ended = system.settle();  // then sum.result() is there
///
/// A handler is called at the end of the time that it takes, and is over at once. What it does to memory that it shares
/// with the test is what a handler would do to a database: it is still done when its worker is then lost before it could
/// say so. `crash_point` lets the worker die in the middle of a handler.
///
/// One thread. Handlers live as long as this object, and none is called by its destructor.
template <class Policies = default_policies>
class basic_simulated_system {
public:
    using policies = simulated_policies<Policies>;
    using plane_type = basic_control_plane<policies>;
    using worker_type = basic_subworker<policies>;
    using client_type = simulated_client<policies>;

    /// \param tasks  what each worker can run; copies share the handlers
    basic_simulated_system(std::uint64_t seed, registry const& tasks, simulated_system_options options = {})
        : seed_{seed}, options_{std::move(options)}, network_{seed}, tasks_{tasks} {
        network_.set_all_links(options_.link);
        disk_ = std::make_shared<durable_disk>(uuid::make_v7({}, seed, 1));
        for (std::uint32_t i = 1; i <= options_.workers; ++i)
            workers_.push_back({"w" + std::to_string(i), {}});
        start_plane();
        for (auto& w : workers_) start_worker(w);
        for (std::uint32_t i = 1; i <= options_.clients; ++i) start_client("c" + std::to_string(i), seed + i);
    }
    basic_simulated_system(basic_simulated_system const&) = delete;
    basic_simulated_system& operator=(basic_simulated_system const&) = delete;
    ~basic_simulated_system() {
        network_.crash(network_.find_node("plane"));
        for (auto& w : workers_) network_.crash(network_.find_node(w.name));
    }

    [[nodiscard]] client_type& client(std::size_t index = 0) { return *clients_.at(index); }
    [[nodiscard]] simulated_network& network() noexcept { return network_; }
    /// Decides what is left to chance: a test's own choices may come from it too.
    [[nodiscard]] random_engine& random() noexcept { return network_.random(); }
    /// The control plane, which must be up.
    [[nodiscard]] plane_type const& plane() const noexcept { return *plane_; }
    /// The worker whose handler is being called; empty outside of one.
    [[nodiscard]] std::string const& running() const noexcept { return running_; }
    /// Equal for two runs in which the same happened.
    [[nodiscard]] std::uint64_t trace() const noexcept { return network_.trace(); }

    // ---- time

    /// Calls `action` after `delay`.
    void schedule(std::chrono::nanoseconds delay, std::function<void()> action) {
        network_.schedule(delay, std::move(action));
    }
    void run_for(std::chrono::nanoseconds time) { network_.run_for(time); }
    /// \return whether the condition held before `limit` was over
    template <class Condition>
    [[nodiscard]] bool run_until(Condition&& condition,
                                 std::chrono::nanoseconds limit = std::chrono::minutes{10}) {
        return network_.run_until(std::forward<Condition>(condition), limit);
    }
    /// Waits for the end of a storm, mends everything, and runs until all clients have all their answers.
    /// \return false: some had none when `limit` was over
    [[nodiscard]] bool settle(std::chrono::nanoseconds limit = std::chrono::minutes{10}) {
        if (network_.now().steady < calm_at_) network_.run_for(calm_at_ - network_.now().steady);
        mend();
        return run_until(
            [this] { return std::ranges::all_of(clients_, [](auto const& c) { return c->at_rest(); }); },
            limit);
    }

    // ---- faults, by name

    [[nodiscard]] bool is_up(std::string_view name) const noexcept {
        return network_.find_node(name) != node_id::none;
    }
    /// Ends a worker or the control plane as `kill -9` would. What the control plane had not committed is lost.
    void crash(std::string const& name) {
        network_.crash(network_.find_node(name));
        if (name == "plane") {
            store_ = nullptr;
            if (plane_) dead_planes_.push_back(std::move(plane_));
        }
        for (auto& w : workers_) {
            if (w.name == name && w.role) dead_workers_.push_back(std::move(w.role));
        }
    }
    /// Starts it again; one that is up is crashed before.
    void restart(std::string const& name) {
        crash(name);
        if (name == "plane") start_plane();
        for (auto& w : workers_) {
            if (w.name == name) start_worker(w);
        }
    }
    void cut(std::string const& a, std::string const& b) { network_.cut(a, b); }
    void partition(std::string const& a, std::string const& b) { network_.partition(a, b); }
    void heal(std::string const& a, std::string const& b) { network_.heal(a, b); }
    void pause(std::string const& name) {
        if (is_up(name)) network_.pause(network_.find_node(name));
    }
    void resume(std::string const& name) {
        if (is_up(name)) network_.resume(network_.find_node(name));
    }

    /// Lets faults happen at random from now on, for a while; what they break is mended at random as well. Does not wait.
    void storm(storm_options const& options = {}) {
        storm_ = options;
        calm_at_ = network_.now().steady + options.duration;
        auto const us = static_cast<std::uint64_t>(std::chrono::microseconds{options.duration}.count());
        for (std::uint32_t i = 0; i < options.faults; ++i)
            schedule(std::chrono::microseconds{random().between(0, us)}, [this] { one_fault(); });
    }
    /// For handlers: here the worker may die. It does so in `per_mille` of a thousand calls, while there is a storm.
    /// \throws simulated_crash then
    void crash_point(std::uint32_t per_mille = 50) {
        bool const may = storm_.crashes && network_.now().steady < calm_at_ && !running_.empty();
        if (!may || !random().happens(per_mille)) return;
        crash_for_a_while(running_);
        throw simulated_crash{};
    }
    /// Ends all faults: heals the network, lets go on what was paused, starts what is down.
    void mend() {
        network_.heal_all();
        if (!plane_) start_plane();
        for (auto& w : workers_) {
            resume(w.name);
            if (!w.role) start_worker(w);
        }
    }

private:
    struct worker {
        std::string name;
        std::unique_ptr<worker_type> role;
    };

    [[nodiscard]] std::chrono::microseconds between(std::chrono::microseconds least,
                                                    std::chrono::microseconds most) {
        return std::chrono::microseconds{random().between(static_cast<std::uint64_t>(least.count()),
                                                          static_cast<std::uint64_t>(most.count()))};
    }

    void start_plane() {
        control_plane_options o;
        o.base = {"plane", 5555};
        o.discovery = {"plane", 5550};
        o.heartbeat = std::chrono::milliseconds{500};
        o.worker_timeout = std::chrono::milliseconds{3'000};
        o.worker_grace = std::chrono::milliseconds{500};
        o.local = false;
        o.max_deaths = options_.max_deaths;
        for (auto const& w : workers_) o.worker_allow.push_back(w.name);
        o.unknown_tasks = core::unknown_tasks::wait;
        o.seed = seed_ + ++lives_;
        policy_instances<policies> parts;
        parts.transport = std::make_unique<transport::simulated>(network_, "plane");
        parts.store = std::make_unique<simulated_store>(disk_);
        store_ = parts.store.get();
        committing_ = false;
        store_->on_flush([this, mine = store_] {
            if (store_ == mine) commit();
        });
        plane_ = std::make_unique<plane_type>(o, registry{}, std::move(parts));
        plane_->start();
    }
    /// The disk works: what gathers meanwhile is its next piece of work.
    void commit() {
        if (committing_ || !store_->is_busy()) return;
        committing_ = true;
        schedule(between(options_.commit_least, options_.commit_most),
                 [this, mine = store_, up_to = store_->flushed()] {
                     if (store_ != mine) return;
                     committing_ = false;
                     store_->commit_up_to(up_to);
                     commit();
                 });
    }
    void start_worker(worker& w) {
        subworker_options o;
        o.worker_id = w.name;
        o.control_plane = {"plane", 5555};
        o.discovery = endpoint{"plane", 5550};
        o.base = endpoint{w.name, 5561};
        o.concurrency = options_.concurrency;
        o.seed = seed_ * 1000 + ++lives_;
        policy_instances<policies> parts;
        parts.transport = std::make_unique<transport::simulated>(network_, w.name);
        parts.executor = [this, node = parts.transport->node()](policy::executor_options has,
                                                                std::function<void()> wake) {
            auto made = std::make_unique<simulated_executor>(network_, node, has, std::move(wake));
            made->set_duration(options_.run_least, options_.run_most);
            made->run_first(options_.handlers_first);
            return made;
        };
        registry mine;  // first what is outermost
        mine.around([this, name = w.name](context&, next_run& next) {
            running_ = name;
            next();
            running_.clear();
        });
        mine.merge(tasks_);
        w.role = std::make_unique<worker_type>(o, std::move(mine), std::move(parts));
        w.role->start();
    }
    void start_client(std::string name, std::uint64_t seed) {
        client_options o;
        o.discovery = {"plane", 5550};
        o.timeout = options_.client_timeout;
        o.retries = 1'000'000;
        o.seed = seed + 1;
        clients_.push_back(std::make_unique<client_type>(network_, std::move(name), o));
    }

    void crash_for_a_while(std::string const& name) {
        auto const which = name;
        crash(which);
        schedule(between(options_.down_least, options_.down_most), [this, which] {
            if (!is_up(which)) restart(which);
        });
    }
    /// One of those that the storm has, at random: also one that then finds nothing to break.
    void one_fault() {
        auto& r = random();
        auto const w = workers_[r.between(0, workers_.size() - 1)].name;
        auto const other = r.happens(300) ? "c" + std::to_string(r.between(1, clients_.size())) : w;
        auto const time = std::chrono::milliseconds{r.between(10, 2'000)};
        switch (r.between(0, 4)) {
            case 0:
                if (storm_.cuts) cut("plane", other);
                break;
            case 1:
                if (storm_.crashes && is_up(w)) crash_for_a_while(w);
                break;
            case 2:
                if (!storm_.partitions) break;
                partition("plane", other);
                schedule(time, [this, other] { heal("plane", other); });
                break;
            case 3:
                if (!storm_.pauses) break;
                pause(w);
                schedule(time, [this, w] { resume(w); });
                break;
            default:
                if (storm_.restarts && is_up("plane")) crash_for_a_while("plane");
                break;
        }
    }

    std::uint64_t seed_;
    simulated_system_options options_;
    simulated_network network_;
    registry tasks_;
    std::string running_;
    std::shared_ptr<durable_disk> disk_;
    simulated_store* store_ = nullptr;  // of the plane
    bool committing_ = false;
    std::uint64_t lives_ = 0;
    storm_options storm_;
    instant calm_at_{};
    std::unique_ptr<plane_type> plane_;
    std::vector<std::unique_ptr<plane_type>> dead_planes_;
    std::vector<worker> workers_;
    std::vector<std::unique_ptr<worker_type>> dead_workers_;
    std::vector<std::unique_ptr<client_type>> clients_;
};

using simulated_system = basic_simulated_system<>;

}  // namespace fastqueue::testing
