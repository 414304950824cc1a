#pragma once

#include <fastqueue/core/callback_hosts.hpp>
#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/run_desk.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/core/unknown_name.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::core {

/// What clients ask: new tasks, and what became of old ones.
template <class P>
class request_desk {
public:
    request_desk(plane_state<P>& state, task_life<P>& life, run_desk<P>& runs)
        : s_{state}, life_{life}, runs_{runs} {}

    /// A `submit` or `call` that was read and found good, or why not.
    struct task_request {
        task_id id;
        std::string_view subject;  // the id as it was written, for errors
        std::string_view name;
        wire::request_options options;
        std::uint64_t fingerprint = 0;
        std::string attributes;
        std::optional<wire::problem> problem;
        std::string text;  // more about the problem than its `why`
    };

    /// Reads a request and finds out whether it can be taken, without taking it.
    /// \param reserved  tasks and octets that others of the same batch are going to take
    struct reservation {
        std::uint64_t tasks = 0;
        std::uint64_t octets = 0;
    };
    [[nodiscard]] task_request check(request const& r, wire::header const& h, std::string_view payload,
                                     bool call, reservation const& reserved) {
        task_request q;
        read(r, h, payload, call, q);
        if (q.problem) return q;
        auto const entry = s_.ledger.find(q.id);
        if (entry != none) {
            if (!s_.ledger.same_task(entry, q.fingerprint))
                refuse(q, errc::id_conflict, "the id is in use for another task: choose a new one");
        } else {
            check_new(q, payload, reserved);
        }
        return q;
    }

    /// Takes a request that was found good, and answers it: a `submit` now, a `call` when the task has ended.
    void take(request& r, task_request& q, std::string_view payload, bool call, priority port) {
        auto const& o = q.options;
        if (q.problem) return answer_problem(r, q);
        auto entry = s_.ledger.find(q.id);
        if (entry == none) {
            auto const holder = holder_of(o);
            if (holder != none && o.on_duplicate == on_duplicate::attach) return attach(r, q, holder, call);
            if (holder != none)
                life_.end(holder, task_state::cancelled, errc::cancelled, "replaced by " + q.id.text());
            auto const slot = life_.accept({q.id, q.name, payload, q.fingerprint, port, q.attributes}, o);
            entry = s_.tasks[slot].ledger;
        }
        bool const lives = !is_final(s_.ledger.state(entry));
        if (call && !lives) return answer_ended(r, q, entry);
        if (call) return void(wait_for_end(r, o, s_.ledger[entry].reference));
        auto const state = lives ? s_.tasks[s_.ledger[entry].reference].state : s_.ledger.state(entry);
        auto& message = s_.answer(r);
        auto header = message.pairs.begin("accepted");
        header.token(q.id).token(name_of(state));
        if (!o.ref.empty()) header.field("ref", o.ref);
        message.pairs.finish({});
        if (!lives) return s_.rests_on(r, end_of(entry));
        auto const slot = s_.ledger[entry].reference;
        s_.rests_on(r, s_.tasks[slot].stored);
        if (o.task.reply_both) wait_for_end(r, o, slot);
    }

    void answer_problem(request& r, task_request const& q) {
        auto const& p = *q.problem;
        std::string text = q.text;
        if (text.empty()) {
            if (!p.token.empty()) text.append(p.token).append(": ");
            text.append(p.why);
        }
        auto header = s_.begin_error(r, q.subject.empty() ? "-" : q.subject, p.code, q.options.ref);
        if (p.code == errc::too_large)
            header.field("max_payload", std::uint64_t{s_.options.limits.max_payload});
        s_.answer(r).pairs.finish(text);
    }

    void on_get(request& r, wire::header const& h) {
        auto const at = look_up(r, h);
        if (!at) return;
        if (at->lives) return answer_present(r, h, at->slot);
        answer_kept(r, h, *at);
    }
    void on_wait(request& r, wire::header const& h) {
        auto const timeout = h.get("timeout_ms");
        auto const timeout_ms = wire::read_number(timeout);
        if (!timeout.empty() && !timeout_ms) return bad(r, h, "timeout_ms: the value cannot be read");
        auto const at = look_up(r, h);
        if (!at) return;
        if (at->lives) {
            if (is_full(r)) return too_many(r, h);
            life_.answer_later(at->slot, r, wait_kind::wait, ref_of(h), true, timeout_ms);
            return;
        }
        answer_kept(r, h, *at);
    }
    /// Where the task stands: now, at each progress, and at its end.
    void on_watch(request& r, wire::header const& h) {
        auto const at = look_up(r, h);
        if (!at) return;
        if (!at->lives) return answer_kept(r, h, *at);
        if (is_full(r)) return too_many(r, h);
        if (life_.is_much_watched_by(at->slot, r.peer)) return too_many(r, h);
        answer_present(r, h, at->slot);
        life_.answer_later(at->slot, r, wait_kind::watch, ref_of(h), true, std::nullopt);
    }
    void on_cancel(request& r, wire::header const& h) {
        auto const at = look_up(r, h);
        if (!at) return;
        if (!at->lives) {
            auto header = s_.begin_error(r, id_text(h), errc::already_finished, ref_of(h));
            header.field("state", name_of(at->state));
            s_.rests_on(r, end_of(at->slot));
            return s_.answer(r).pairs.finish("the task has already ended: " +
                                             std::string{name_of(at->state)});
        }
        auto const state = s_.tasks[at->slot].state;
        if (state == task_state::assigned) {
            if (is_full(r)) return too_many(r, h);
            life_.answer_later(at->slot, r, wait_kind::cancel, ref_of(h), false, std::nullopt);
            return runs_.cancel(at->slot);
        }
        if (state == task_state::running)
            runs_.cancel(at->slot);
        else
            life_.end(at->slot, task_state::cancelled, errc::cancelled, "cancelled");
        s_.rests_on(r, state == task_state::running ? s_.tasks[at->slot].stored : s_.last_end);
        auto header = s_.answer(r).pairs.begin("cancelled");
        header.token(at->id).token(name_of(state == task_state::running ? state : task_state::cancelled));
        finish(r, h, header);
    }
    void on_forget(request& r, wire::header const& h) {
        auto const at = look_up(r, h);
        if (!at) return;
        if (at->lives)
            return s_.error(r, id_text(h), errc::not_finished, ref_of(h),
                            "the task has not ended: cancel it first");
        auto const kept = s_.ledger[at->slot].reference;
        if (kept != none) {
            auto const number = s_.cache.peek(kept, instant::min())->number;
            s_.cache.erase(kept);
            s_.ledger.set_reference(at->slot, none);
            s_.dead.erase(at->id);
            s_.rests_on(r, s_.store.forget(number));
        }
        auto header = s_.answer(r).pairs.begin("forgotten");
        header.token(at->id);
        finish(r, h, header);
    }

private:
    struct found {
        task_id id;
        bool lives = false;
        std::uint32_t slot = none;  // of the task while it lives, of its ledger entry afterwards
        task_state state = task_state::queued;
    };

    // ---- reading

    static void refuse(task_request& q, errc code, std::string_view why, std::string_view token = {}) {
        q.problem = wire::problem{code, why, token};
    }
    void read(request const& r, wire::header const& h, std::string_view payload, bool call, task_request& q) {
        if (h.positional().size() == 2) s_.take_defaults(h.positional()[1], q.options.task);
        q.problem = wire::read_options(h, q.options);
        if (q.problem) q.options.ref = ref_of(h);  // it may stand behind what could not be read
        if (h.positional().size() != 2)
            return refuse(q, errc::bad_request, "it takes an id and a task's name", h.verb());
        auto const id = uuid::parse(h.positional()[0]);
        if (!id) return refuse(q, errc::bad_request, "the id is not a UUID", h.positional()[0].substr(0, 64));
        q.id = *id;
        q.subject = h.positional()[0];
        q.name = h.positional()[1];
        if (q.problem) return;
        if (!is_valid_name(q.name))
            return refuse(q, errc::bad_request, "a task's name is 1 to 255 of A-Z a-z 0-9 . _ : -", "name");
        if (payload.size() > s_.options.limits.max_payload)
            return refuse(q, errc::too_large, "the payload is over the limit");
        if (r.peer != none && s_.peers[r.peer].one_at_a_time && q.options.task.reply_both) {
            return refuse(q, errc::bad_request, "a REQ socket gets one reply: use DEALER", "reply");
        }
        if ((call || q.options.task.reply_both) && is_full(r))
            return refuse(q, errc::queue_full, "too many calls are unanswered on this connection");
        q.fingerprint = task_fingerprint(q.name, q.options.content, payload);
        if (q.options.has_attributes) q.attributes = wire::attributes_of(h);
    }
    void check_new(task_request& q, std::string_view payload, reservation const& reserved) {
        auto const& o = q.options.task;
        if (s_.stopping) return refuse(q, errc::shutting_down, "this control plane is shutting down");
        if (!o.resent.empty() && o.delivery == delivery::at_most_once &&
            !(o.resent == s_.store.epoch() && s_.ledger.complete())) {
            return refuse(
                q, errc::outcome_unknown,
                "whether this task has run cannot be known any more, and it is to run at most once");
        }
        auto const& l = s_.options.limits;
        if (s_.full) {
            q.text = *s_.full;
            return refuse(q, errc::queue_full, "the store takes no more tasks");
        }
        bool const in_memory = !s_.keeps();
        if (s_.tasks.used() + reserved.tasks >= l.max_tasks ||
            (in_memory && s_.task_octets + reserved.octets + payload.size() > l.max_task_bytes)) {
            return refuse(q, errc::queue_full, "the control plane holds as many tasks as it may");
        }
        if (!q.options.content.empty() && !s_.may_have_content(q.options.content)) {
            return refuse(q, errc::unsupported_content, "more content types than are kept apart");
        }
        q.text = callback_refusal(q.options.callback, s_.options.callback_allow);
        if (!q.text.empty()) return refuse(q, errc::not_authorized, "the callback is not allowed");
        check_name(q);
        if (!q.problem && holder_of(q.options) != none) check_duplicate(q);
    }
    void check_duplicate(task_request& q) const {
        auto const& holder = s_.tasks[holder_of(q.options)];
        // After a restart a worker may have it, and not have said so yet.
        bool const waits = !holder.restored &&
                           (holder.state == task_state::queued || holder.state == task_state::scheduled ||
                            holder.state == task_state::retrying);
        auto const wanted = q.options.on_duplicate;
        if (wanted == on_duplicate::attach || (wanted == on_duplicate::replace && waits)) return;
        q.text = holder.id.text();
        refuse(q, errc::duplicate, "a task with that key lives");
    }
    /// The task that lives with the key of `unique`, or `none`.
    [[nodiscard]] std::uint32_t holder_of(wire::request_options const& o) const noexcept {
        return o.unique.empty() ? none : s_.unique.find(o.unique);
    }
    void check_name(task_request& q) {
        if (auto unknown = unknown_name(s_, q.name)) {
            q.text = std::move(*unknown);
            return refuse(q, errc::unknown_task_name, "no worker knows the name");
        }
        auto const& names = s_.dispatch.names();
        if (names.size() >= s_.options.limits.max_task_names && names.find(q.name) == none)
            refuse(q, errc::queue_full, "as many different task names are known as may be");
    }
    [[nodiscard]] bool is_full(request const& r) const noexcept {
        return r.peer != none && s_.peers[r.peer].outstanding >= s_.options.limits.max_outstanding;
    }

    // ---- looking up

    static std::string_view id_text(wire::header const& h) noexcept {
        return h.positional().empty() ? std::string_view{"-"} : h.positional()[0].substr(0, 64);
    }
    void bad(request& r, wire::header const& h, std::string_view text) {
        auto const subject = sole_id(h) ? h.positional()[0] : "-";
        s_.error(r, subject, errc::bad_request, ref_of(h), text);
    }
    void too_many(request& r, wire::header const& h) {
        s_.error(r, id_text(h), errc::queue_full, ref_of(h), "too many answers are owed on this connection");
    }
    void gone(request& r, wire::header const& h, task_id const&) {
        s_.error(r, id_text(h), errc::unknown_task, ref_of(h),
                 "the task has ended and its result is no longer kept");
    }
    std::optional<found> look_up(request& r, wire::header const& h) {
        auto const id = sole_id(h);
        if (!id) {
            bad(r, h, "it takes one id, a UUID");
            return std::nullopt;
        }
        auto const entry = s_.ledger.find(*id);
        if (entry == none) {
            s_.error(r, id_text(h), errc::unknown_task, ref_of(h), "no task with that id is known here");
            return std::nullopt;
        }
        auto const state = s_.ledger.state(entry);
        auto const reference = s_.ledger[entry].reference;
        if (!is_final(state)) return found{*id, true, reference, s_.tasks[reference].state};
        return found{*id, false, entry, state};
    }
    /// The write that made the end of the task of a ledger entry durable, or a later one.
    [[nodiscard]] policy::store_sequence end_of(std::uint32_t entry) const noexcept {
        auto const kept = s_.ledger[entry].reference;
        auto const* const result = kept == none ? nullptr : s_.cache.peek(kept, s_.now.steady);
        return result != nullptr ? result->stored : s_.last_end;
    }

    // ---- answering

    std::uint32_t wait_for_end(request& r, wire::request_options const& o, std::uint32_t slot) {
        return life_.answer_later(slot, r, wait_kind::call, o.ref, o.task.meta, std::nullopt);
    }
    /// The request is not run: another task that lives stands for it.
    void attach(request& r, task_request const& q, std::uint32_t slot, bool call) {
        auto const& o = q.options;
        auto const& t = s_.tasks[slot];
        if (!call) {
            auto header = s_.answer(r).pairs.begin("accepted");
            header.token(q.id).token(name_of(t.state)).field("attached", t.id);
            if (!o.ref.empty()) header.field("ref", o.ref);
            s_.answer(r).pairs.finish({});
            s_.rests_on(r, t.stored);
        }
        if (call || o.task.reply_both) s_.waiting[wait_for_end(r, o, slot)].asked = q.id;
    }

    void finish(request& r, wire::header const& h, wire::header_writer& header) {
        if (auto const ref = ref_of(h); !ref.empty()) header.field("ref", ref);
        s_.answer(r).pairs.finish({});
    }
    void answer_present(request& r, wire::header const& h, std::uint32_t slot) {
        auto header = s_.answer(r).pairs.begin("result");
        life_.write_present(header, s_.tasks[slot], ref_of(h));
        s_.answer(r).pairs.finish(life_.progress_of(s_.tasks[slot]));
        s_.rests_on(r, s_.tasks[slot].stored);
    }
    /// The result of a task that has ended, if it is still kept.
    void answer_kept(request& r, wire::header const& h, found const& at) {
        auto const kept = s_.ledger[at.slot].reference;
        auto const* const result = kept == none ? nullptr : s_.cache.use(kept, s_.now.steady);
        if (result == nullptr) return gone(r, h, at.id);
        auto header = s_.answer(r).pairs.begin("result");
        life_.write_result(header, at.id, *result, ref_of(h), true);
        s_.answer(r).pairs.finish(result->value);
        s_.rests_on(r, result->stored);
    }
    /// A `call` of a task that has ended already.
    void answer_ended(request& r, task_request const& q, std::uint32_t entry) {
        auto const reference = s_.ledger[entry].reference;
        auto const* const result = reference == none ? nullptr : s_.cache.use(reference, s_.now.steady);
        if (result == nullptr)
            return s_.error(r, q.subject, errc::result_gone, q.options.ref,
                            "the task has ended and its result is no longer kept");
        auto header = s_.answer(r).pairs.begin("result");
        life_.write_result(header, q.id, *result, q.options.ref, q.options.task.meta);
        s_.answer(r).pairs.finish(result->value);
        s_.rests_on(r, result->stored);
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    run_desk<P>& runs_;
};

}  // namespace fastqueue::core
