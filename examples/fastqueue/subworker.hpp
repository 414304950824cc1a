#pragma once

#include "executor_option.hpp"
#include "exit_code.hpp"
#include "modules.hpp"
#include "narrators.hpp"
#include "output.hpp"
#include "port_holder.hpp"
#include "ports.hpp"
#include "role.hpp"

#include <fastqueue/json/writer.hpp>
#include <fastqueue/subworker.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::cli {

/// `fastqueue subworker`
class subworker_command : public role_command {
public:
    explicit subworker_command(CLI::App& app)
        : role_command{app, "subworker", "Run tasks for a control plane"} {
        add_options();
        add_shared_options(given_.spin);
    }

    int run(registry tasks) {
        options_.read();
        check();
        live(
            name(),
            [&] {
                policy_instances<subworker_policies> instances;
                instances.observer = subworker_narrator{log_, given_.control_plane.text()};
                instances.executor = executor_maker<subworker_policies>(in_processes_);
                return basic_subworker<subworker_policies>{given_, with_modules(std::move(tasks), modules_),
                                                           std::move(instances)};
            },
            [this](auto& worker) {
                start(worker);
                tell(worker);
            },
            [this](auto const& worker) {
                if (worker.abandoned() > 0)
                    leave_unfinished(name(), worker.abandoned(), "handed back unfinished");
                if (worker.stuck() > 0) leave_unfinished(name(), worker.stuck(), "left that did not return");
            });
        return done;
    }

private:
    using text = std::string_view;
    static constexpr std::uint32_t ports = priority_count;

    void add_options() {
        options_.one("--worker-id", "NAME", "Its name, unique at its control plane (required)",
                     [this](text n, text v) { given_.worker_id = read_name(n, v); });
        options_.one("--control-plane-address", "ADDRESS", "The control plane's base address (required)",
                     [this](text n, text v) {
                         given_.control_plane = read_peer(n, v);
                         has_control_plane_ = true;
                     });
        options_.one("--base-address", "ADDRESS",
                     "It takes this port and the three above it, by priority; port 0: free ones (default: "
                     "tcp://127.0.0.1:5555)",
                     [this](text n, text v) { given_.base = read_address(n, v); });
        options_.one("--discovery-address", "ADDRESS",
                     "Where the control plane is asked for (default: tcp://127.0.0.1:5550)",
                     [this](text n, text v) { given_.discovery = read_peer(n, v); });
        options_.one("--advertise-address", "HOST",
                     "The host under which the control plane reaches it, where it listens on all (*)",
                     [this](text n, text v) { given_.advertise_host = read_host(n, v); });
        options_.one(
            "--concurrency", "N", "Tasks that it runs at once (default: 1)",
            [this](text n, text v) { given_.concurrency = read_number<std::uint32_t>(n, v, 1, 1024); },
            "FASTQUEUE_WORKER_CONCURRENCY");
        if constexpr (executor_is_chosen) {
            options_.one("--executor", "threads|process",
                         "Where tasks run: on threads of this process, or in processes of their own, where a "
                         "crash or a hang costs only the task itself (default: threads)",
                         [this](text n, text v) {
                             in_processes_ = read_word(n, v, std::array<text, 2>{"threads", "process"}) == 1;
                         });
        }
        options_.one("--weight", "N",
                     "Its share beside others: one of 2 carries twice the load of one of 1 (default: 1)",
                     [this](text n, text v) { given_.weight = read_number<std::uint32_t>(n, v, 1, 1000); });
        options_.one(
            "--cancel-grace", "SECONDS",
            "How long a task that is cancelled has for stopping; then its process is ended, or its thread "
            "given up (default: 10)",
            [this](text n, text v) { given_.cancel_grace = read_seconds(n, v); });
        options_.one("--grace", "SECONDS",
                     "How long stopping waits for what runs; then it is handed back (default: 30)",
                     [this](text n, text v) { given_.grace = read_seconds(n, v); });
    }
    void check() const {
        if (given_.worker_id.empty())
            throw error{
                errc::bad_option,
                "--worker-id is missing: give the subworker a name of its own, for example --worker-id sw1"};
        if (!has_control_plane_)
            throw error{errc::bad_option,
                        "--control-plane-address is missing: where the control plane is, for example "
                        "tcp://127.0.0.1:5555"};
        if (!given_.base->plus(ports - 1)) {
            throw error{errc::bad_address, "--base-address '" + given_.base->text() +
                                               "' leaves no room for its four ports: choose 65532 or lower"};
        }
    }
    /// Whether one of its ports would be its control plane's: that cannot work, also where that is not there yet.
    [[nodiscard]] bool is_planes() const {
        auto const& base = *given_.base;
        auto const& plane = given_.control_plane;
        bool const same_host = base.host == plane.host || (base.is_loopback() && plane.is_loopback());
        return same_host && base.port != 0 && base.port <= plane.port &&
               plane.port < base.port + static_cast<int>(ports);
    }
    void start(basic_subworker<subworker_policies>& worker) const {
        if (is_planes())
            throw error{errc::address_in_use,
                        taken(given_.control_plane, "the control plane (--control-plane-address)")};
        try {
            worker.start();
        } catch (error const& e) {
            if (e.code() != make_error_code(errc::address_in_use)) throw;
            auto const at = first_taken(*given_.base, ports);
            throw error{errc::address_in_use, at ? taken(*at, holder_of(*at)) : e.text()};
        }
    }
    /// Each subworker needs four ports of its own, beside the control plane's six.
    [[nodiscard]] std::string taken(endpoint const& at, std::string const& holder) const {
        auto words = "port " + std::to_string(at.port) + " is taken by " + holder +
                     ": give this subworker ports of its own with ";
        auto const after_plane =
            endpoint{given_.base->host, given_.control_plane.port}.plus(2);  // the next range begins 4 above
        auto const from = is_planes() && after_plane ? *after_plane : *given_.base;
        if (auto const next = next_free_range(from, ports, ports)) {
            words += "--base-address " + next->text() + " (" + std::to_string(next->port) + "-" +
                     std::to_string(next->port + ports - 1U) + " are free), or ";
        }
        return words + "--base-address tcp://" + given_.base->host + ":0 for any free ones";
    }
    void tell(basic_subworker<subworker_policies> const& worker) {
        auto const& at = worker.addresses();
        log_.announce("listening", name() + " listens: " + by_priority(at), [&](json::writer& w) {
            w.key("worker").value(given_.worker_id);
            write_addresses(w, at);
        });
        auto const names = names_of(worker.tasks(), "none: give it some with --task-modules");
        log_.announce("tasks", "tasks: " + names, [&](json::writer& w) { write_names(w, worker.tasks()); });
        auto const plane = given_.control_plane.text();
        log_.tell(log_level::info, "waiting", "waiting for the control plane " + plane,
                  [&](json::writer& w) { w.key("control_plane").value(plane); });
    }
    [[nodiscard]] std::string name() const { return "subworker '" + given_.worker_id + "'"; }

    subworker_options given_;
    bool in_processes_ = false;
    bool has_control_plane_ = false;
};

}  // namespace fastqueue::cli
