#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::core {

/// The life of a task from its acceptance to its end: the times it waits for, its retries, its end and who is
/// told.
template <class P>
class task_life {
public:
    explicit task_life(plane_state<P>& state) : s_{state} {}

    struct acceptance {
        task_id id;
        std::string_view name;
        std::string_view arguments;
        std::uint64_t fingerprint = 0;
        priority level = priority::normal;
        std::uint32_t content = 0;
    };

    /// Makes a task of a request that was found good.
    std::uint32_t accept(acceptance const& a, wire::request_options const& o) {
        auto const slot = s_.tasks.take();
        auto& t = s_.tasks[slot];
        fill(t, a, o);
        t.ledger = s_.ledger.insert(a.id, a.fingerprint, slot);
        s_.task_octets += t.arguments.size();
        ++s_.counters.submitted;
        t.stored = s_.store.put(
            {t.id, a.name, o.content, a.arguments, o.task, t.level, a.fingerprint, t.submitted_us});
        plan(slot, o.task);
        return slot;
    }

    /// The task waits again: its attempt has ended without a result.
    void requeue(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        if (t.overdue) return end(slot, task_state::expired, errc::expired, "expired before it began");
        detach(t);
        s_.store.requeue(t.id, t.attempt);
        t.state = task_state::queued;
        s_.dispatch.enqueue(slot);
        s_.tell(t, {});
    }

    /// The task's worker was lost.
    /// \param began  whether it may have run: then it counts against `max_deaths`
    void lost(std::uint32_t slot, bool began) {
        auto& t = s_.tasks[slot];
        ++s_.counters.redelivered;
        if (t.at_most_once) {  // also where nothing was heard of its beginning: the word may have been lost as well
            return end(slot, task_state::failure, errc::worker_lost,
                       "the worker '" + std::string{s_.worker_name(t.worker)} +
                           "' was lost while it had the task, which is to run at most once");
        }
        if (began && ++t.deaths >= s_.options.max_deaths) {
            return end(slot, task_state::failure, errc::too_many_deaths,
                       "its worker was lost " + std::to_string(t.deaths) +
                           " times while it ran; the last was '" + std::string{s_.worker_name(t.worker)} +
                           "'");
        }
        if (t.cancel_requested) return end(slot, task_state::cancelled, errc::cancelled, "cancelled");
        requeue(slot);
    }

    /// An attempt failed: the task is tried again, or ends.
    void failed(std::uint32_t slot, errc code, bool final, std::optional<std::uint64_t> retry_after_ms,
                std::string_view text) {
        auto& t = s_.tasks[slot];
        bool const retryable =
            (code == errc::handler_error || code == errc::timeout) && !final && !t.cancel_requested;
        if (!retryable || t.terms == none || t.failures >= s_.terms[t.terms].options.retries) {
            return end(slot, task_state::failure, code, text);
        }
        ++t.failures;
        ++s_.counters.retried;
        t.overdue = false;  // it has begun in time
        expiry_.clear(slot);
        wall_expiry_.clear(slot);
        auto const wait = retry_after_ms ? std::chrono::milliseconds{*retry_after_ms} : retry_delay(t);
        detach(t);
        s_.store.requeue(t.id, t.attempt);
        t.state = task_state::retrying;
        due_.set(slot, saturating_add(s_.now.steady, wait));
        s_.tell(t, {});
    }

    /// The task has begun, as far as its control plane knows.
    void began(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        t.state = task_state::running;
        t.started_us = s_.now_us();
        t.overdue = false;
        expiry_.clear(slot);
        wall_expiry_.clear(slot);
        if (t.terms != none && s_.terms[t.terms].options.timeout_ms != 0) {
            auto const limit =
                std::chrono::milliseconds{s_.terms[t.terms].options.timeout_ms} + std::chrono::seconds{1};
            limits_.set(slot, saturating_add(s_.now.steady, limit));
        }
        s_.tell(t, s_.worker_name(t.worker));
    }

    /// The end of a task. It is in no lane and at no worker any more, or is taken out of its lane.
    void end(std::uint32_t slot, task_state state, errc code, std::string_view value) {
        auto& t = s_.tasks[slot];
        if (t.state == task_state::queued) s_.dispatch.dequeue(slot);
        t.state = state;
        count(t);
        auto const worker = s_.worker_name(t.worker);
        auto const finished = s_.now_us();
        auto const after =
            s_.store.finish({t.id, state, code, value, t.attempt, worker, t.started_us, finished});
        s_.last_end = after;
        cached_result const result{t.submitted_us,      t.started_us, finished, t.attempt,
                                   t.content,           t.name,       code,     state,
                                   std::string{worker}, {},           after};
        answer_waiters(slot, result, value, after);
        s_.tell(t, worker);
        keep(t, result, value);
        clear_times(slot);
        release(slot);
    }

    /// Somebody wants to know of the task's end.
    void answer_later(std::uint32_t slot, request& r, wait_kind kind, std::string_view ref, bool meta,
                      std::optional<std::uint64_t> timeout_ms) {
        auto const w = s_.waiting.add(r.peer, slot, kind);
        auto& waits = s_.waiting[w];
        waits.layout = r.layout;
        waits.envelope = r.envelope;
        waits.ref = ref;
        waits.meta = meta;
        if (timeout_ms) waits_.set(w, saturating_add(s_.now.steady, std::chrono::milliseconds{*timeout_ms}));
    }
    /// A peer has gone: nobody waits there any more.
    void forget_peer(std::uint32_t peer) {
        while (s_.peers[peer].waiters != none) drop_waiter(s_.peers[peer].waiters);
    }
    /// There will be no answer: the control plane ends.
    void break_off(std::uint32_t w) {
        auto const id = s_.tasks[s_.waiting[w].task].id;
        auto header = begin_reply(w, "error");
        header.token(id).token(name_of(errc::shutting_down));
        finish_reply(w, header, "the control plane is shutting down", 0);
        drop_waiter(w);
    }
    /// A task that was sent ahead turned out to have begun: a cancel cannot be certain any more.
    void answer_cancels(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        for (auto w = t.waiters; w != none;) {
            auto const next = s_.waiting[w].task_next;
            if (s_.waiting[w].kind == wait_kind::cancel) {
                auto header = begin_reply(w, "cancelled");
                header.token(t.id).token(name_of(t.state));
                finish_reply(w, header, {}, t.stored);
                drop_waiter(w);
            }
            w = next;
        }
    }

    /// Does what is due.
    /// \param timed_out  called with each task whose attempt went over its limit
    template <class TimedOut>
    void tick(TimedOut&& timed_out) {
        while (auto const slot = due_.pop(s_.now.steady)) become_ready(*slot);
        while (auto const slot = eta_.pop(s_.now.wall)) become_ready(*slot);
        while (auto const slot = expiry_.pop(s_.now.steady)) expire(*slot);
        while (auto const slot = wall_expiry_.pop(s_.now.wall)) expire(*slot);
        while (auto const slot = limits_.pop(s_.now.steady)) timed_out(*slot);
        while (auto const w = waits_.pop(s_.now.steady)) wait_is_over(*w);
    }
    /// Until a scheduled or retrying task is due.
    [[nodiscard]] std::optional<std::chrono::milliseconds> due_in(std::uint32_t slot) const noexcept {
        using std::chrono::milliseconds;
        if (auto const at = due_.at(slot))
            return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(*at - s_.now.steady));
        if (auto const at = eta_.at(slot))
            return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(*at - s_.now.wall));
        return std::nullopt;
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        return std::min({due_.next(), expiry_.next(), limits_.next(), waits_.next(), eta_.next(s_.now),
                         wall_expiry_.next(s_.now)});
    }

    /// Writes `result <id> <state> ...` but for the payload.
    void write_result(wire::header_writer& header, task_id const& id, cached_result const& r,
                      std::string_view ref, bool meta) {
        header.token(id).token(name_of(r.state));
        if (r.code != errc{}) header.field("code", name_of(r.code));
        if (!ref.empty()) header.field("ref", ref);
        if (r.content != 0) header.field("content", s_.contents[r.content]);
        if (!meta) return;
        header.field("attempt", std::uint64_t{r.attempt});
        if (!r.worker.empty()) header.field("worker", r.worker);
        header.field("submitted_us", r.submitted_us);
        if (r.started_us != 0) header.field("started_us", r.started_us);
        if (r.finished_us != 0) header.field("finished_us", r.finished_us);
    }
    /// The same of a task that lives.
    void write_present(wire::header_writer& header, task const& t, std::string_view ref) {
        cached_result const present{t.submitted_us,
                                    t.started_us,
                                    0,
                                    t.attempt,
                                    t.content,
                                    t.name,
                                    {},
                                    t.state,
                                    std::string{s_.worker_name(t.worker)},
                                    {},
                                    t.stored};
        write_result(header, t.id, present, ref, true);
    }
    /// Forgets what depends on the time the present attempt takes.
    void detach(task& t) {
        limits_.clear(s_.ledger[t.ledger].reference);
        t.worker = none;
        t.started_us = 0;
        t.recalled = false;
    }

private:
    void fill(task& t, acceptance const& a, wire::request_options const& o) {
        auto const kept = std::move(t.arguments);
        t = task{};
        t.arguments = std::move(kept);
        t.id = a.id;
        t.sequence = s_.next_sequence++;
        t.submitted_us = s_.now_us();
        t.name = s_.dispatch.names().intern(a.name);
        t.content = a.content;
        t.level = o.task.priority.value_or(a.level);
        t.at_most_once = o.task.delivery == delivery::at_most_once;
        t.key_hash = o.task.key_hash;
        t.arguments.assign(a.arguments);
        if (o.task.retries == 0 && o.task.timeout_ms == 0 && o.task.soft_timeout_ms == 0 &&
            o.traceparent.empty())
            return;
        t.terms = s_.terms.take();
        s_.terms[t.terms] = task_terms{o.task, std::string{o.traceparent}};
    }
    /// Queues it, or sets the time for which it waits.
    void plan(std::uint32_t slot, task_options const& o) {
        auto& t = s_.tasks[slot];
        using std::chrono::milliseconds;
        if (o.expires_ms) expiry_.set(slot, saturating_add(s_.now.steady, milliseconds{*o.expires_ms}));
        if (o.expires_us) wall_expiry_.set(slot, from_epoch_us(*o.expires_us));
        if (o.countdown_ms && *o.countdown_ms > 0) {
            t.state = task_state::scheduled;
            due_.set(slot, saturating_add(s_.now.steady, milliseconds{*o.countdown_ms}));
        } else if (o.eta_us && from_epoch_us(*o.eta_us) > s_.now.wall) {
            t.state = task_state::scheduled;
            eta_.set(slot, from_epoch_us(*o.eta_us));
        } else {
            t.state = task_state::queued;
            s_.dispatch.enqueue(slot);
        }
        s_.tell(t, {});
    }
    void become_ready(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        t.state = task_state::queued;
        t.sequence = s_.next_sequence++;  // it waits from now on: behind those that were ready before
        s_.dispatch.enqueue(slot);
        s_.tell(t, {});
    }
    void expire(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        if (t.state == task_state::running) return;
        if (t.state ==
            task_state::assigned) {  // it is out and has its chance, but does not wait a second time
            t.overdue = true;
            return;
        }
        end(slot, task_state::expired, errc::expired, "expired before it began");
    }
    [[nodiscard]] std::chrono::milliseconds retry_delay(task const& t) {
        auto const& o = s_.terms[t.terms].options;
        if (o.retry_delay_ms == 0) return {};  // the power may be infinite, and 0 times that is no number
        auto const grown =
            static_cast<double>(o.retry_delay_ms) * std::pow(o.retry_backoff, t.failures - 1.0);
        auto const capped = std::min(grown, static_cast<double>(o.retry_max_ms));
        return std::chrono::milliseconds{
            static_cast<std::int64_t>(capped * (1 - o.retry_jitter * s_.random.fraction()))};
    }
    void count(task const& t) {
        auto& name = s_.dispatch.names()[t.name];
        s_.rates[index_of(t.level)].count(s_.now.steady);
        switch (t.state) {
            case task_state::success:
                ++s_.counters.succeeded, ++name.succeeded;
                break;
            case task_state::failure:
                ++s_.counters.failed, ++name.failed;
                break;
            case task_state::cancelled:
                ++s_.counters.cancelled;
                break;
            default:
                ++s_.counters.expired;
                break;
        }
    }
    void keep(task const& t, cached_result const& result, std::string_view value) {
        auto const gone = [this](std::uint32_t ledger) { s_.ledger.set_reference(ledger, none); };
        auto const kept = s_.cache.insert(t.ledger, t.id.hash(0), result, value, s_.now.steady, gone);
        auto const forgotten = s_.ledger.end(t.ledger, result.state, kept);
        if (forgotten != none) s_.cache.erase(forgotten);
    }
    void clear_times(std::uint32_t slot) {
        due_.clear(slot);
        eta_.clear(slot);
        expiry_.clear(slot);
        wall_expiry_.clear(slot);
        limits_.clear(slot);
    }
    void release(std::uint32_t slot) {
        constexpr std::size_t worth_keeping = 4096;
        auto& t = s_.tasks[slot];
        s_.task_octets -= t.arguments.size();
        if (t.arguments.capacity() > worth_keeping) t.arguments = {};
        if (t.terms != none) s_.terms.give(t.terms);
        t.id = {};  // so that those that live can be told from the rest
        s_.tasks.give(slot);
    }

    /// Begins the pair that answers a waiter, in the message it belongs to.
    wire::header_writer begin_reply(std::uint32_t w, std::string_view verb) {
        auto& waits = s_.waiting[w];
        if (waits.layout == wire::form::packed && waits.envelope.empty()) {
            reply_ = &s_.unasked(waits.peer, waits.layout);
            reply_message_ = s_.peers[waits.peer].message;
        } else {
            reply_message_ = s_.out.open(s_.peers[waits.peer].id, waits.layout, waits.envelope);
            reply_ = &s_.out[reply_message_].pairs;
        }
        return reply_->begin(verb);
    }
    void finish_reply(std::uint32_t w, wire::header_writer& header, std::string_view payload,
                      policy::store_sequence after) {
        if (!s_.waiting[w].ref.empty()) header.field("ref", s_.waiting[w].ref);
        reply_->finish(payload);
        auto& message = s_.out[reply_message_];
        message.after = std::max(message.after, after);
    }
    void answer_waiters(std::uint32_t slot, cached_result const& r, std::string_view value,
                        policy::store_sequence after) {
        auto const id = s_.tasks[slot].id;
        while (s_.tasks[slot].waiters != none) {
            auto const w = s_.tasks[slot].waiters;
            bool const cancels = s_.waiting[w].kind == wait_kind::cancel;
            bool const came_late = cancels && r.state != task_state::cancelled;
            auto header = begin_reply(w, came_late ? "error" : cancels ? "cancelled" : "result");
            if (came_late)
                header.token(id).token(name_of(errc::already_finished)).field("state", name_of(r.state));
            else if (cancels)
                header.token(id).token(name_of(r.state));
            else
                write_result(header, id, r, {}, s_.waiting[w].meta);
            finish_reply(w, header, cancels ? std::string_view{} : value, after);
            drop_waiter(w);
        }
    }
    void wait_is_over(std::uint32_t w) {
        auto const& t = s_.tasks[s_.waiting[w].task];
        auto header = begin_reply(w, "result");
        write_present(header, t, {});
        finish_reply(w, header, {}, t.stored);
        s_.waiting.remove(w);
    }
    void drop_waiter(std::uint32_t w) {
        waits_.clear(w);
        s_.waiting.remove(w);
    }

    plane_state<P>& s_;
    deadlines due_;       // countdowns and retries, by task
    wall_deadlines eta_;  // by task
    deadlines expiry_;    // by task
    wall_deadlines wall_expiry_;
    deadlines limits_;  // of attempts that run, by task
    deadlines waits_;   // by waiter
    wire::pair_writer* reply_ = nullptr;
    std::size_t reply_message_ = 0;
};

}  // namespace fastqueue::core
