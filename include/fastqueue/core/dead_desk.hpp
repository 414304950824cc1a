#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/task_filter.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/core/trouble_log.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// The dead letters, as an operator sees and orders them: `dead [<id>]`, `rerun <id>`, `purge [<id>]`.
template <class P>
class dead_desk {
public:
    dead_desk(plane_state<P>& state, task_life<P>& life) : s_{state}, life_{life} {}

    /// \return false: it is none of its verbs
    bool verb(request& r, wire::header const& h) {
        if (h.verb() == "dead")
            h.positional().empty() ? list(r, h) : show(r, h);
        else if (h.verb() == "rerun")
            rerun(r, h);
        else if (h.verb() == "purge")
            purge(r, h);
        else
            return false;
        return true;
    }

    /// Arguments have come from the store, perhaps of one that was kept without.
    void fetched(policy::fetched_arguments const& f) { s_.dead.complete(f.number, f.arguments); }

private:
    void list(request& r, wire::header const& h) {
        auto const wanted = filter(r, h);
        auto const limit = wanted ? s_.list_limit(r, h) : std::nullopt;
        if (!limit) return;
        auto left = *limit;
        std::string out;
        json::writer w{out};
        w.begin_array();
        s_.dead.each([&](dead_letter const& l) {
            if (!fits(*wanted, l)) return true;
            write_brief(w.begin_object(), l).end_object();
            return --left > 0;
        });
        w.end_array();
        s_.show(r, h, h.verb(), {}, out);
    }
    void show(request& r, wire::header const& h) {
        auto const* const l = find(r, h);
        if (l == nullptr) return;
        std::string out;
        json::writer w{out};
        write_brief(w.begin_object(), *l);
        w.key("retries").value(l->options.retries).key("timeout_ms").value(l->options.timeout_ms);
        w.key("content").value(l->content.empty() ? std::string_view{"json"} : std::string_view{l->content});
        w.key("arguments").value(l->arguments).key("submitted_us").value(l->submitted_us);
        w.key("finished_us").value(l->finished_us).key("history");
        trouble_log::write(w, l->history);
        w.end_object();
        s_.show(r, h, h.verb(), l->id.text(), out);
    }
    /// The task is accepted anew, under another id: the first one has its end, and that stands.
    void rerun(request& r, wire::header const& h) {
        auto const* const l = find(r, h);
        if (l == nullptr) return;
        auto const as = h.get("as");
        auto const id = as.empty() ? std::optional{uuid::make_v4()} : uuid::parse(as);
        if (!id) return s_.refuse(r, h, "as= is no UUID");
        if (s_.ledger.find(*id) != none)
            return s_.error(r, l->id.text(), errc::id_conflict, ref_of(h), "the id of as= is in use");
        if (l->left)
            return s_.error(r, l->id.text(), errc::queue_full, ref_of(h),
                            "its arguments are still being read from the store: try again");
        if (!s_.has_room(l->arguments.size())) return s_.refuse_full(r, h, l->id.text());
        auto const key = task_attributes{l->attributes}.get("unique");
        if (auto const holder = key.empty() ? none : s_.unique.find(key); holder != none)
            return s_.error(r, l->id.text(), errc::duplicate, ref_of(h), s_.tasks[holder].id.text());
        auto const stored = accept(*l, *id);
        auto const old = l->id;
        auto const number = l->number;
        s_.dead.erase(old);
        s_.store.forget(number);
        std::string out;
        json::writer w{out};
        w.begin_object().key("id").value(id->text()).key("rerun_of").value(old.text()).end_object();
        s_.show(r, h, h.verb(), old.text(), out);
        s_.rests_on(r, stored);
    }
    policy::store_sequence accept(dead_letter const& l, task_id const& id) {
        wire::request_options o;
        o.task = l.options;
        o.task.priority = l.level;
        o.content = l.content;
        auto const fingerprint = task_fingerprint(l.name, l.content, l.arguments);
        auto const slot = life_.accept({id, l.name, l.arguments, fingerprint, l.level, l.attributes}, o);
        return s_.tasks[slot].stored;
    }
    void purge(request& r, wire::header const& h) {
        std::vector<task_id> gone;
        if (!h.positional().empty()) {
            auto const* const l = find(r, h);
            if (l == nullptr) return;
            gone.push_back(l->id);
        } else {
            auto const wanted = filter(r, h);
            if (!wanted) return;
            s_.dead.each([&](dead_letter const& l) {
                if (fits(*wanted, l)) gone.push_back(l.id);
                return true;
            });
        }
        policy::store_sequence last = 0;
        for (auto const& id : gone) {
            last = s_.store.forget(s_.dead.find(id)->number);
            s_.dead.erase(id);
        }
        std::string out;
        json::writer w{out};
        w.begin_object().key("purged").value(gone.size()).end_object();
        s_.show(r, h, h.verb(), {}, out);
        s_.rests_on(r, last);
    }

    /// Which of them are meant. \return empty: it was refused
    [[nodiscard]] std::optional<task_filter> filter(request& r, wire::header const& h) {
        std::optional<task_filter> f{std::in_place};
        auto problem = f->read(h, h.verb() == "dead" ? "limit" : "");
        if (problem.empty() && f->state)
            problem = "dead letters are all in the state failure: leave state= out";
        if (problem.empty()) return f;
        s_.refuse(r, h, problem);
        return std::nullopt;
    }
    [[nodiscard]] static bool fits(task_filter const& f, dead_letter const& l) {
        return f.fits(l.name, l.level, task_attributes{l.attributes});
    }
    json::writer& write_brief(json::writer& w, dead_letter const& l) const {
        std::uint32_t deaths = 0;
        trouble_log::each(l.history,
                          [&](trouble const& t) { deaths += t.code == errc::worker_lost ? 1U : 0U; });
        w.key("id").value(l.id.text()).key("name").value(l.name).key("priority").value(name_of(l.level));
        w.key("code").value(name_of(l.code)).key("text").value(l.text).key("attempt").value(l.attempt);
        w.key("deaths").value(deaths);
        if (!l.worker.empty()) w.key("worker").value(l.worker);
        w.key("age_ms").value(s_.ms_since(l.finished_us));
        write_tags(w, task_attributes{l.attributes});
        return w;
    }
    [[nodiscard]] dead_letter const* find(request& r, wire::header const& h) {
        auto const id = s_.asked_id(r, h);
        if (!id) return nullptr;
        auto const* const letter = s_.dead.find(*id);
        if (letter == nullptr)
            s_.error(r, id->text(), errc::unknown_task, ref_of(h),
                     "no task with that id is among the dead letters");
        return letter;
    }

    plane_state<P>& s_;
    task_life<P>& life_;
};

}  // namespace fastqueue::core
