#pragma once

#include <fastqueue/core/worker.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/shell/execution.hpp>
#include <fastqueue/shell/host_name.hpp>
#include <fastqueue/shell/perform.hpp>
#include <fastqueue/shell/queued.hpp>
#include <fastqueue/shell/run_service.hpp>
#include <fastqueue/task.hpp>
#include <fastqueue/version.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue {

/// How a subworker is set up.
struct subworker_options {
    std::string worker_id;  ///< 1 to 255 of `A-Z a-z 0-9 . _ : -`; unique at its control plane
    endpoint control_plane{"127.0.0.1", 5555};                        ///< the control plane's base address
    std::optional<endpoint> discovery = endpoint{"127.0.0.1", 5550};  ///< asked first for the management port
    std::optional<endpoint> management;                               ///< known already: nobody is asked
    std::optional<endpoint> base =
        endpoint{"127.0.0.1", 5555};  ///< base ... base + 3 are its ports; none: runs come over
                                      ///< its own connection, as behind NAT
    std::string advertise_host;       ///< under which the control plane reaches a wildcard base
    std::uint32_t concurrency = 1;    ///< handlers that run at once, 1 to 1024
    std::uint32_t weight = 1;         ///< its share beside others of its control plane, 1 to 1000
    std::uint32_t window = 512;       ///< runs that may be here at once for each handler
    /// A handler that was asked to stop has so long, before it is ended where that can be done, and given up where not.
    std::chrono::milliseconds cancel_grace{10'000};
    std::chrono::milliseconds grace{
        30'000};  ///< how long `stop` waits for what runs; then it goes back unfinished
    std::chrono::microseconds spin =
        policy::usual_spin;  ///< how long its threads look for work before they sleep
    std::uint64_t seed = 0;  ///< of jitter and, where set, of the incarnation; 0: random
};

/// Takes runs from a control plane and executes them: a thin shell around `core::worker`, a transport and an executor.
///
/// Threads: construct, `start` and `run` on one thread; `stop` is safe from any. Handlers run where the executor policy
/// says, several at once with a concurrency over 1. After `fork` the child must not touch it.
template <class Policies = default_policies>
class basic_subworker : private detail::checked<Policies>, private policy::transport_sink {
public:
    using executor_type = typename Policies::executor_policy;
    using transport_type = typename Policies::transport_policy;

    /// \throws error (bad_name, bad_option) for an option that can't be
    basic_subworker(subworker_options options, registry tasks, policy_instances<Policies> instances = {})
        : options_{std::move(options)},
          tasks_{std::move(tasks)},
          transport_{detail::given_or_made(std::move(instances.transport))},
          observer_{std::move(instances.observer)},
          make_executor_{std::move(instances.executor)} {
        check();
        transport_->attach(*this);
        if constexpr (requires { transport_->read_always(); }) transport_->read_always();
        // A run of high priority must not be overtaken by one that was sent behind it to another of our ports.
        if constexpr (requires { transport_->keep_order_across_peers(); })
            transport_->keep_order_across_peers();
        if constexpr (requires { transport_->spin(options_.spin); }) transport_->spin(options_.spin);
    }
    ~basic_subworker() override {
        if (executor_) executor_->stop();
        if (!hooks_started_) return;
        auto const& hooks = tasks_.hooks().on_stop;
        for (auto hook = hooks.rbegin(); hook != hooks.rend(); ++hook) (*hook)();
    }

    /// Listens on its ports and begins to look for the control plane. Waits for nothing.
    /// \throws error (address_in_use, ...) naming the port
    void start() {
        core::worker_options o = machine_options();
        for (auto const& hook : tasks_.hooks().on_start) hook();
        hooks_started_ = true;
        listen(o);
        window_ = o.window;
        constexpr std::uint32_t spare = policy::replaces_stuck<executor_type> ? 2 : 1;
        for (std::uint32_t i = 0; i < options_.concurrency * spare; ++i)
            resources_.emplace_back(tasks_.hooks().per_thread);
        executor_ = detail::make_executor<Policies>(
            make_executor_,
            {options_.concurrency, o.window * 2 + 128, [this](std::uint32_t n) { resources_[n].clear(); },
             options_.spin,
             [this](std::uint32_t n) { return std::make_unique<shell::run_service>(tasks_, resources_, n); }},
            [this] { transport_->wake(); });
        core_.emplace(std::move(o));
        core_->at(transport_->now());
        core_->start();
        finish_turn();
    }
    /// Serves until it has stopped. Calls `start` if that was not done.
    /// \throws error with the control plane's code (worker_id_taken, bad_request ...) if that refuses it for good
    void run() requires policy::runnable_transport<transport_type> {
        if (!core_) start();
        transport_->run();
        if (!core_->fatal().empty()) throw error{core_->fatal_code(), core_->fatal()};
    }
    /// Drains: takes nothing new, gives back what has not begun, finishes what runs, unregisters; then `run` returns. What
    /// has not ended after `grace` goes back unfinished. Safe from any thread, any number of times.
    void stop() noexcept {
        stop_requested_.store(true, std::memory_order_release);
        transport_->wake();
    }

    /// As `stop`, and the handlers that run are asked to stop, too. Safe from any thread.
    void abandon() noexcept {
        abandon_requested_.store(true, std::memory_order_release);
        stop();
    }

    /// Where it listens; empty where runs come over its own connection.
    [[nodiscard]] std::vector<endpoint> const& addresses() const noexcept { return bound_; }
    [[nodiscard]] registry const& tasks() const noexcept { return tasks_; }
    [[nodiscard]] std::string const& id() const noexcept { return options_.worker_id; }
    [[nodiscard]] bool registered() const noexcept { return core_ && core_->registered(); }
    /// The machine, for tests.
    [[nodiscard]] core::worker const& machine() const noexcept { return *core_; }
    [[nodiscard]] executor_type& executor() noexcept { return *executor_; }
    [[nodiscard]] transport_type& transport() noexcept { return *transport_; }
    [[nodiscard]] bool has_stopped() const noexcept { return stopped_; }
    /// After `run`: how many runs it handed back unfinished. Their handlers may still run, and the destructor waits for them.
    [[nodiscard]] std::size_t abandoned() const noexcept { return abandoned_; }
    /// Handlers whose time was over, that have not returned, and that the destructor waits for.
    /// Safe from any thread.
    [[nodiscard]] std::size_t stuck() const noexcept { return stuck_.load(std::memory_order_relaxed); }

private:
    void check() const {
        if (!is_valid_name(options_.worker_id)) {
            throw error{errc::bad_name, "the worker id '" + options_.worker_id.substr(0, 300) +
                                            "' is not 1 to 255 of A-Z a-z 0-9 . _ : -"};
        }
        if (options_.concurrency < 1 || options_.concurrency > 1024) {
            throw error{errc::bad_option,
                        "the concurrency " + std::to_string(options_.concurrency) + " is not 1 to 1024"};
        }
        if (options_.weight < 1 || options_.weight > 1000) {
            throw error{errc::bad_option,
                        "the weight " + std::to_string(options_.weight) + " is not 1 to 1000"};
        }
    }
    [[nodiscard]] core::worker_options machine_options() const {
        core::worker_options o;
        o.id = options_.worker_id;
        o.seed = options_.seed != 0 ? options_.seed : random_seed();
        o.incarnation =
            options_.seed != 0 ? uuid::make_v7({}, options_.seed, options_.seed * 31) : uuid::make_v4();
        o.concurrency = options_.concurrency;
        o.weight = options_.weight;
        o.window =
            std::clamp<std::uint32_t>(options_.window * options_.concurrency, options_.concurrency, 16'384);
        o.cancel_grace = options_.cancel_grace;
        o.control_plane = options_.control_plane;
        o.discovery = options_.discovery;
        o.management = options_.management;
        for (auto const& task : tasks_) {
            o.tasks.emplace_back(task.name());
            auto defaults = detail::default_tokens(task.options());
            if (!defaults.empty()) o.defaults.emplace_back(task.name(), std::move(defaults));
        }
        for (auto const& declared : tasks_.schedules())
            o.schedules.push_back({declared.tokens, declared.arguments});
        if (options_.seed == 0) {  // what must repeat shows nothing of the machine
            o.host = shell::host_name();
            o.pid = shell::process_id();
        }
        o.version = version_string;
        return o;
    }
    /// Opens the four ports, one a priority.
    void listen(core::worker_options& o) {
        if (!options_.base) return;
        std::array<std::uint16_t, priority_count> ports{};
        for (std::uint32_t i = 0; i < priority_count; ++i) {
            auto const at = options_.base->plus(i);
            if (!at)
                throw error{errc::bad_address,
                            "the ports of " + options_.base->text() + " would go past 65535"};
            endpoint bound;
            if (auto const failed = transport_->listen(*at, i, bound))
                shell::throw_cannot_listen(
                    *at, "the subworker's port for " + std::string{priority_names[i]} + " tasks", failed);
            ports[i] = bound.port;
            bound_.push_back(bound);
        }
        o.ports = ports;
        o.address = bound_.front();
        if (!options_.advertise_host.empty())
            o.address->host = options_.advertise_host;
        else if (o.address->is_wildcard())
            o.address->host = shell::host_name();
    }

    // ---- the transport's events

    void opened(peer_id peer, peer_info const& info) override {
        core_->at(transport_->now());
        core_->opened(peer, info);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) override {
        core_->at(transport_->now());
        core_->message(peer, frames);
    }
    void closed(peer_id peer, std::error_code) override {
        core_->at(transport_->now());
        core_->closed(peer);
    }
    void due() override {}
    void woken() override {
        if (stop_requested_.load(std::memory_order_acquire)) {
            core_->at(transport_->now());
            core_->stop();
            if (!stop_by_) stop_by_ = saturating_add(transport_->now().steady, options_.grace);
            if (abandon_requested_.load(std::memory_order_acquire)) core_->stop_handlers();
        }
    }
    void turn_end() override {
        if (core_) finish_turn();
    }

    void finish_turn() {
        core_->at(transport_->now());
        core_->queued(shell::queued(*transport_, core_->answer_to()));
        collect();
        if (stop_by_ && transport_->now().steady >= *stop_by_) hand_back();
        core_->turn();
        do_actions();  // first: what is looked at below has been handed over
        if (progressed_.exchange(false, std::memory_order_acquire)) core_->progressed();
        core_->each_to_look_at([this](std::uint32_t slot) {
            if (executions_[slot]->state.load(std::memory_order_acquire) == policy::job_state::running)
                core_->begun(slot);
        });
        core_->each_to_tell(
            [this](std::uint32_t slot, std::string& out) { return executions_[slot]->take_progress(out); });
        shell::perform(core_->outbox(), ~policy::store_sequence{0}, *transport_, frames_,
                       [this](std::uint32_t tag, peer_id peer) { core_->dialled(tag, peer); });
        if (core_->goes_on()) transport_->wake();
        stuck_.store(core_->stuck(), std::memory_order_relaxed);
        tell();
        auto const next = std::min(core_->next_deadline(), stop_by_.value_or(instant::max()));
        transport_->arm(next == instant::max() ? std::nullopt : std::optional{next});
        if (core_->finished() || !core_->fatal().empty()) end();
    }
    void hand_back() {
        abandoned_ += core_->hand_back();
        stop_by_ = instant::max();
    }
    void collect() {
        for (auto* job = executor_->finished(); job != nullptr;) {
            auto& done = static_cast<shell::execution&>(*job);
            job = job->next;
            core_->executed(done.slot(), done.result(), done.text());
            done.tidy();
        }
    }
    void do_actions() {
        bool submitted = false;
        core_->swap_actions(actions_);
        for (auto const& action : actions_) {
            switch (action.what) {
                case core::run_action::kind::execute:
                    begin(action.run);
                    submitted = true;
                    break;
                case core::run_action::kind::retract:
                    if (executor_->retract(*executions_[action.run])) core_->retracted(action.run);
                    break;
                case core::run_action::kind::stop:
                    ask_to_stop(*executions_[action.run]);
                    break;
                case core::run_action::kind::end:
                    end_run(*executions_[action.run]);
                    break;
                case core::run_action::kind::replace:
                    core_->stuck(action.run, replace(*executions_[action.run]));
                    break;
            }
        }
        if (submitted) executor_->kick();
    }
    void ask_to_stop(shell::execution& run) {
        run.ask_to_stop();
        if constexpr (policy::reaches_jobs<executor_type>) executor_->interrupt(run);
    }
    [[nodiscard]] bool replace(shell::execution& run) {
        if constexpr (policy::replaces_stuck<executor_type>)
            return executor_->replace(run);
        else
            return false;
    }
    void end_run(shell::execution& run) {
        run.ask_to_stop();
        if constexpr (policy::reaches_jobs<executor_type>) executor_->kill(run);
    }
    void begin(std::uint32_t slot) {
        while (slot >= executions_.size()) {
            executions_.push_back(std::make_unique<shell::execution>());
            executions_.back()->on_progress([this] {
                if (!progressed_.exchange(true, std::memory_order_release)) transport_->wake();
            });
        }
        auto const& record = core_->run(slot);
        if (latest_ == nullptr || latest_->name() != record.name) latest_ = tasks_.find(record.name);
        executions_[slot]->prepare(slot, record, latest_, tasks_.hooks(), resources_, core_->max_payload());
        executor_->submit(*executions_[slot]);
    }
    /// Tells the observer when it has been registered, or has lost its control plane.
    void tell() {
        if (auto const trouble = core_->take_trouble(); !trouble.empty())
            observer_.on(policy::notice_event{errc::bad_request, trouble});
        if (core_->registered() == was_registered_) return;
        was_registered_ = !was_registered_;
        observer_.on(policy::worker_event{
            options_.worker_id, was_registered_ ? policy::worker_change::joined : policy::worker_change::lost,
            was_registered_ ? "registered with the control plane"
                            : "no connection to the control plane; looking for it"});
    }
    void end() {
        if (stopped_) return;
        stopped_ = true;
        if constexpr (policy::runnable_transport<transport_type>)
            transport_->stop();
        else
            transport_->stop_listening();
    }

    subworker_options options_;
    registry tasks_;
    std::unique_ptr<transport_type> transport_;
    typename Policies::observer_policy observer_;
    typename policy_instances<Policies>::executor_maker make_executor_;
    std::optional<core::worker> core_;
    std::vector<thread_resources> resources_;  // one for each thread of the executor
    bool hooks_started_ = false;
    std::vector<std::unique_ptr<shell::execution>> executions_;
    std::unique_ptr<executor_type> executor_;  // behind what its threads use: it ends first
    task_definition const* latest_ = nullptr;  // that was looked up: the same task often comes again
    std::vector<core::run_action> actions_;
    std::vector<std::string_view> frames_;
    std::vector<endpoint> bound_;
    std::uint32_t window_ = 0;
    std::optional<instant> stop_by_;
    std::size_t abandoned_ = 0;
    std::atomic<bool> stop_requested_{false};
    std::atomic<bool> abandon_requested_{false};
    std::atomic<std::size_t> stuck_{0};
    std::atomic<bool> progressed_{false};  // a handler has something to tell
    bool was_registered_ = false;
    bool stopped_ = false;
};

using subworker = basic_subworker<>;

}  // namespace fastqueue
