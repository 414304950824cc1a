#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/task_filter.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/core/task_reasons.hpp>
#include <fastqueue/core/trouble_log.hpp>
#include <fastqueue/core/worker_desk.hpp>
#include <fastqueue/json/writer.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// The JSON documents that a control plane shows of single tasks. What each holds is laid down in docs/protocol.md.
template <class P>
class task_documents {
public:
    task_documents(plane_state<P> const& state, task_life<P> const& life, worker_desk<P> const& workers)
        : s_{state}, life_{life}, reasons_{state, life, workers} {}

    /// Tasks that have not ended, those accepted first at the front; or the kept results of those that ended as the filter
    /// says, the latest first.
    [[nodiscard]] std::string list(task_filter const& f) const {
        std::string out;
        json::writer w{out};
        w.begin_array();
        if (f.state && is_final(*f.state))
            write_ended(w, f);
        else
            for (auto const& [submitted, slot] : living(f)) write_brief(w.begin_object(), slot).end_object();
        w.end_array();
        return out;
    }
    /// All that is known of one task. \return empty: the id is not known
    [[nodiscard]] std::optional<std::string> inspect(task_id const& id) const {
        auto const entry = s_.ledger.find(id);
        if (entry == none) return std::nullopt;
        std::string out;
        json::writer w{out};
        w.begin_object();
        if (!is_final(s_.ledger.state(entry)))
            write_whole(w, s_.ledger[entry].reference);
        else if (auto const* const r = kept(entry))
            write_result(w, id, *r), write_history(w, r->history.view());
        else
            write_forgotten(w, id, s_.ledger.state(entry));
        w.end_object();
        return out;
    }
    /// Why a task is where it is. \return empty: the id is not known
    [[nodiscard]] std::optional<std::string> why(task_id const& id) const {
        auto const entry = s_.ledger.find(id);
        if (entry == none) return std::nullopt;
        auto const state = s_.ledger.state(entry);
        auto const found =
            is_final(state) ? reasons_.of_ended(state, kept(entry)) : reasons_.of(s_.ledger[entry].reference);
        std::string out;
        json::writer w{out};
        w.begin_object().key("id").value(id.text());
        w.key("state").value(name_of(is_final(state) ? state : s_.tasks[s_.ledger[entry].reference].state));
        w.key("reason").value(found.reason).key("text").value(found.text).end_object();
        return out;
    }

private:
    [[nodiscard]] cached_result const* kept(std::uint32_t entry) const {
        auto const slot = s_.ledger[entry].reference;
        return slot == none ? nullptr : s_.cache.peek(slot, s_.now.steady);
    }
    [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint32_t>> living(task_filter const& f) const {
        std::vector<std::pair<std::uint64_t, std::uint32_t>> found;  // a heap: the latest of them on top
        for (std::uint32_t slot = 0; slot < s_.tasks.capacity(); ++slot) {
            auto const& t = s_.tasks[slot];
            bool const fits = !t.id.empty() && (!f.state || t.state == *f.state) &&
                              f.fits(s_.dispatch.names()[t.name].name, t.level, s_.attributes_of(t));
            if (!fits) continue;
            if (found.size() == f.limit) {
                if (found.front().first <= t.submitted_us) continue;
                std::ranges::pop_heap(found);
                found.pop_back();
            }
            found.emplace_back(t.submitted_us, slot);
            std::ranges::push_heap(found);
        }
        std::ranges::sort_heap(found);
        return found;
    }
    void write_ended(json::writer& w, task_filter const& f) const {
        std::uint32_t count = 0;
        s_.cache.each(s_.now.steady, [&](std::uint32_t ledger, cached_result const& r) {
            bool const fits =
                r.state == *f.state && (f.name.empty() || s_.dispatch.names()[r.name].name == f.name);
            if (!fits) return true;
            w.begin_object();
            write_result(w, s_.ledger[ledger].id, r);
            w.end_object();
            return ++count < f.limit;
        });
    }

    json::writer& write_brief(json::writer& w, std::uint32_t slot) const {
        auto const& t = s_.tasks[slot];
        w.key("id").value(t.id.text()).key("name").value(s_.dispatch.names()[t.name].name);
        w.key("state").value(name_of(t.state)).key("priority").value(name_of(t.level));
        auto const [failures, deaths] = s_.troubles_of(t);
        w.key("attempt").value(t.attempt).key("failures").value(failures).key("deaths").value(deaths);
        if (t.worker != none) w.key("worker").value(s_.worker_name(t.worker));
        w.key("age_ms").value(s_.ms_since(t.submitted_us));
        if (t.state == task_state::running) w.key("running_ms").value(s_.ms_since(t.started_us));
        if (auto const due = life_.due_in(slot)) w.key("in_ms").value(due->count());
        write_tags(w, s_.attributes_of(t));
        return w;
    }
    void write_whole(json::writer& w, std::uint32_t slot) const {
        auto const& t = s_.tasks[slot];
        write_brief(w, slot);
        if (t.terms != none) {
            auto const& o = s_.terms[t.terms].options;
            w.key("retries").value(o.retries).key("timeout_ms").value(o.timeout_ms);
            w.key("soft_timeout_ms").value(o.soft_timeout_ms);
        }
        w.key("delivery").value(t.at_most_once ? "at_most_once" : "at_least_once");
        w.key("content").value(s_.contents[t.content]).key("payload_octets").value(t.octets);
        w.key("submitted_us").value(t.submitted_us);
        if (t.started_us != 0) w.key("started_us").value(t.started_us);
        for (auto const* const key : {"unique", "callback", "firing"}) {
            if (auto const value = s_.attributes_of(t).get(key); !value.empty()) w.key(key).value(value);
        }
        if (auto const progress = life_.progress_of(t); !progress.empty()) w.key("progress").value(progress);
        write_history(w, life_.history_of(t));
    }
    /// Its result is no longer kept; what its dead letter remembers is.
    void write_forgotten(json::writer& w, task_id const& id, task_state state) const {
        w.key("id").value(id.text()).key("state").value(name_of(state));
        if (auto const* const letter = s_.dead.find(id)) write_history(w, letter->history);
    }
    static void write_history(json::writer& w, std::string_view history) {
        if (!history.empty()) trouble_log::write(w.key("history"), history);
    }
    void write_result(json::writer& w, task_id const& id, cached_result const& r) const {
        w.key("id").value(id.text()).key("name").value(s_.dispatch.names()[r.name].name);
        w.key("state").value(name_of(r.state));
        if (r.code != errc{}) w.key("code").value(name_of(r.code));
        w.key("attempt").value(r.attempt);
        if (!r.worker.empty()) w.key("worker").value(r.worker.view());
        w.key("age_ms").value(s_.ms_since(r.submitted_us));
        w.key("content").value(s_.contents[r.content]).key("result_octets").value(r.value.size());
        w.key("submitted_us").value(r.submitted_us);
        if (r.started_us != 0) w.key("started_us").value(r.started_us);
        w.key("finished_us").value(r.finished_us);
    }

    plane_state<P> const& s_;
    task_life<P> const& life_;
    task_reasons<P> reasons_;
};

}  // namespace fastqueue::core
