#pragma once

#include "arguments.hpp"
#include "bench_fleet.hpp"
#include "bench_load.hpp"
#include "connection.hpp"
#include "exit_code.hpp"
#include "options.hpp"
#include "output.hpp"

#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/tasks/invocation.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <deque>
#include <exception>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// `fastqueue bench`
class bench_command {
public:
    explicit bench_command(CLI::App& app)
        : options_{*app.add_subcommand("bench", "Measure how many tasks a second this machine does")} {
        add_options();
        connection_.add_to(options_);
        options_.app().footer(std::string{help});
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run(command_line const& line) {
        options_.read();
        check(line);
        auto at = connection_.options();
        std::optional<bench_fleet> fleet;  // before this process has a second thread
        if (name_.empty()) {
            fleet.emplace(subworkers_, concurrency_);
            at.discovery = fleet->discovery();
        }
        try {
            auto const seen = measure(at, task(line), fleet ? &*fleet : nullptr);
            say(connection_.json() ? as_json(seen) : as_text(seen));
            if (seen.failed > 0) complain(std::to_string(seen.failed) + " tasks failed: " + seen.failure);
            return seen.failed > 0 ? failed : done;
        } catch (error const& e) {
            if (fleet) throw;
            throw error{e.code(), connection_.explained(e, {})};
        }
    }

private:
    using text = std::string_view;
    using clock = std::chrono::steady_clock;
    static constexpr std::uint32_t most_payload = (16U << 20U) - 64;  // with its brackets and quotes
    static constexpr std::uint32_t most_a_client = 65'536;            // unanswered calls of one connection
    static constexpr std::uint64_t most_octets = 512U << 20U;         // of arguments that wait
    static constexpr text help =
        "Without --task-name it starts a control plane and subworkers of its own, on free ports, and ends "
        "them;\n"
        "with it, what runs at --discovery-address is measured, and really gets these tasks.\n"
        "Examples:\n"
        "  fastqueue bench\n"
        "  fastqueue bench --in-flight 1 --tasks 10000          # how long one call takes\n"
        "  fastqueue bench --task-name add --args 5 3 --clients 4";

    struct figures {
        double seconds = 0;
        latency_histogram took;
        std::uint64_t failed = 0;
        std::string failure;
        double plane_us = 0;  // of processor time, a task
        double workers_us = 0;
        double client_us = 0;
        bool whole = false;  // the first two are known
    };

    void add_options() {
        auto const count = [this](char const* name, char const* help_text, std::uint32_t& to,
                                  std::uint32_t most, char const* environment = "") {
            options_.one(
                name, "N", help_text,
                [&to, most](text n, text v) { to = read_number<std::uint32_t>(n, v, 1, most); }, environment);
        };
        count("--tasks", "How many tasks (default: 200000)", tasks_, 1'000'000'000);
        count("--in-flight", "So many at once, of all clients (default: 1000)", in_flight_, 1'000'000);
        count("--clients", "Connections, each with a thread (default: 1)", clients_, 1000);
        options_.one("--payload", "OCTETS", "Size of each task's argument and value (default: 16)",
                     [this](text n, text v) {
                         payload_ = read_number<std::uint32_t>(n, v, 0, most_payload);
                         has_payload_ = true;
                     });
        count("--subworkers", "Of its own (default: 1)", subworkers_, 1000);
        count("--concurrency", "Tasks that each of them runs at once (default: 1)", concurrency_, 1024,
              "FASTQUEUE_WORKER_CONCURRENCY");
        options_.one("--task-name", "NAME", "A task of a running control plane",
                     [this](text n, text v) { name_ = read_name(n, v); });
        options_.app()
            .add_option(
                "--args", [](CLI::results_t const&) { return true; }, "Its arguments, by position")
            ->type_name("ARG...");
    }
    void check(command_line const& line) const {
        if (name_.empty() && (line.arguments || line.named))
            throw error{errc::bad_option,
                        "--args are given, but no task: name it with --task-name, for example add"};
        if (!name_.empty() && has_payload_)
            throw error{errc::bad_option,
                        "--payload is for the task of this command's own: leave it out, or --task-name"};
        if ((in_flight_ + clients_ - 1) / clients_ > most_a_client)
            throw error{errc::bad_option, "--in-flight " + std::to_string(in_flight_) + " is more than " +
                                              std::to_string(most_a_client) +
                                              " for each client: give more of them, with --clients"};
        if (name_.empty() && std::uint64_t{in_flight_} * payload_ > most_octets)
            throw error{errc::bad_option, "--in-flight " + std::to_string(in_flight_) +
                                              " tasks of --payload " + std::to_string(payload_) +
                                              " are more than 512 MiB at once: give less of either"};
        if (clients_ > in_flight_)
            throw error{errc::bad_option, "--clients " + std::to_string(clients_) +
                                              " is more than --in-flight " + std::to_string(in_flight_) +
                                              ": give each client at least one task"};
    }
    [[nodiscard]] invocation<void> task(command_line const& line) const {
        if (!name_.empty()) return invocation<void>{name_, given_arguments(line)};
        return invocation<void>{bench_fleet::task, "[\"" + std::string(payload_, 'x') + "\"]"};
    }

    // ---- measuring

    [[nodiscard]] figures measure(client_options const& at, invocation<void> const& each,
                                  bench_fleet const* fleet) const {
        std::deque<bench_client> clients;
        for (std::uint32_t i = 0; i < clients_; ++i)
            clients.emplace_back(at, in_flight_ / clients_ + (i < in_flight_ % clients_ ? 1 : 0));
        constexpr std::uint64_t most_warm = 20'000;
        static_cast<void>(round(clients, each, std::min<std::uint64_t>(most_warm, tasks_ / 10 + 1)));
        auto const cpu = [fleet] {
            return std::array{fleet != nullptr ? fleet->plane_seconds() : 0,
                              fleet != nullptr ? fleet->worker_seconds() : 0,
                              seconds_on(CLOCK_PROCESS_CPUTIME_ID)};
        };
        auto const before = cpu();
        auto seen = round(clients, each, tasks_);
        auto const after = cpu();
        auto const us = [&](std::size_t i) {
            return (after[i] - before[i]) / static_cast<double>(seen.took.count()) * 1e6;
        };
        seen.whole = fleet != nullptr;
        seen.plane_us = us(0);
        seen.workers_us = us(1);
        seen.client_us = us(2);
        return seen;
    }
    /// \throws error where a task got no answer
    [[nodiscard]] static figures round(std::deque<bench_client>& clients, invocation<void> const& each,
                                       std::uint64_t tasks) {
        bench_work work{each, tasks};
        auto const begin = clock::now();
        std::vector<std::future<bench_client::outcome>> running;
        running.reserve(clients.size());
        for (auto& c : clients) running.push_back(c.run(work));
        figures all;
        std::exception_ptr refused;
        for (auto& r : running) {
            auto const one = r.get();
            all.took.add(one.took);
            all.failed += one.failed;
            if (all.failure.empty()) all.failure = one.failure;
            if (one.refused && !refused) refused = one.refused;
        }
        all.seconds = std::chrono::duration<double>(clock::now() - begin).count();
        if (refused) std::rethrow_exception(refused);
        return all;
    }

    // ---- telling

    [[nodiscard]] double rate(figures const& f) const {
        return static_cast<double>(f.took.count()) / f.seconds;
    }
    static constexpr std::array<std::pair<text, double>, 4> percentiles{
        {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}};

    template <class... Values>
    [[nodiscard]] static std::string formatted(char const* format, Values... values) {
        std::array<char, 160> out{};
        std::snprintf(out.data(), out.size(), format, values...);
        return out.data();
    }
    [[nodiscard]] std::string as_text(figures const& f) const {
        auto out = formatted("tasks    %llu in %.2f s, %u in flight, %s",
                             static_cast<unsigned long long>(f.took.count()), f.seconds, in_flight_,
                             clients_ == 1 ? "1 client" : (std::to_string(clients_) + " clients").c_str());
        out += formatted("\nrate     %.0f tasks/s\nlatency ", rate(f));
        for (auto const& [name, part] : percentiles)
            out += ' ' + std::string{name} + ' ' + span_text(rounded_us(f.took.percentile_ns(part))) + ',';
        out += " longest " + span_text(rounded_us(f.took.longest_ns())) + "\ncpu      ";
        if (f.whole)
            out += formatted("%.2f us a task: control plane %.2f, subworkers %.2f, clients %.2f",
                             f.plane_us + f.workers_us + f.client_us, f.plane_us, f.workers_us, f.client_us);
        else
            out += formatted("%.2f us a task in the clients", f.client_us);
        return out;
    }
    [[nodiscard]] std::string as_json(figures const& f) const {
        std::string out;
        json::writer w{out};
        w.begin_object().key("tasks").value(f.took.count()).key("failed").value(f.failed);
        w.key("in_flight").value(std::uint64_t{in_flight_}).key("clients").value(std::uint64_t{clients_});
        if (f.whole)
            w.key("subworkers")
                .value(std::uint64_t{subworkers_})
                .key("payload")
                .value(std::uint64_t{payload_});
        w.key("seconds").value(f.seconds).key("tasks_per_second").value(rate(f));
        for (auto const& [name, part] : percentiles)
            w.key(std::string{name} + "_us").value(static_cast<double>(f.took.percentile_ns(part)) / 1e3);
        w.key("longest_us").value(static_cast<double>(f.took.longest_ns()) / 1e3);
        if (f.whole)
            w.key("control_plane_cpu_us").value(f.plane_us).key("subworkers_cpu_us").value(f.workers_us);
        w.key("clients_cpu_us").value(f.client_us).end_object();
        return out;
    }
    [[nodiscard]] static std::uint64_t rounded_us(std::uint64_t ns) noexcept { return (ns + 500) / 1000; }

    option_set options_;
    connection connection_;
    std::string name_;
    std::uint32_t tasks_ = 200'000;
    std::uint32_t in_flight_ = 1000;
    std::uint32_t clients_ = 1;
    std::uint32_t payload_ = 16;
    std::uint32_t subworkers_ = 1;
    std::uint32_t concurrency_ = 1;
    bool has_payload_ = false;
};

}  // namespace fastqueue::cli
