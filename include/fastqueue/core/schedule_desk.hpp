#pragma once

#include <fastqueue/core/callback_hosts.hpp>
#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/schedule_document.hpp>
#include <fastqueue/core/schedule_times.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/core/unknown_name.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::core {

/// Tasks that are submitted again and again: what operators and workers order (`schedule`, `unschedule`, `trigger`, `pause` and
/// `resume schedule=`, `schedules`), and what fires. With a durable store all of it outlives a restart: the id of a firing's task is
/// stored before it fires, so it is submitted once.
template <class P>
class schedule_desk {
public:
    schedule_desk(plane_state<P>& state, task_life<P>& life) : s_{state}, life_{life} {}

    /// \return false: it is none of its verbs
    bool verb(request& r, wire::header const& h, std::string_view payload) {
        auto const verb = h.verb();
        if (verb == "schedule")
            define(r, h, payload);
        else if (verb == "schedules")
            list(r, h);
        else if (verb == "unschedule")
            one(r, h, [this](std::uint32_t slot) { remove(slot); });
        else if (verb == "trigger")
            trigger(r, h);
        else if ((verb == "pause" || verb == "resume") && !h.get("schedule").empty())
            pause(r, h);
        else
            return false;
        return true;
    }

    /// Fires what is due.
    void tick() {
        if (s_.stopping) return;
        for (auto const& text : s_.schedules.take_outdated()) written_ = s_.store.member(text, false);
        std::size_t octets = 0;
        for (int i = 0; i < most_a_tick && octets < most_octets_a_tick; ++i) {
            auto const slot = s_.schedules.pop(s_.now.wall);
            if (!slot) return;
            octets += s_.schedules[*slot].arguments.size();
            fire_due(*slot);
        }
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        return s_.stopping ? instant::max() : s_.schedules.next_deadline(s_.now);
    }

private:
    static constexpr int most_a_tick = 1'000;
    static constexpr std::size_t most_octets_a_tick = 1U << 20U;
    static constexpr std::uint64_t most_octets = 64U << 20U;  // of all their arguments and definitions
    static constexpr std::uint64_t late_us = 10'000'000;  // what is made up for later than that was missed

    // ---- orders

    void define(request& r, wire::header const& h, std::string_view payload) {
        schedule made;
        if (auto const bad = made.read(h, payload); !bad.empty()) return s_.refuse(r, h, bad);
        if (auto const bad = callback_refusal(h.get("callback"), s_.options.callback_allow); !bad.empty())
            return s_.error(r, "-", errc::not_authorized, ref_of(h), bad);
        if (!s_.zones.period(made.zone, this_second()))
            return s_.refuse(
                r, h,
                "zone=: '" + made.zone.substr(0, 64) +
                    "' is not known here; write UTC, +02:00 or, where the control plane has the system's, "
                    "Europe/Berlin");
        if (auto const unknown = unknown_name(s_, made.task))
            return s_.error(r, "-", errc::unknown_task_name, ref_of(h), *unknown);
        if (auto const content = h.get("content"); !content.empty() && content != "json") {
            if (!s_.may_have_content(content))
                return s_.error(r, "-", errc::unsupported_content, ref_of(h),
                                "more content types than are kept apart");
            static_cast<void>(s_.content_number(content));
        }
        auto const known = s_.schedules.find(made.name);
        if (known == none) {
            if (s_.schedules.size() >= s_.options.limits.max_schedules ||
                s_.schedules.octets() >= most_octets)
                return s_.error(r, "-", errc::queue_full, ref_of(h), "as many schedules as there may be");
            return add(r, h, std::move(made));
        }
        auto const& there = s_.schedules[known];
        bool const same = there.definition == made.definition && there.arguments == made.arguments;
        if (same) return answer(r, h, known);
        if (h.get("replace") != "1")
            return s_.error(r, "-", errc::duplicate, ref_of(h),
                            "a schedule '" + made.name +
                                "' is there, and says something else: replace=1, or another name");
        replace(r, h, known, std::move(made));
    }
    void add(request& r, wire::header const& h, schedule&& made) {
        made.anchor_us = s_.now_us();
        plan(made, made.anchor_us);
        if (made.next_us == 0) return s_.refuse(r, h, "it would never fire: until_us= has gone by");
        if (s_.keeps()) written_ = s_.store.member(made.text(), true);
        answer(r, h, s_.schedules.add(std::move(made)));
    }
    /// What it has done so far stays, and its times where they are the same.
    void replace(request& r, wire::header const& h, std::uint32_t slot, schedule&& made) {
        auto& there = s_.schedules[slot];
        auto const before = text_of(there);
        bool const same_times = there.every_us == made.every_us && there.start_us == made.start_us;
        made.anchor_us = same_times ? there.anchor_us : s_.now_us();
        made.fired = there.fired;
        made.skipped = there.skipped;
        made.last_us = there.last_us;
        made.last_id = there.last_id;
        made.run_id = there.run_id;
        made.paused = there.paused;
        made.revision = there.revision;
        plan(made, s_.now_us());
        if (made.next_us == 0)
            return s_.refuse(r, h,
                             "it would never fire: until_us= has gone by, or it has fired count= times");
        s_.schedules.change(slot, std::move(made));
        rewrite(there, before);
        answer(r, h, slot);
    }
    void remove(std::uint32_t slot) {
        if (s_.keeps()) written_ = s_.store.member(text_of(s_.schedules[slot]), false);
        s_.schedules.erase(slot);
    }
    void pause(request& r, wire::header const& h) {
        auto const slot = s_.schedules.find(h.get("schedule"));
        if (!h.positional().empty() || !h.get("name").empty() || !h.get("priority").empty())
            return s_.refuse(r, h, "schedule= stands alone");
        if (slot == none) return unknown(r, h, h.get("schedule"));
        auto& d = s_.schedules[slot];
        bool const paused = h.verb() == "pause";
        if (d.paused != paused) {
            auto const before = text_of(d);
            d.paused = paused;
            if (!paused && d.next_us != 0) plan(d, s_.now_us());  // what was due meanwhile was not missed
            rewrite(d, before);
            s_.schedules.arm(slot);
        }
        answer(r, h, slot);
    }
    /// Fires now, beside its times. The id comes from who asks, so that a question that is sent again is the same firing.
    void trigger(request& r, wire::header const& h) {
        auto const slot = named(r, h);
        if (slot == none) return;
        auto const as = uuid::parse(h.get("as"));
        if (!as) return s_.refuse(r, h, "as= is the id of the task to make, a UUID");
        auto& d = s_.schedules[slot];
        if (d.run_id == *as) return answer(r, h, slot);
        if (s_.ledger.find(*as) != none)
            return s_.error(r, as->text(), errc::id_conflict, ref_of(h),
                            "the id of as= is in use: choose a new one");
        if (!has_room(d)) return s_.refuse_full(r, h, "-");
        auto const before = text_of(d);
        if (auto const holder = accept(d, *as, s_.now_us()); holder != none)
            return s_.error(r, "-", errc::duplicate, ref_of(h), s_.tasks[holder].id.text());
        d.run_id = *as;
        rewrite(d, before);
        answer(r, h, slot);
    }
    void list(request& r, wire::header const& h) {
        if (h.positional().size() == 1) return one(r, h, [](std::uint32_t) {});
        if (!h.positional().empty()) return s_.refuse(r, h, "the verb takes one name, or limit= and after=");
        auto const limit = s_.list_limit(r, h);
        if (!limit) return;
        auto left = *limit;
        std::string out;
        json::writer w{out};
        w.begin_array();
        s_.schedules.each([&](std::uint32_t slot) {
            if (s_.schedules[slot].name <= h.get("after")) return true;
            write_schedule(w, s_.schedules[slot], s_.zones);
            return --left > 0;
        });
        w.end_array();
        s_.show(r, h, h.verb(), {}, out);
        rest_on_writes(r);
    }
    /// Answers about the one that is named, as it was before `f(slot)`.
    template <class F>
    void one(request& r, wire::header const& h, F&& f) {
        auto const slot = named(r, h);
        if (slot == none) return;
        answer(r, h, slot);
        f(slot);
        rest_on_writes(r);
    }
    /// The one schedule that the verb names; `none`, and refused, where it names none that is there.
    [[nodiscard]] std::uint32_t named(request& r, wire::header const& h) {
        if (h.positional().size() != 1) {
            s_.refuse(r, h, "the verb takes the name of one schedule");
            return none;
        }
        auto const slot = s_.schedules.find(h.positional()[0]);
        if (slot == none) unknown(r, h, h.positional()[0]);
        return slot;
    }
    void unknown(request& r, wire::header const& h, std::string_view name) {
        s_.error(r, "-", errc::unknown_task_name, ref_of(h),
                 "there is no schedule '" + std::string{name.substr(0, 255)} + "' here; see schedules");
    }
    void answer(request& r, wire::header const& h, std::uint32_t slot) {
        std::string out;
        json::writer w{out};
        write_schedule(w, s_.schedules[slot], s_.zones);
        s_.show(r, h, h.verb(), s_.schedules[slot].name, out);
        rest_on_writes(r);
    }
    void rest_on_writes(request& r) {
        if (s_.keeps()) s_.rests_on(r, written_);
    }

    // ---- firing

    /// Sets its next firing to the first after `us`.
    void plan(schedule& d, std::uint64_t us) {
        d.next_us = is_over(d) ? 0 : fires_after(d, s_.zones, us);
        d.next_id = s_.fresh_id();
    }
    [[nodiscard]] static bool is_over(schedule const& d) noexcept {
        return d.count != 0 && d.fired >= d.count;
    }
    void fire_due(std::uint32_t slot) {
        auto& d = s_.schedules[slot];
        if (!has_room(d)) return s_.schedules.postpone(slot, s_.now.wall + std::chrono::seconds{1});
        auto const before = text_of(d);
        if (d.missed != catch_up::all) d.next_us = latest_until(d, s_.zones, s_.now_us());
        bool const late = s_.now_us() - d.next_us > late_us;
        auto const at = d.next_us;
        bool const unwanted = late && d.missed == catch_up::none;
        if (unwanted || (must_wait(d) && !(late && d.missed == catch_up::all)))
            ++d.skipped;
        else
            submit(d, d.next_id, at);
        plan(d, at);
        rewrite(d, before);
        s_.schedules.arm(slot);
    }
    [[nodiscard]] bool must_wait(schedule const& d) const noexcept {
        return !d.overlaps && (lives(d.last_id) || lives(d.run_id));
    }
    [[nodiscard]] bool lives(task_id const& id) const noexcept {
        auto const entry = id.empty() ? none : s_.ledger.find(id);
        return entry != none && !is_final(s_.ledger.state(entry));
    }
    [[nodiscard]] bool has_room(schedule const& d) const {
        auto const& names = s_.dispatch.names();
        return s_.has_room(d.arguments.size()) &&
               (names.find(d.task) != none || names.size() < s_.options.limits.max_task_names);
    }
    /// Submits the task of one firing, unless that was done before a restart.
    void submit(schedule& d, task_id const& id, std::uint64_t at_us) {
        if (s_.ledger.find(id) == none && accept(d, id, at_us) != none) {
            ++d.skipped;
            return;
        }
        ++d.fired;
        d.last_us = at_us;
        d.last_id = id;
    }
    /// \return `none`, or the task that lives with its key
    std::uint32_t accept(schedule const& d, task_id const& id, std::uint64_t at_us) {
        auto const line = "FQ1 schedule " + d.definition;
        wire::header h;
        wire::request_options o;
        s_.take_defaults(d.task, o.task);
        static_cast<void>(h.parse(line, line.size()));
        static_cast<void>(wire::read_options(h, o));  // both have gone well before
        if (auto const holder = o.unique.empty() ? none : s_.unique.find(o.unique); holder != none)
            return holder;
        auto attributes = wire::attributes_of(h);
        attributes.append(attributes.empty() ? "firing=" : " firing=").append(d.name).append(1, '@');
        attributes.append(utc_text(at_us));
        auto const fingerprint = task_fingerprint(d.task, o.content, d.arguments);
        auto const slot =
            life_.accept({id, d.task, d.arguments, fingerprint, priority::normal, attributes}, o);
        s_.tasks[slot].periodic = true;
        written_ = std::max(written_, s_.tasks[slot].stored);
        return none;
    }
    /// First what is new, behind the task that it may have submitted: a crash in between leaves both, and the later one counts.
    void rewrite(schedule& d, std::string const& before) {
        ++d.revision;
        if (!s_.keeps()) return;
        static_cast<void>(s_.store.member(d.text(), true));
        written_ = s_.store.member(before, false);
    }
    /// What the store has of it; nothing where nothing is stored.
    [[nodiscard]] std::string text_of(schedule const& d) const {
        return s_.keeps() ? d.text() : std::string{};
    }
    [[nodiscard]] std::chrono::sys_seconds this_second() const noexcept {
        return std::chrono::floor<std::chrono::seconds>(s_.now.wall);
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    policy::store_sequence written_ = 0;
};

}  // namespace fastqueue::core
