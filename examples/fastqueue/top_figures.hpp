#pragma once

#include "fitted_table.hpp"
#include "json_rows.hpp"

#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/priority.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// The documents that `fastqueue top` is drawn from, as a control plane gives them.
struct top_documents {
    std::string health;
    std::string stats;
    std::string queues;
    std::string workers;
    std::string tasks;  ///< those that run
};

/// At most so many running tasks are asked for.
inline constexpr std::size_t top_most_tasks = 500;

struct top_queue {
    std::string name;
    std::uint64_t waiting = 0;
    std::uint64_t oldest_ms = 0;
    double rate = 0;
    bool paused = false;
};

struct top_worker {
    std::string id;
    std::string state;
    std::string host;
    std::uint64_t running = 0;
    std::uint64_t outstanding = 0;
    std::uint64_t concurrency = 0;
    std::uint64_t ended = 0;
    std::uint64_t failed = 0;
    std::uint64_t last_seen_ms = 0;
    std::uint64_t uptime_ms = 0;
    std::optional<double> rate;  ///< tasks that ended there a second, since the figures before
};

struct top_task {
    std::string id;
    std::string name;
    std::string worker;
    std::size_t level = 0;  ///< of priority_names
    std::uint64_t attempt = 0;
    std::uint64_t age_ms = 0;
    std::uint64_t running_ms = 0;
};

/// All that there is to see of a control plane at one moment.
struct top_figures {
    using clock = std::chrono::steady_clock;

    clock::time_point at;
    std::string plane;
    std::string version;
    std::string status;  ///< `ok`, `full`, `stopping`
    std::uint64_t uptime_ms = 0;
    std::uint64_t submitted = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t expired = 0;
    std::uint64_t retried = 0;
    std::uint64_t dead_letters = 0;
    std::uint64_t tasks = 0;  ///< that have not ended
    std::uint64_t waiting = 0;
    std::uint64_t running = 0;  ///< of all workers
    std::uint64_t ahead = 0;    ///< sent to workers, and not begun as far as is known
    std::uint64_t later = 0;    ///< scheduled, or waiting to be tried again
    std::optional<double> in;   ///< tasks submitted a second, since the figures before
    std::optional<double> out;  ///< tasks ended a second
    std::vector<top_queue> queues;
    std::vector<top_worker> workers;  ///< by id
    std::vector<top_task> running_tasks;

    [[nodiscard]] std::uint64_t ended() const noexcept { return succeeded + failed + cancelled + expired; }
};

/// The documents as they are, with the rates that follow from two of them, on a line.
[[nodiscard]] inline std::string as_json(top_figures const& figures, top_documents const& documents) {
    std::string out;
    json::writer w{out};
    w.begin_object();
    if (figures.in) w.key("in_per_second").value(*figures.in);
    if (figures.out) w.key("out_per_second").value(*figures.out);
    w.key("health").raw(documents.health).key("stats").raw(documents.stats);
    w.key("queues").raw(documents.queues).key("workers").raw(documents.workers);
    w.key("running").raw(documents.tasks).end_object();
    return out;
}

/// Makes figures of documents, and rates of their differences.
class top_reader {
public:
    /// \param at      when the documents came
    /// \param before  the figures of last time; null: there are none, and so no rates
    /// \throws error (bad_value) if they are something else
    [[nodiscard]] static top_figures read(top_documents const& documents, top_figures::clock::time_point at,
                                          top_figures const* before) {
        top_figures out;
        out.at = at;
        read_plane(out, documents);
        read_queues(out, documents.queues);
        read_workers(out, documents.workers);
        read_tasks(out, documents.tasks);
        auto const on_their_way = out.waiting + out.running + out.ahead;
        out.later = out.tasks - std::min(out.tasks, on_their_way);
        if (before != nullptr) compare(out, *before);
        return out;
    }

private:
    static void read_plane(top_figures& out, top_documents const& documents) {
        json_rows const health{documents.health, json_rows::form::one};
        out.plane = one_column_each(health.get(0, "id"));
        out.version = one_column_each(health.get(0, "version"));
        out.status = one_column_each(health.get(0, "status"));
        json_rows const stats{documents.stats, json_rows::form::one};
        out.uptime_ms = stats.number(0, "uptime_ms");
        out.submitted = stats.number(0, "submitted");
        out.succeeded = stats.number(0, "succeeded");
        out.failed = stats.number(0, "failed");
        out.cancelled = stats.number(0, "cancelled");
        out.expired = stats.number(0, "expired");
        out.retried = stats.number(0, "retried");
        out.dead_letters = stats.number(0, "dead_letters");
        out.tasks = stats.number(0, "tasks");
        out.waiting = stats.number(0, "waiting");
    }
    static void read_queues(top_figures& out, std::string const& document) {
        json_rows const rows{document, json_rows::form::members};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            auto const rate = rows.get(i, "rate");
            top_queue queue{one_column_each(rows.name(i)), rows.number(i, "waiting"),
                            rows.number(i, "oldest_ms"), 0, rows.get(i, "paused") == "true"};
            std::from_chars(rate.data(), rate.data() + rate.size(), queue.rate);
            out.queues.push_back(std::move(queue));
        }
    }
    static void read_workers(top_figures& out, std::string const& document) {
        json_rows const rows{document};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            top_worker worker;
            worker.id = one_column_each(rows.get(i, "id"));
            worker.state = one_column_each(rows.get(i, "state"));
            worker.host = rows.get(i, "local") == "true" ? "(local)" : one_column_each(rows.get(i, "host"));
            worker.running = rows.number(i, "running");
            worker.outstanding = rows.number(i, "outstanding");
            worker.concurrency = rows.number(i, "concurrency");
            worker.failed = rows.number(i, "failed");
            worker.ended = rows.number(i, "succeeded") + worker.failed;
            worker.last_seen_ms = rows.number(i, "last_seen_ms");
            worker.uptime_ms = rows.number(i, "uptime_ms");
            out.running += worker.running;
            out.ahead += worker.outstanding - std::min(worker.outstanding, worker.running);
            out.workers.push_back(std::move(worker));
        }
        std::ranges::sort(out.workers, {}, &top_worker::id);
    }
    static void read_tasks(top_figures& out, std::string const& document) {
        json_rows const rows{document};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            auto const level = std::ranges::find(priority_names, rows.get(i, "priority"));
            out.running_tasks.push_back(
                {one_column_each(rows.get(i, "id")), one_column_each(rows.get(i, "name")),
                 one_column_each(rows.get(i, "worker")),
                 static_cast<std::size_t>(level - priority_names.begin()), rows.number(i, "attempt"),
                 rows.number(i, "age_ms"), rows.number(i, "running_ms")});
        }
    }

    /// The control plane's own clock tells how long it was between them. One that has started since then counts anew: there
    /// is nothing to compare.
    static void compare(top_figures& now, top_figures const& before) {
        auto const passed = std::chrono::duration_cast<std::chrono::milliseconds>(now.at - before.at).count();
        bool const same = now.uptime_ms > before.uptime_ms &&
                          now.uptime_ms >= static_cast<std::uint64_t>(std::max<std::int64_t>(passed, 0));
        if (!same) return;
        auto const ms = now.uptime_ms - before.uptime_ms;
        now.in = per_second(now.submitted, before.submitted, ms);
        now.out = per_second(now.ended(), before.ended(), ms);
        for (auto& worker : now.workers) {
            auto const old = std::ranges::lower_bound(before.workers, worker.id, {}, &top_worker::id);
            bool const known = old != before.workers.end() && old->id == worker.id;
            if (known && worker.uptime_ms > old->uptime_ms)
                worker.rate = per_second(worker.ended, old->ended, ms);
        }
    }
    [[nodiscard]] static std::optional<double> per_second(std::uint64_t now, std::uint64_t before,
                                                          std::uint64_t ms) {
        if (now < before) return std::nullopt;
        return static_cast<double>(now - before) * 1000 / static_cast<double>(ms);
    }
};

}  // namespace fastqueue::cli
