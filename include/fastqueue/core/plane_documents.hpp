#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/worker_desk.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/wire/nodes.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::core {

/// The JSON documents that a control plane shows of itself. What each holds is laid down in docs/protocol.md.
template <class P>
class plane_documents {
public:
    plane_documents(plane_state<P> const& state, worker_desk<P> const& workers)
        : s_{state}, workers_{workers} {}

    [[nodiscard]] std::string nodes() const {
        std::string out;
        json::writer w{out};
        auto const& o = s_.options;
        w.begin_array().begin_object();
        w.key("id").value(o.id).key("role").value("control-plane").key("base").value(o.base);
        w.key("management").value(o.management).key("results").value(o.results);
        w.key("ports").begin_array();
        for (auto const port : o.task_ports) w.value(port);
        w.end_array().key("epoch").value(s_.store.epoch().text()).key("version").value(o.version);
        w.key("limits").begin_object();
        wire::write_limits(w, o.limits);
        w.end_object().end_object();
        for (auto const slot : sorted()) {
            auto const& r = s_.workers[slot];
            w.begin_object().key("id").value(r.name.view()).key("role").value("subworker");
            if (r.announced.address) w.key("base").value(r.announced.address->text());
            w.key("state").value(r.state_name()).end_object();
        }
        w.end_array();
        return out;
    }

    [[nodiscard]] std::string workers() const {
        std::string out;
        json::writer w{out};
        w.begin_array();
        for (auto const slot : sorted()) write_worker(w, s_.workers[slot]);
        w.end_array();
        return out;
    }

    [[nodiscard]] std::string queues() const {
        std::string out;
        json::writer w{out};
        w.begin_object();
        for (std::size_t level = 0; level < priority_count; ++level) write_level(w, level);
        w.end_object();
        return out;
    }

    [[nodiscard]] std::string names() const {
        std::string out;
        json::writer w{out};
        w.begin_array();
        std::vector<name_entry const*> names;
        for (auto const& entry : s_.dispatch.names()) {
            if (entry.known) names.push_back(&entry);
        }
        std::ranges::sort(names, {}, [](name_entry const* n) -> std::string const& { return n->name; });
        for (auto const* n : names) {
            w.begin_object().key("name").value(n->name).key("workers").value(n->able);
            w.key("succeeded")
                .value(n->succeeded)
                .key("failed")
                .value(n->failed)
                .key("typical_us")
                .value(n->cost_us);
            w.key("paused").value(n->paused).end_object();
        }
        w.end_array();
        return out;
    }

    [[nodiscard]] std::string stats() const {
        std::string out;
        json::writer w{out};
        auto const& c = s_.counters;
        w.begin_object().key("submitted").value(c.submitted).key("succeeded").value(c.succeeded);
        w.key("failed").value(c.failed).key("cancelled").value(c.cancelled).key("expired").value(c.expired);
        w.key("retried")
            .value(c.retried)
            .key("redelivered")
            .value(c.redelivered)
            .key("returned")
            .value(c.returned);
        w.key("stale_answers").value(c.stale_answers).key("refused").value(c.refused);
        w.key("tasks").value(s_.tasks.used()).key("waiting").value(s_.waiting_tasks());
        w.key("task_octets").value(s_.task_octets).key("cached_results").value(s_.cache.size());
        w.key("cached_octets").value(s_.cache.octets()).key("known_ids").value(s_.ledger.size());
        w.key("dead_letters")
            .value(s_.dead.size())
            .key("restored")
            .value(c.restored)
            .key("adopted")
            .value(c.adopted);
        auto const& called = s_.courier.counters();
        w.key("schedules").value(s_.schedules.size()).key("callbacks_sent").value(called.sent);
        w.key("callbacks_lost").value(called.failed + called.refused);
        w.key("connections").value(s_.peers.size()).key("workers").value(workers_.by_name().size());
        w.key("uptime_ms").value(ms(s_.now.steady - s_.started)).end_object();
        return out;
    }

    [[nodiscard]] std::string health() const {
        std::size_t active = 0;
        for (auto const& [name, slot] : workers_.by_name())
            active += s_.workers[slot].state == worker_state::active ? 1U : 0U;
        std::string out;
        json::writer w{out};
        auto const status = s_.stopping ? "stopping" : s_.full ? "full" : "ok";
        w.begin_object().key("status").value(status).key("id").value(s_.options.id);
        w.key("active_workers").value(active).key("durable").value(s_.keeps());
        if (s_.full) w.key("full").value(*s_.full);
        w.key("version").value(s_.options.version).end_object();
        return out;
    }

private:
    [[nodiscard]] std::vector<std::uint32_t> sorted() const {
        std::vector<std::uint32_t> slots;
        for (auto const& [name, slot] : workers_.by_name()) slots.push_back(slot);
        std::ranges::sort(slots, {}, [&](std::uint32_t s) { return s_.workers[s].name.view(); });
        return slots;
    }
    static std::int64_t ms(instant::duration d) noexcept {
        return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
    }
    void write_worker(json::writer& w, worker_record const& r) const {
        w.begin_object()
            .key("id")
            .value(r.name.view())
            .key("state")
            .value(r.state_name())
            .key("local")
            .value(r.local);
        if (r.announced.address) w.key("address").value(r.announced.address->text());
        w.key("host")
            .value(r.announced.host)
            .key("pid")
            .value(r.announced.pid)
            .key("version")
            .value(r.announced.version);
        w.key("concurrency").value(r.concurrency).key("window").value(r.window);
        w.key("outstanding").value(r.outstanding).key("running").value(r.begun.size());
        if (r.stuck > 0) w.key("stuck").value(r.stuck);
        w.key("succeeded").value(r.succeeded).key("failed").value(r.failed);
        w.key("last_seen_ms")
            .value(ms(s_.now.steady - r.last_seen))
            .key("uptime_ms")
            .value(ms(s_.now.steady - r.since));
        w.key("tasks").begin_array();
        for (auto const& name : r.announced.tasks) w.value(name);
        w.end_array().end_object();
    }
    void write_level(json::writer& w, std::size_t level) const {
        std::uint64_t waiting = 0;
        std::uint64_t oldest = s_.now_us();
        for (auto const& entry : s_.dispatch.names()) {
            auto const& lane = entry.lanes[level];
            waiting += lane.size();
            if (!lane.empty()) oldest = std::min(oldest, s_.tasks[lane.front()].submitted_us);
        }
        for (auto at = s_.reunion.tasks.front(); at != none; at = s_.tasks[at].next) {
            if (index_of(s_.tasks[at].level) != level) continue;
            ++waiting;
            oldest = std::min(oldest, s_.tasks[at].submitted_us);
        }
        w.key(priority_names[level]).begin_object().key("waiting").value(waiting);
        w.key("oldest_ms").value(s_.ms_since(oldest));
        w.key("rate").value(s_.rates[level].per_second(s_.now.steady));
        w.key("paused").value(s_.dispatch.is_paused(static_cast<priority>(level))).end_object();
    }

    plane_state<P> const& s_;
    worker_desk<P> const& workers_;
};

}  // namespace fastqueue::core
