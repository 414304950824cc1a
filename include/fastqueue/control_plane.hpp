#pragma once

#include <fastqueue/core/plane.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/shell/dial_push.hpp>
#include <fastqueue/shell/host_name.hpp>
#include <fastqueue/shell/local_worker.hpp>
#include <fastqueue/shell/perform.hpp>
#include <fastqueue/shell/queued.hpp>
#include <fastqueue/task.hpp>
#include <fastqueue/transport/inproc.hpp>
#include <fastqueue/version.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue {

/// How a control plane is set up. The defaults are the worker guide's.
struct control_plane_options {
    std::string id = "control-plane";
    endpoint base{"127.0.0.1", 5555};  ///< base ... base + 3 take tasks, base + 4 serves results
    endpoint discovery{"127.0.0.1", 5550};
    /// The management port, on the host of `base`; none: 5560, or a free one where the base's port is 0.
    std::optional<std::uint16_t> subworker_port;
    std::string advertise_host;  ///< under which others reach a wildcard base
    std::uint32_t result_cache_size = 10'000;
    std::chrono::seconds result_cache_ttl{3600};
    std::uint64_t result_cache_bytes = 256ULL << 20U;
    std::chrono::milliseconds heartbeat{5'000};        ///< how often workers are to speak
    std::chrono::milliseconds worker_timeout{30'000};  ///< silent for so long: inactive
    std::chrono::milliseconds worker_grace{1'000};     ///< after a broken connection
    std::chrono::milliseconds shutdown_grace{30'000};  ///< how long `stop` waits for what runs
    std::uint32_t max_deaths = 3;
    std::uint32_t id_ledger_size = 1'000'000;   ///< ids of ended tasks that are remembered
    std::uint32_t max_dead_letters = 10'000;    ///< tasks that failed and are kept to be looked at; 0: none
    std::chrono::milliseconds reunion{10'000};  ///< after a restart workers may say in it what they still run
    std::uint64_t waiting_bytes = 256ULL
                                  << 20U;  ///< of arguments in memory, where the store has them as well
    core::unknown_tasks unknown_tasks = core::unknown_tasks::automatic;
    bool local = true;  ///< tasks of its own registry are run here while nobody else can
    std::uint32_t local_concurrency = 1;
    std::vector<std::string> worker_allow;
    /// Hosts that a task's callback may name, beside loopback: whoever may submit could have us dial them.
    std::vector<std::string> callback_allow;
    std::chrono::microseconds spin = policy::usual_spin;  ///< how long it looks for work before it sleeps
    fastqueue::limits limits;
    std::chrono::milliseconds cancel_grace{10'000};  ///< of its own worker: see subworker_options
    std::uint64_t seed = 0;                          ///< 0: random
};

/// The coordinator: takes tasks from clients and gives them to workers. A thin shell around `core::plane`, a transport and
/// a store.
///
/// Threads: construct, `start` and `run` on one thread, or one after the other; `stop` is safe from any. Several live in one
/// process. After `fork` the child must not touch it.
template <class Policies = default_policies>
class basic_control_plane : private detail::checked<Policies>, private policy::transport_sink {
public:
    using transport_type = typename Policies::transport_policy;

    /// \param tasks  what it can run itself; may be empty
    /// \throws error (bad_name, bad_address) for an option that can't be
    explicit basic_control_plane(control_plane_options options, registry tasks = {},
                                 policy_instances<Policies> instances = {})
        : options_{std::move(options)},
          tasks_{std::move(tasks)},
          transport_{detail::given_or_made(std::move(instances.transport))},
          store_{detail::given_or_made(std::move(instances.store))},
          observer_{std::move(instances.observer)},
          make_local_executor_{std::move(instances.executor)},
          zones_{std::move(instances.time_zones)},
          core_{machine_options(), *store_, observer_, zones_} {
        transport_->attach(*this);
        if constexpr (requires { transport_->spin(options_.spin); }) transport_->spin(options_.spin);
        store_->attach([this] { transport_->wake(); });
    }

    /// Opens all ports. Nothing is served before it returns, and nothing stays open where it throws.
    /// \throws error (address_in_use ...) naming the port; store_failed: what was kept cannot be read
    void start() {
        core_.at(transport_->now());
        if (!std::exchange(restored_, true)) core_.restore();  // a second try, on other ports, finds it done
        listen();
        if (options_.local && !tasks_.empty()) start_local();
        started_ = true;
        finish_turn();
    }
    /// Serves until it has stopped. Calls `start` if that was not done.
    /// \throws error (store_failed): it had to stop, since nothing could be stored any more
    void run() requires policy::runnable_transport<transport_type> {
        if (!started_) start();
        transport_->run();
        if (!core_.failure().empty()) throw error{errc::store_failed, core_.failure()};
    }
    /// Takes nothing new, lets what runs finish (at most `shutdown_grace`), closes all; then `run` returns. Safe from any
    /// thread, any number of times.
    void stop() noexcept {
        stop_requested_.store(true, std::memory_order_release);
        transport_->wake();
    }

    struct addresses {
        std::array<endpoint, priority_count> tasks;
        endpoint results;
        endpoint management;
        endpoint discovery;
    };
    /// Where it listens; valid after `start`.
    [[nodiscard]] addresses const& listens() const noexcept { return bound_; }
    [[nodiscard]] registry const& tasks() const noexcept { return tasks_; }
    /// The machine, for tests.
    [[nodiscard]] core::plane<Policies> const& machine() const noexcept { return core_; }
    [[nodiscard]] bool has_stopped() const noexcept { return stopped_; }
    /// After `run`: how many runs had not ended when `shutdown_grace` was over. Handlers of its own may still run, and the
    /// destructor waits for them.
    [[nodiscard]] std::size_t unfinished() const noexcept {
        return unfinished_ + (local_ ? local_->stuck() : 0);
    }

private:
    static constexpr std::uint64_t local_mark = 1ULL
                                                << 63U;  // tells a peer of `inproc` from one of the transport

    /// What `inproc` tells, passed on under names of its own.
    struct local_door final : policy::transport_sink {
        explicit local_door(basic_control_plane& owner) : owner_{owner} {}
        void opened(peer_id peer, peer_info const& info) override { owner_.opened(mark(peer), info); }
        void message(peer_id peer, std::span<std::string_view const> frames) override {
            owner_.message(mark(peer), frames);
        }
        void closed(peer_id peer, std::error_code why) override { owner_.closed(mark(peer), why); }
        void due() override {}
        void woken() override {}
        void turn_end() override {}
        static peer_id mark(peer_id peer) noexcept {
            return static_cast<peer_id>(static_cast<std::uint64_t>(peer) | local_mark);
        }

    private:
        basic_control_plane& owner_;
    };
    /// Sends to either, by the name's mark.
    struct either_transport {
        basic_control_plane& owner;
        std::error_code send(peer_id peer, std::span<std::string_view const> frames) {
            return is_local(peer) ? owner.inproc_->send(plain(peer), frames)
                                  : owner.transport_->send(peer, frames);
        }
        peer_id dial(endpoint const& to, std::uint32_t tag) { return owner.transport_->dial(to, tag); }
        peer_id dial_push(endpoint const& to, std::uint32_t tag) {
            return shell::dial_push(*owner.transport_, to, tag);
        }
        void close(peer_id peer) {
            is_local(peer) ? owner.inproc_->close(plain(peer)) : owner.transport_->close(peer);
        }
        [[nodiscard]] std::uint64_t queued(peer_id peer) const noexcept {
            return is_local(peer) ? owner.inproc_->queued(plain(peer))
                                  : shell::queued(*owner.transport_, peer);
        }
        static bool is_local(peer_id peer) noexcept {
            return (static_cast<std::uint64_t>(peer) & local_mark) != 0;
        }
        static peer_id plain(peer_id peer) noexcept {
            return static_cast<peer_id>(static_cast<std::uint64_t>(peer) & ~local_mark);
        }
    };

    [[nodiscard]] core::plane_options machine_options() const {
        if (!is_valid_name(options_.id))
            throw error{errc::bad_name,
                        "the id '" + options_.id.substr(0, 300) + "' is not 1 to 255 of A-Z a-z 0-9 . _ : -"};
        core::plane_options o;
        o.id = options_.id;
        o.result_cache_size = options_.result_cache_size;
        o.result_cache_octets = options_.result_cache_bytes;
        o.result_cache_ttl = options_.result_cache_ttl;
        o.heartbeat = options_.heartbeat;
        o.inactive = options_.worker_timeout;
        o.grace = options_.worker_grace;
        o.max_deaths = options_.max_deaths;
        o.id_ledger_size = options_.id_ledger_size;
        o.max_dead_letters = options_.max_dead_letters;
        o.reunion = options_.reunion;
        o.waiting_octets = options_.waiting_bytes;
        o.unknown_names = options_.unknown_tasks;
        o.has_local_worker = options_.local && !tasks_.empty();
        o.worker_allow = options_.worker_allow;
        o.callback_allow = options_.callback_allow;
        o.limits = options_.limits;
        o.seed = options_.seed != 0 ? options_.seed : random_seed();
        o.ids_from_seed = options_.seed != 0;
        o.version = version_string;
        return o;
    }
    void listen() {
        using core::port_role;
        for (std::uint32_t i = 0; i < priority_count; ++i) {
            open(above_base(i), static_cast<port_role>(i), std::string{priority_names[i]} + " tasks",
                 bound_.tasks[i]);
        }
        open(above_base(4), port_role::results, "results", bound_.results);
        constexpr std::uint16_t usual = 5560;
        auto const port =
            options_.subworker_port.value_or(options_.base.port == 0 ? std::uint16_t{0} : usual);
        open({options_.base.host, port}, port_role::management, "management", bound_.management);
        open(options_.discovery, port_role::discovery, "discovery", bound_.discovery);
        auto& o = core_.options();
        o.base = advertised(bound_.tasks[0]);
        o.results = advertised(bound_.results);
        o.management = advertised(bound_.management);
        o.task_ports = {bound_.tasks[0].port, bound_.tasks[1].port, bound_.tasks[2].port,
                        bound_.tasks[3].port};
    }
    [[nodiscard]] endpoint above_base(std::uint32_t offset) const {
        auto const at = options_.base.plus(offset);
        if (!at)
            throw error{errc::bad_address, "the ports of " + options_.base.text() + " would go past 65535"};
        return *at;
    }
    void open(endpoint const& at, core::port_role role, std::string const& what, endpoint& bound) {
        auto const failed = transport_->listen(at, static_cast<std::uint32_t>(role), bound);
        if (!failed) return;
        transport_->stop_listening();
        shell::throw_cannot_listen(at, "the control plane's port for " + what, failed);
    }
    [[nodiscard]] std::string advertised(endpoint at) const {
        if (!options_.advertise_host.empty())
            at.host = options_.advertise_host;
        else if (at.is_wildcard())
            at.host = shell::host_name();
        return at.text();
    }
    void start_local() {
        auto hub = std::make_shared<transport::inproc_hub>();
        inproc_ = std::make_unique<transport::inproc>(hub);
        inproc_->attach(door_);
        inproc_->set_wake([this] { transport_->wake(); });
        endpoint bound;
        static_cast<void>(inproc_->listen(bound_.management,
                                          static_cast<std::uint32_t>(core::port_role::management), bound));
        local_ = std::make_unique<shell::local_worker<Policies>>(
            std::move(hub), bound, options_.id + ".local", tasks_, options_.local_concurrency,
            core_.state().keeps() ? 1U : shell::usual_window, options_.spin, options_.cancel_grace,
            options_.seed, make_local_executor_);
        local_->start();
    }

    // ---- the transport's events

    void opened(peer_id peer, peer_info const& info) override {
        core_.at(transport_->now());
        core_.opened(peer, info);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) override {
        core_.at(transport_->now());
        core_.message(peer, frames);
        if (core_.has_much_to_send()) send();
    }
    void closed(peer_id peer, std::error_code why) override {
        core_.at(transport_->now());
        core_.closed(peer, why);
    }
    void due() override {}
    void woken() override {
        if (!stop_requested_.load(std::memory_order_acquire) || stop_by_) return;
        core_.at(transport_->now());
        core_.stop();
        stop_by_ = saturating_add(transport_->now().steady, options_.shutdown_grace);
    }
    void turn_end() override {
        if (started_) finish_turn();
    }

    void finish_turn() {
        if (inproc_) inproc_->poll();
        core_.at(transport_->now());
        core_.turn([this](peer_id peer) { return either_transport{*this}.queued(peer); });
        bool const over = stop_by_ && transport_->now().steady >= *stop_by_;
        bool const done = over || (stop_by_ && core_.idle());
        if (done) unfinished_ = core_.outstanding();
        if (done) core_.farewell();
        store_->flush(core_.outbox().awaited());
        store_->poll(news_);
        core_.committed(news_);
        send();
        if (inproc_) inproc_->flush();
        if (core_.sent([this](peer_id peer) { return either_transport{*this}.queued(peer); }))
            transport_->wake();
        // What is still to be committed is waited for, as long as there is time.
        if (over || !core_.failure().empty() || (done && !core_.outbox().holds())) return end();
        arm();
    }
    void send() {
        either_transport net{*this};
        shell::perform(core_.outbox(), core_.committed_up_to(), net, frames_,
                       [this](std::uint32_t tag, peer_id peer) { core_.dialled(tag, peer); });
    }
    void arm() {
        auto next = core_.next_deadline();
        if (stop_by_) next = std::min(next, *stop_by_);
        if (inproc_) next = std::min(next, inproc_->next_deadline().value_or(instant::max()));
        transport_->arm(next == instant::max() ? std::nullopt : std::optional{next});
    }
    void end() {
        if (stopped_) return;
        stopped_ = true;
        if (inproc_) inproc_->stop();
        if (local_) local_->abandon();  // and is joined by the destructor: a handler may take its time
        if constexpr (policy::runnable_transport<transport_type>)
            transport_->stop();
        else
            transport_->stop_listening();
    }

    control_plane_options options_;
    registry tasks_;
    std::unique_ptr<transport_type> transport_;
    std::unique_ptr<typename Policies::store_policy> store_;
    typename Policies::observer_policy observer_;
    typename policy_instances<Policies>::executor_maker make_local_executor_;
    typename Policies::time_zone_policy zones_;
    core::plane<Policies> core_;
    local_door door_{*this};
    std::unique_ptr<transport::inproc> inproc_;
    std::unique_ptr<shell::local_worker<Policies>> local_;  // behind what its thread uses
    policy::store_news news_;
    std::vector<std::string_view> frames_;
    addresses bound_;
    std::optional<instant> stop_by_;
    std::atomic<bool> stop_requested_{false};
    std::size_t unfinished_ = 0;
    bool restored_ = false;
    bool started_ = false;
    bool stopped_ = false;
};

using control_plane = basic_control_plane<>;

}  // namespace fastqueue
