#pragma once

#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/transport/inproc.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace fastqueue {

/// How a queue within a process is set up. The defaults are the control plane's and the client's.
struct embedded_options {
    std::uint32_t concurrency = 1;                     ///< handlers that run at once, 1 to 1024
    std::chrono::milliseconds timeout{30'000};         ///< for each operation, from its begin to its answer
    std::chrono::milliseconds shutdown_grace{30'000};  ///< how long the destructor waits for what runs
    std::uint32_t max_deaths = 3;  ///< a task under which the process died so often is not run again
    std::uint32_t max_dead_letters = 10'000;  ///< tasks that failed and are kept to be looked at; 0: none
    std::uint32_t result_cache_size = 10'000;
    std::chrono::seconds result_cache_ttl{3600};
    std::uint64_t result_cache_bytes = 256ULL << 20U;
    std::uint64_t waiting_bytes = 256ULL
                                  << 20U;  ///< of arguments in memory, where the store has them as well
    fastqueue::limits limits = {};
    /// Sees each task before it is handed over; see client_options.
    std::function<void(outgoing_task&)> before_call = {};
};

/// A bundle's choices for roles that live in one process.
template <class Policies>
struct embedded_policies : Policies {
    using transport_policy = transport::inproc;
};

/// A queue within one process: a client whose control plane, with its worker, is in the same process and reached without
/// sockets. These are the roles that a network of machines has, with the same leases and retries, and it is used as any
/// client is. With a durable store what was accepted survives the process:
///
///     struct durable : fq::default_policies { using store_policy = fq::store::sqlite; };
///     fq::basic_embedded<durable> queue{tasks(), {}, std::make_unique<fq::store::sqlite>("queue.db")};
///     auto const id = queue.delay(tasks::add(5, 3));  // returns when it is on the disk
///
/// From one process to a network: write `fq::client queue{{.discovery = {"10.0.0.1", 5550}}};` in place of that line, and
/// let the registry be run by a control plane or subworkers. What stands below it stays, also where it is written for any
/// client: `template <class Client> void use(Client& queue)`.
///
/// Its end takes nothing new, waits for the handlers that run, and leaves the rest in the store. A handler that ignores its
/// stop signal is waited for beyond `shutdown_grace`, though its result is not kept.
///
/// Handlers may hand tasks over (`delay`). One that waits for another task (`call`, `wait`) keeps a thread busy meanwhile:
/// with a concurrency of 1 it waits in vain.
///
/// Threads: all members may be called from any thread at once. After `fork` the child must not touch it.
template <class Policies = default_policies>
class basic_embedded : public basic_client<embedded_policies<Policies>> {
    using policies = embedded_policies<Policies>;
    using base = basic_client<policies>;
    using hub_pointer = std::shared_ptr<transport::inproc_hub>;

public:
    using store_type = typename Policies::store_policy;

    /// \param tasks  what it can run
    /// \param store  where tasks survive; none: one that is made with the default constructor
    /// \throws error (bad_option) for an option that can't be; what a store throws whose contents cannot be read
    explicit basic_embedded(registry tasks, embedded_options options = {},
                            std::unique_ptr<store_type> store = {})
        : basic_embedded{std::make_shared<transport::inproc_hub>(), std::move(tasks), std::move(options),
                         std::move(store)} {
        // What its worker cannot run is refused; before that is there, what it can would be refused as well.
        while (!plane_.tasks().empty() && !worker_is_there() && failure().empty())
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    ~basic_embedded() {
        plane_.stop();
        thread_.join();
    }  // then the control plane goes, and with it handlers that took their time; the client they may use goes last

    /// Why nothing is accepted any more; empty while all is well. From then on each operation fails with `store_failed` and
    /// this text. The cure is to end this object, to mend what it says, and to make another: what was accepted is in the
    /// store.
    [[nodiscard]] std::string failure() const {
        std::scoped_lock const lock{mutex_};
        return failure_;
    }

private:
    basic_embedded(hub_pointer const& hub, registry tasks, embedded_options const& options,
                   std::unique_ptr<store_type> store)
        : base{client_side(options), with_transport(hub)},
          plane_{plane_side(options), std::move(tasks), with_transport(hub, std::move(store))} {
        plane_.start();
        thread_ = std::thread{[this] { serve(); }};
    }

    static client_options client_side(embedded_options const& options) {
        client_options o;
        o.timeout = options.timeout;
        o.before_call = options.before_call;
        return o;
    }
    static control_plane_options plane_side(embedded_options const& options) {
        if (options.concurrency < 1 || options.concurrency > 1024) {
            throw error{errc::bad_option,
                        "the concurrency " + std::to_string(options.concurrency) + " is not 1 to 1024"};
        }
        control_plane_options o;
        o.local_concurrency = options.concurrency;
        o.shutdown_grace = options.shutdown_grace;
        o.max_deaths = options.max_deaths;
        o.max_dead_letters = options.max_dead_letters;
        o.result_cache_size = options.result_cache_size;
        o.result_cache_ttl = options.result_cache_ttl;
        o.result_cache_bytes = options.result_cache_bytes;
        o.waiting_bytes = options.waiting_bytes;
        o.limits = options.limits;
        o.reunion = {};                                 // nobody outside can still run anything,
        o.unknown_tasks = core::unknown_tasks::refuse;  // and nobody will come who knows another task
        return o;
    }
    static policy_instances<policies> with_transport(hub_pointer const& hub,
                                                     std::unique_ptr<store_type> store = {}) {
        policy_instances<policies> made;
        made.transport = std::make_unique<transport::inproc>(hub);
        made.store = std::move(store);
        return made;
    }

    [[nodiscard]] bool worker_is_there() {
        return this->document("workers").find("\"active\"") != std::string::npos;
    }
    /// What the control plane's thread does. A failure there is told to who waits here, and ends nothing else.
    void serve() {
        try {
            plane_.run();
            this->driver().stop(make_error_code(errc::stopped), "the queue has been ended");
        } catch (error const& e) {
            fail(e.code(), e.text());
        } catch (std::exception const& e) {
            fail(make_error_code(errc::stopped), e.what());
        }
    }
    void fail(std::error_code why, std::string const& text) {
        {
            std::scoped_lock const lock{mutex_};
            failure_ = text;
        }
        this->driver().stop(why, text);
    }

    mutable std::mutex mutex_;
    std::string failure_;
    basic_control_plane<policies> plane_;
    std::thread thread_;
};

using embedded = basic_embedded<>;

}  // namespace fastqueue
