#pragma once

#include "executor_option.hpp"
#include "exit_code.hpp"
#include "modules.hpp"
#include "narrators.hpp"
#include "output.hpp"
#include "port_holder.hpp"
#include "ports.hpp"
#include "role.hpp"
#include "store_option.hpp"

#include <fastqueue/control_plane.hpp>
#include <fastqueue/json/writer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// `fastqueue control-plane`
class control_plane_command : public role_command {
public:
    explicit control_plane_command(CLI::App& app)
        : role_command{app, "control-plane", "Run the coordinator; start it first"} {
        add_addresses();
        add_store();
        add_cache();
        add_workers();
        add_shared_options(given_.spin);
    }

    int run(registry tasks) {
        options_.read();
        check();
        given_.heartbeat = std::min<std::chrono::milliseconds>(given_.heartbeat, given_.worker_timeout / 3);
        live(
            name(),
            [&] {
                policy_instances<plane_policies> instances;
                instances.observer = plane_narrator{log_, given_.id + ".local"};
                instances.store = store_.opened(given_.spin);
                instances.executor = executor_maker<plane_policies>(local_in_processes_);
                return basic_control_plane<plane_policies>{given_, with_modules(std::move(tasks), modules_),
                                                           std::move(instances)};
            },
            [this](auto& plane) {
                start(plane);
                tell(plane);
                tell_store(plane.machine().state());
            },
            [this](auto const& plane) { end(plane); });
        return done;
    }

private:
    using text = std::string_view;

    void add_addresses() {
        options_.one("--worker-id", "NAME", "Its name (default: control-plane)",
                     [this](text n, text v) { given_.id = read_name(n, v); });
        options_.one(
            "--base-address", "ADDRESS",
            "Tasks come in on this port and the three above it, by priority; results on the next (default: "
            "tcp://127.0.0.1:5555)",
            [this](text n, text v) { given_.base = read_address(n, v); });
        options_.one("--discovery-address", "ADDRESS",
                     "Where it is asked for (default: tcp://127.0.0.1:5550)",
                     [this](text n, text v) { given_.discovery = read_address(n, v); });
        options_.one("--subworker-port", "PORT",
                     "Subworker management port (default: 5560; a free one where the base's port is 0)",
                     [this](text n, text v) { given_.subworker_port = read_number<std::uint16_t>(n, v, 0); });
        options_.one("--advertise-address", "HOST",
                     "The host under which others reach it, where it listens on all (*)",
                     [this](text n, text v) { given_.advertise_host = read_host(n, v); });
    }
    void add_store() {
        options_.one(
            "--store", "STORE",
            "Where tasks and results are kept: memory, where they end with this process, or sqlite:PATH, a "
            "file, where they survive it (default: memory)",
            [this](text n, text v) {
                store_ = store_choice{n, v};
            });
        options_.one("--max-dead-letters", "N",
                     "How many tasks that failed are kept to be looked at and run again; the oldest leave "
                     "first (default: 10000)",
                     [this](text n, text v) {
                         given_.max_dead_letters = read_number<std::uint32_t>(n, v, 0, 10'000'000);
                     });
        options_.one(
            "--id-ledger-size", "N",
            "How many ids of ended tasks are remembered, so that none is run twice (default: 1000000)",
            [this](text n, text v) {
                given_.id_ledger_size = read_number<std::uint32_t>(n, v, 1, 100'000'000);
            });
        options_.one("--waiting-memory", "MIB",
                     "With a file: arguments of waiting tasks that are held in memory as well; those of "
                     "further ones are read from the file in time (default: 256)",
                     [this](text n, text v) {
                         given_.waiting_bytes = std::uint64_t{read_number<std::uint32_t>(n, v, 0, 1U << 20U)}
                                                << 20U;
                     });
        options_.one(
            "--reunion", "SECONDS",
            "After a restart, how long tasks that a subworker may still be running wait for it to come "
            "back, before others get them (default: 10)",
            [this](text n, text v) { given_.reunion = read_seconds(n, v); });
    }
    void add_cache() {
        options_.one("--result-cache-size", "N", "Maximum cached results (default: 10000)",
                     [this](text n, text v) {
                         given_.result_cache_size = read_number<std::uint32_t>(n, v, 0, 100'000'000);
                     });
        options_.one("--result-cache-ttl", "SECONDS", "How long results are kept (default: 3600)",
                     [this](text n, text v) {
                         given_.result_cache_ttl =
                             std::chrono::seconds{read_number<std::uint32_t>(n, v, 1, 1'000'000'000)};
                     });
    }
    void read_local(text option, text value) {
        std::vector<text> words{"thread", "off"};
        if (executor_is_chosen) words.insert(words.begin() + 1, "process");
        auto const chosen = words[read_word(option, value, words)];
        given_.local = chosen != "off";
        local_in_processes_ = chosen == "process";
    }
    void add_workers() {
        options_.one("--local", executor_is_chosen ? "thread|process|off" : "thread|off",
                     executor_is_chosen
                         ? "Whether it runs tasks itself while no subworker can, on a thread or "
                           "in a process of their own (default: thread)"
                         : "Whether it runs tasks itself while no subworker can (default: thread)",
                     [this](text n, text v) { read_local(n, v); });
        options_.one(
            "--concurrency", "N", "Tasks that it runs itself at once (default: 1)",
            [this](text n, text v) { given_.local_concurrency = read_number<std::uint32_t>(n, v, 1, 1024); },
            "FASTQUEUE_WORKER_CONCURRENCY");
        options_.one("--worker-timeout", "SECONDS",
                     "A subworker silent for so long is inactive (default: 30)", [this](text n, text v) {
                         given_.worker_timeout = read_seconds(n, v, std::chrono::milliseconds{100});
                     });
        options_.one("--worker-grace", "SECONDS",
                     "A subworker whose connection broke may come back in it (default: 1)",
                     [this](text n, text v) { given_.worker_grace = read_seconds(n, v); });
        options_.one("--grace", "SECONDS", "How long stopping waits for what runs (default: 30)",
                     [this](text n, text v) { given_.shutdown_grace = read_seconds(n, v); });
        options_.one(
            "--max-deaths", "N", "A task that took so many subworkers with it is given up (default: 3)",
            [this](text n, text v) { given_.max_deaths = read_number<std::uint32_t>(n, v, 1, 1'000'000); });
        options_.one("--unknown-tasks", "auto|wait|refuse",
                     "What happens to tasks that no worker knows (default: auto: they wait at first, then "
                     "are refused)",
                     [this](text n, text v) { given_.unknown_tasks = read_unknown_tasks(n, v); });
        options_.one("--cancel-grace", "SECONDS",
                     "How long a task of its own that is cancelled has for stopping (default: 10)",
                     [this](text n, text v) { given_.cancel_grace = read_seconds(n, v); });
        options_.many("--callback-allow", "HOST...", "Further hosts that a task's --callback may name",
                      [this](text n, text v) { given_.callback_allow.push_back(read_host(n, v)); });
        options_.many("--worker-allow", "HOST...", "Further hosts on which subworkers may have their ports",
                      [this](text n, text v) { given_.worker_allow.push_back(read_host(n, v)); });
    }

    [[nodiscard]] std::uint16_t management_port() const noexcept {
        constexpr std::uint16_t usual = 5560;
        return given_.subworker_port.value_or(given_.base.port == 0 ? std::uint16_t{0} : usual);
    }
    /// That its own ports do not run into each other.
    void check() const {
        if (given_.base.port == 0) return;
        if (!given_.base.plus(4)) {
            throw error{errc::bad_address, "--base-address '" + given_.base.text() +
                                               "' leaves no room for its five ports: choose 65531 or lower"};
        }
        auto const last = given_.base.port + 4;
        auto const range = std::to_string(given_.base.port) + " to " + std::to_string(last);
        auto const inside = [&](std::uint16_t port) { return port >= given_.base.port && port <= last; };
        auto const management = management_port();
        if (inside(management)) {
            throw error{errc::bad_option,
                        "--subworker-port '" + std::to_string(management) + "' is one of the ports " + range +
                            " that --base-address takes: choose " + std::to_string(last + 1)};
        }
        auto const& asked = given_.discovery;
        if (asked.host == given_.base.host && asked.port != 0 &&
            (inside(asked.port) || asked.port == management)) {
            throw error{errc::bad_option, "--discovery-address '" + asked.text() +
                                              "' is a port that --base-address (" + range +
                                              ") or --subworker-port (" + std::to_string(management) +
                                              ") takes: choose another"};
        }
    }
    void start(basic_control_plane<plane_policies>& plane) const {
        try {
            plane.start();
        } catch (error const& e) {
            if (store_.keeps() && e.code() == make_error_code(errc::bad_value))  // it cannot be read
                throw error{errc::store_failed, e.text()};
            if (e.code() != make_error_code(errc::address_in_use)) throw;
            throw error{errc::address_in_use, taken(e)};
        }
    }
    /// Which port it is, and which option moves it.
    [[nodiscard]] std::string taken(error const& e) const {
        auto const says = [](endpoint const& at) {
            return "port " + std::to_string(at.port) + " is taken by " + holder_of(at) + ": ";
        };
        if (auto const at = first_taken(given_.base, 5)) return says(*at) + another_base();
        if (auto const at = first_taken({given_.base.host, management_port()}, 1)) {
            return says(*at) + "choose another management port with --subworker-port, or 0 for a free one";
        }
        if (auto const at = first_taken(given_.discovery, 1)) {
            return says(*at) + "choose another with --discovery-address, for example tcp://" + at->host +
                   ":0 for a free one";
        }
        return e.text();
    }
    [[nodiscard]] std::string another_base() const {
        std::string words = "a control plane that runs already? If you want another, give it ";
        if (auto const next = next_free_range(given_.base, 7, 100)) {
            words += "--base-address " + next->text() + " --subworker-port " +
                     std::to_string(next->port + 5) + ", or ";
        }
        return words + "--base-address tcp://" + given_.base.host +
               ":0 for free ports, and a --discovery-address of its own";
    }
    void tell(basic_control_plane<plane_policies> const& plane) {
        auto const& at = plane.listens();
        auto const& first = at.tasks[0];
        std::string line = name() + " listens: tasks " + by_priority(at.tasks);
        line += ", results " + short_form(at.results, first) + ", management " +
                short_form(at.management, first) + ", discovery " + short_form(at.discovery, first);
        log_.announce("listening", line, [&](json::writer& w) {
            w.key("worker").value(given_.id);
            write_addresses(w, at.tasks);
            w.key("results").value(at.results.text()).key("management").value(at.management.text());
            w.key("discovery").value(at.discovery.text());
        });
        auto const idle = !given_.local && !plane.tasks().empty() ? " (left to subworkers: --local off)" : "";
        auto const names = names_of(plane.tasks(), "none of its own; subworkers bring theirs");
        log_.announce("tasks", "tasks: " + names + idle,
                      [&](json::writer& w) { write_names(w, plane.tasks()); });
    }

    /// Which store it has, and what was in it.
    void tell_store(core::plane_state<plane_policies> const& state) {
        if (!store_.keeps())
            return log_.announce(
                "store", "store: memory (tasks end with this process: --store sqlite:PATH keeps them)",
                [](json::writer& w) { w.key("store").value("memory"); });
        auto const restored = state.counters.restored;
        std::uint64_t const away = state.reunion.tasks.size();
        std::string line = "store: " + store_.text() + ", tasks restored: " + std::to_string(restored);
        if (away > 0)
            line += ", of which subworkers may still run " + std::to_string(away) + ": they have " +
                    seconds_text(given_.reunion) + " s to come back";
        log_.announce("store", one_line(line), [&](json::writer& w) {
            w.key("store").value(store_.text()).key("restored").value(restored).key("reunion").value(away);
        });
    }
    void end(basic_control_plane<plane_policies> const& plane) {
        auto const kept = plane.machine().state().tasks.used();
        if (store_.keeps() && kept > 0)
            log_.announce("kept", one_line("tasks kept in " + store_.text() + ": " + std::to_string(kept)),
                          [&](json::writer& w) { w.key("tasks").value(kept); });
        if (plane.unfinished() > 0)
            leave_unfinished(name(), plane.unfinished(),
                             store_.keeps() ? "left unfinished (kept in the store)" : "left unfinished");
    }

    [[nodiscard]] std::string name() const { return "control plane '" + given_.id + "'"; }

    control_plane_options given_;
    bool local_in_processes_ = false;
    store_choice store_;
};

}  // namespace fastqueue::cli
