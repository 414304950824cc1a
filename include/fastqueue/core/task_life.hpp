#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/trouble_log.hpp>
#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/octet_buffer.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
        std::string_view attributes = {};
    };

    /// Makes a task of a request that was found good.
    std::uint32_t accept(acceptance const& a, wire::request_options const& o) {
        auto const slot = s_.tasks.take();
        auto& t = s_.tasks[slot];
        auto const record = record_of(a, o);
        fill(t, record);
        take_key(slot);
        if (!o.task.resent.empty() && s_.keeps())
            t.attempt = 1;  // it may have run before its first put was safe
        t.ledger = s_.ledger.insert(a.id, a.fingerprint, slot);
        ++s_.counters.submitted;
        t.stored = s_.store.put(record);
        take_arguments(t, a.arguments);
        if (t.attempt != 0) write_attempt(t, 0);
        plan(slot, o.task);
        return slot;
    }

    /// The task waits again: its attempt has ended without a result.
    void requeue(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        if (t.overdue) return end(slot, task_state::expired, errc::expired, "expired before it began");
        detach(t);
        write_attempt(t, 0);
        wait_again(slot);
    }
    /// The task waits again: its worker gave it back and says that it never began. Nothing ran under this attempt's number, so the
    /// next one has it, and the store has nothing to remember.
    void unassign(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        if (t.overdue) return end(slot, task_state::expired, errc::expired, "expired before it began");
        detach(t);
        --t.attempt;
        wait_again(slot);
    }

    /// The task's worker was lost.
    /// \param began  whether it may have run: then it counts against `max_deaths`
    void lost(std::uint32_t slot, bool began) {
        auto& t = s_.tasks[slot];
        auto const worker = std::string{s_.worker_name(t.worker)};
        ++s_.counters.redelivered;
        if (t.at_most_once) {  // also where nothing was heard of its beginning: the word may have been lost as well
            return end(
                slot, task_state::failure, errc::worker_lost,
                "the worker '" + worker + "' was lost while it had the task, which is to run at most once");
        }
        if (began && died(slot, worker)) return;
        if (t.cancel_requested) return end(slot, task_state::cancelled, errc::cancelled, "cancelled");
        requeue(slot);
    }
    /// The worker that ran the task died. \return true: once too often, and the task has ended
    bool died(std::uint32_t slot, std::string const& worker) {
        auto& t = s_.tasks[slot];
        note_trouble(t, errc::worker_lost, worker, "the worker was lost while it ran the task");
        auto const deaths = ++s_.terms[t.terms].deaths;
        if (deaths < s_.options.max_deaths) return false;
        end(slot, task_state::failure, errc::too_many_deaths,
            "its worker was lost " + std::to_string(deaths) + " times while it ran; the last was '" + worker +
                "'");
        return true;
    }

    /// An attempt failed: the task is tried again, or ends.
    void failed(std::uint32_t slot, errc code, bool final, std::optional<std::uint64_t> retry_after_ms,
                std::string_view text) {
        auto& t = s_.tasks[slot];
        note_trouble(t, code, s_.worker_name(t.worker), text);
        bool const retryable =
            (code == errc::handler_error || code == errc::timeout) && !final && !t.cancel_requested;
        auto& terms = s_.terms[t.terms];  // they are there: the trouble was noted in them
        if (!retryable || terms.failures >= terms.options.retries) {
            return end(slot, task_state::failure, code, text);
        }
        ++terms.failures;
        ++s_.counters.retried;
        t.overdue = false;  // it has begun in time
        expiry_.clear(slot);
        wall_expiry_.clear(slot);
        auto const wait = retry_after_ms ? std::chrono::milliseconds{*retry_after_ms} : retry_delay(t);
        detach(t);
        write_attempt(t, s_.now_us() + static_cast<std::uint64_t>(wait.count()) * 1000);
        t.state = task_state::retrying;
        due_.set(slot, saturating_add(s_.now.steady, wait));
        s_.tell(t, {}, code);
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

    /// The handler of the task tells how far it is. Who watches is told once a turn.
    void progressed(std::uint32_t slot, std::string_view text) {
        auto& terms = terms_of(s_.tasks[slot]);
        terms.progress = text;
        if (!std::exchange(terms.has_news, true)) news_.push_back({slot, s_.tasks[slot].number});
    }
    void tell_progress() {
        for (auto const& [slot, number] : news_) {
            auto const& t = s_.tasks[slot];
            if (t.number != number || t.id.empty() || t.terms == none) continue;  // it has ended since
            s_.terms[t.terms].has_news = false;
            auto const text = progress_of(t);
            if (!text.empty()) tell_watchers(t, text);
        }
        news_.clear();
    }
    /// Whether the peer watches the task as often as it may.
    [[nodiscard]] bool is_much_watched_by(std::uint32_t slot, std::uint32_t peer) noexcept {
        constexpr int most = 64;
        int count = 0;
        for (auto w = s_.tasks[slot].waiters; w != none; w = s_.waiting[w].task_next)
            count += s_.waiting[w].kind == wait_kind::watch && s_.waiting[w].peer == peer ? 1 : 0;
        return count >= most;
    }
    /// What its handler told last; empty while it does not run.
    [[nodiscard]] std::string_view progress_of(task const& t) const noexcept {
        return t.terms == none ? std::string_view{} : std::string_view{s_.terms[t.terms].progress};
    }

    /// The end of a task. It is in no lane and at no worker any more, or is taken out of its lane.
    void end(std::uint32_t slot, task_state state, errc code, std::string_view value) {
        auto& t = s_.tasks[slot];
        if (t.state == task_state::queued) leave_lane(slot);
        bool const unseen = t.state != task_state::running && t.started_us != 0 && t.worker != none;
        t.state = state;
        count(t);
        auto const worker = s_.worker_name(t.worker);
        auto const finished = s_.now_us();
        bool const dead = state == task_state::failure && s_.options.max_dead_letters > 0;
        if constexpr (policy::durable_store<typename P::store_policy>) {
            if (dead && t.left) s_.store.fetch(t.number);  // before its end is written
        }
        auto const after = s_.store.finish({t.number, t.id, state, code, value, t.attempt, worker,
                                            t.started_us, finished, history_of(t), dead});
        s_.last_end = after;
        cached_result const result{t.submitted_us,
                                   t.started_us,
                                   finished,
                                   t.attempt,
                                   t.content,
                                   t.name,
                                   code,
                                   state,
                                   s_.shared_worker_name(t.worker),
                                   {},
                                   after,
                                   t.number,
                                   shared_text{history_of(t)}};
        answer_waiters(slot, result, value, after);
        if (t.terms != none) call_back(t, result, value, after);
        if (unseen && s_.events.is_heard()) s_.stream("task.started", t, t.started_us, worker);
        s_.tell(t, worker, code);
        if (dead) bury(t, result, value);
        keep(t, result, value);
        clear_times(slot);
        release(slot);
    }

    /// Somebody wants to know of the task's end. \return his waiter
    std::uint32_t answer_later(std::uint32_t slot, request& r, wait_kind kind, std::string_view ref,
                               bool meta, std::optional<std::uint64_t> timeout_ms) {
        auto const w = s_.waiting.add(r.peer, slot, kind);
        auto& waits = s_.waiting[w];
        waits.layout = r.layout;
        waits.envelope = r.envelope;
        waits.ref = ref;
        waits.meta = meta;
        if (timeout_ms) waits_.set(w, saturating_add(s_.now.steady, std::chrono::milliseconds{*timeout_ms}));
        return w;
    }
    /// A peer has gone: nobody waits there any more, or watches.
    void forget_peer(std::uint32_t peer) {
        while (s_.peers[peer].waiters != none) drop_waiter(s_.peers[peer].waiters);
        s_.events.remove(s_.peers[peer].id);
        s_.peers.erase(peer);
    }
    /// There will be no answer: the control plane ends.
    void break_off(std::uint32_t w) {
        auto const& asked = s_.waiting[w].asked;
        auto const id = asked.empty() ? s_.tasks[s_.waiting[w].task].id : asked;
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

    static constexpr int most_ready_a_tick = 10'000;

    /// Does what is due.
    /// \param timed_out  called with each task whose attempt went over its limit
    template <class TimedOut>
    void tick(TimedOut&& timed_out) {
        // Many may be due at once: a turn must not become long, and another one follows.
        int left = most_ready_a_tick;
        for (; left > 0; --left) {
            auto const slot = due_.pop(s_.now.steady);
            if (!slot) break;
            become_ready(*slot);
        }
        for (; left > 0; --left) {
            auto const slot = eta_.pop(s_.now.wall);
            if (!slot) break;
            become_ready(*slot);
        }
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
        if (!r.worker.empty()) header.field("worker", r.worker.view());
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
                                    s_.shared_worker_name(t.worker),
                                    {},
                                    t.stored,
                                    t.number,
                                    {}};
        write_result(header, t.id, present, ref, true);
    }
    /// What a result cache is to call for each result that leaves it: its value need not be stored any longer.
    [[nodiscard]] auto gone() {
        return [this](std::uint32_t ledger, policy::task_number number) {
            s_.ledger.set_reference(ledger, none);
            if (s_.keeps() && s_.dead.find(s_.ledger[ledger].id) == nullptr) s_.store.forget(number);
        };
    }
    /// The task of an id has ended; its result is in `kept`, if anywhere.
    void close_id(std::uint32_t entry, cached_result const& result, std::uint32_t kept) {
        auto const forgotten = s_.ledger.end(entry, result.state, kept);
        if (forgotten != none) s_.cache.erase(forgotten);
        if (s_.keeps()) s_.ended.push_back(result.number);
    }
    void keep_letter(dead_letter letter) {
        s_.dead.add(std::move(letter), [this](policy::task_number gone) { s_.store.forget(gone); });
    }
    /// Forgets what depends on the time the present attempt takes.
    void detach(task& t) {
        limits_.clear(s_.ledger[t.ledger].reference);
        t.worker = none;
        t.started_us = 0;
        t.recalled = false;
        if (t.terms != none) s_.terms[t.terms].progress.clear();
    }
    /// Makes `t` what its record says, but for its arguments.
    /// \param last  of its attempts that went wrong
    void fill(task& t, policy::task_record const& r, policy::attempt_record const& last = {}) {
        auto kept = std::move(t.arguments);
        t = task{};
        t.arguments = std::move(kept);
        t.id = r.id;
        t.number = r.number;
        t.sequence = s_.next_sequence++;
        t.submitted_us = r.submitted_us;
        t.name = s_.dispatch.names().intern(r.name);
        t.content = s_.content_number(r.content);
        t.level = r.level;
        t.at_most_once = r.options.delivery == delivery::at_most_once;
        t.key_hash = static_cast<std::uint32_t>(r.options.key_hash);
        bool const untroubled = last.failures == 0 && last.deaths == 0 && last.history.empty();
        if (is_usual(r.options) && r.attributes.empty() && untroubled) return;
        t.terms = s_.terms.take();
        s_.terms[t.terms] = task_terms{
            r.options, std::string{r.attributes}, std::string{last.history}, {}, last.failures, last.deaths};
    }
    /// The task holds the key that makes it unique, if it has one.
    void take_key(std::uint32_t slot) {
        auto const key = s_.attributes_of(s_.tasks[slot]).get("unique");
        if (!key.empty()) s_.unique.insert(key, slot);
    }
    /// A task of an earlier life, with its times, waits for what is to happen to it.
    void resume(std::uint32_t slot, policy::stored_task const& stored) {
        auto& t = s_.tasks[slot];
        auto const due = std::max(stored.task.due_us, stored.last.due_us);
        if (stored.task.expires_us != 0 && stored.last.failures == 0)
            wall_expiry_.set(slot, from_epoch_us(stored.task.expires_us));
        t.state = task_state::queued;
        if (due > s_.now_us()) {
            t.state = stored.last.failures > 0 ? task_state::retrying : task_state::scheduled;
            eta_.set(slot, from_epoch_us(due));
        } else if (may_be_out(t, stored)) {
            t.restored = true;
            s_.reunion.tasks.push_back(s_.tasks, slot);
        } else {
            s_.dispatch.enqueue(slot);
        }
    }
    /// A worker of an earlier life has the task.
    void adopt(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        s_.reunion.tasks.erase(s_.tasks, slot);
        t.restored = false;
        ++s_.counters.adopted;
    }
    /// Those that might have had them have spoken: what is left waits like all others.
    void end_reunion() {
        auto& waiting = s_.reunion.tasks;
        while (!waiting.empty()) {
            auto const slot = waiting.front();
            auto& t = s_.tasks[slot];
            if (t.at_most_once) {  // of these only such as had been given out
                end(slot, task_state::failure, errc::worker_lost,
                    "its worker did not come back after a restart of the control plane, and it is to run at "
                    "most once");
                continue;
            }
            waiting.erase(s_.tasks, slot);
            t.restored = false;
            s_.dispatch.enqueue(slot);
        }
    }
    /// Of its attempts that went wrong, as a `trouble_log`.
    [[nodiscard]] std::string_view history_of(task const& t) const noexcept {
        return t.terms == none ? std::string_view{} : std::string_view{s_.terms[t.terms].history};
    }
    /// Writes what is known of the task after an attempt without a result.
    void write_attempt(task& t, std::uint64_t due_us) {
        auto const [failures, deaths] = s_.troubles_of(t);
        t.stored = s_.store.requeue({t.number, t.id, t.attempt, failures, deaths, due_us, history_of(t)});
    }

private:
    [[nodiscard]] policy::task_record record_of(acceptance const& a,
                                                wire::request_options const& o) noexcept {
        policy::task_record r;
        r.number = s_.next_number++;
        r.id = a.id;
        r.name = a.name;
        r.content = o.content;
        r.arguments = a.arguments;
        r.attributes = a.attributes;
        r.options = o.task;
        r.level = o.task.priority.value_or(a.level);
        r.fingerprint = a.fingerprint;
        r.submitted_us = s_.now_us();
        auto const later = [&r](std::uint64_t ms) { return r.submitted_us + ms * 1000; };
        r.due_us = o.task.countdown_ms ? later(*o.task.countdown_ms) : o.task.eta_us.value_or(0);
        r.expires_us = o.task.expires_ms ? later(*o.task.expires_ms) : o.task.expires_us.value_or(0);
        return r;
    }
    /// Keeps the arguments in memory, unless the store has them and there are many already.
    void take_arguments(task& t, std::string_view arguments) {
        t.octets = static_cast<std::uint32_t>(arguments.size());
        t.left = s_.keeps() && !arguments.empty() && s_.task_octets + t.octets > s_.options.waiting_octets;
        if (t.left) return t.arguments.clear();
        t.arguments.assign(arguments);
        s_.task_octets += t.octets;
    }
    /// Whether a worker may have been given it after the last write that is known of.
    static bool may_be_out(task& t, policy::stored_task const& stored) noexcept {
        bool const claimed = stored.claimed > stored.last.attempt;
        if (t.at_most_once || claimed) return t.at_most_once && claimed;
        ++t.attempt;
        t.unsure = true;
        return true;
    }
    void wait_again(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        t.state = task_state::queued;
        s_.dispatch.enqueue(slot);
        s_.tell(t, {});
    }
    void leave_lane(std::uint32_t slot) {
        s_.tasks[slot].restored ? s_.reunion.tasks.erase(s_.tasks, slot) : s_.dispatch.dequeue(slot);
    }
    [[nodiscard]] task_terms& terms_of(task& t) {
        if (t.terms == none) {
            t.terms = s_.terms.take();
            s_.terms[t.terms] = task_terms{};
        }
        return s_.terms[t.terms];
    }
    void note_trouble(task& t, errc code, std::string_view worker, std::string_view text) {
        trouble_log::add(terms_of(t).history, {s_.now_us(), t.attempt, code, worker, text});
    }
    /// Keeps a task that failed, to be looked at and perhaps run again.
    void bury(task const& t, cached_result const& result, std::string_view text) {
        constexpr std::size_t most_text = 2048;
        dead_letter letter;
        letter.number = t.number;
        letter.id = t.id;
        letter.name = s_.dispatch.names()[t.name].name;
        if (t.content != 0) letter.content = s_.contents[t.content];
        letter.arguments = t.arguments;
        if (t.terms != none) {
            letter.attributes = s_.terms[t.terms].attributes;
            letter.options = s_.terms[t.terms].options;
            letter.history = s_.terms[t.terms].history;
        }
        letter.options.delivery = t.at_most_once ? delivery::at_most_once : delivery::at_least_once;
        letter.options.key_hash = t.key_hash;
        letter.level = t.level;
        letter.submitted_us = t.submitted_us;
        letter.finished_us = result.finished_us;
        letter.attempt = t.attempt;
        letter.code = result.code;
        letter.text = text.substr(0, most_text);
        letter.worker = result.worker.view();
        letter.left = t.left;
        keep_letter(std::move(letter));
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
        if (s_.events.is_heard()) s_.stream("task.submitted", t, t.submitted_us, {});
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
        auto const grown = static_cast<double>(o.retry_delay_ms) *
                           std::pow(o.retry_backoff, s_.terms[t.terms].failures - 1.0);
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
        auto const kept = s_.cache.insert(t.ledger, t.id.hash(0), result, value, s_.now.steady, gone());
        close_id(t.ledger, result, kept);
        if (!s_.keeps()) return;
        if (kept == none && s_.dead.find(t.id) == nullptr) s_.store.forget(t.number);
        while (s_.ended.size() > s_.options.id_ledger_size) {  // as many as the ledger knows
            s_.dead.erase_oldest(s_.ended.front());
            s_.store.erase(s_.ended.front());
            s_.ended.pop_front();
        }
    }
    void clear_times(std::uint32_t slot) {
        due_.clear(slot);
        eta_.clear(slot);
        expiry_.clear(slot);
        wall_expiry_.clear(slot);
        limits_.clear(slot);
    }
    void give_terms(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        auto const key = s_.attributes_of(t).get("unique");
        if (!key.empty()) s_.unique.erase(key, slot);
        s_.terms.give(t.terms);
    }
    void release(std::uint32_t slot) {
        constexpr std::size_t worth_keeping = 4096;
        auto& t = s_.tasks[slot];
        if (!t.left) s_.task_octets -= t.octets;
        if (t.arguments.capacity() > worth_keeping) t.arguments = {};
        if (t.terms != none) give_terms(slot);
        t.id = {};  // so that those that live can be told from the rest
        s_.tasks.give(slot);
    }

    /// Begins the pair that answers a waiter, in the message it belongs to.
    wire::header_writer begin_reply(std::uint32_t w, std::string_view verb, std::size_t octets = 0) {
        auto& waits = s_.waiting[w];
        if (waits.layout == wire::form::packed && waits.envelope.empty()) {
            reply_ = &s_.unasked(waits.peer, waits.layout, octets);
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
            auto header = begin_reply(w,
                                      came_late ? "error"
                                      : cancels ? "cancelled"
                                                : "result",
                                      cancels ? 0 : value.size());
            if (came_late)
                header.token(id).token(name_of(errc::already_finished)).field("state", name_of(r.state));
            else if (cancels)
                header.token(id).token(name_of(r.state));
            else if (auto const& asked = s_.waiting[w].asked; asked.empty())
                write_result(header, id, r, {}, s_.waiting[w].meta);
            else
                write_result(header, asked, r, {}, s_.waiting[w].meta), header.field("attached", id);
            finish_reply(w, header, cancels ? std::string_view{} : value, after);
            drop_waiter(w);
        }
    }
    /// Tells the address that the task names, if it does.
    void call_back(task const& t, cached_result const& r, std::string_view value,
                   policy::store_sequence after) {
        auto const its = s_.attributes_of(t);
        endpoint to;
        if (auto const address = its.get("callback"); address.empty() || !parse_endpoint(address, to).empty())
            return;
        wire::octet_buffer line;
        wire::header_writer header{line, "result"};
        write_result(header, t.id, r, {}, true);
        if (auto const data = its.get("callback_data"); !data.empty()) header.field("callback_data", data);
        if (s_.courier.waiting() == 0) s_.callbacks_since = s_.now.steady;
        if (s_.courier.post(to, std::string{line.view()}, std::string{value}, after, s_.now.steady)) return;
        s_.notice(errc::queue_full, "the callback of task " + t.id.text() + " to " + to.text() +
                                        " was dropped: too many wait already");
    }
    void tell_watchers(task const& t, std::string_view text) {
        for (auto w = t.waiters; w != none; w = s_.waiting[w].task_next) {
            if (s_.waiting[w].kind != wait_kind::watch) continue;
            auto header = begin_reply(w, "result", text.size());
            write_present(header, t, {});
            finish_reply(w, header, text, t.stored);
        }
    }
    void wait_is_over(std::uint32_t w) {
        auto const& t = s_.tasks[s_.waiting[w].task];
        auto header = begin_reply(w, "result");
        write_present(header, t, {});
        finish_reply(w, header, progress_of(t), t.stored);
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
    struct news {
        std::uint32_t task;
        policy::task_number number;  // or another has its slot
    };
    std::vector<news> news_;  // of progress, in this turn
    wire::pair_writer* reply_ = nullptr;
    std::size_t reply_message_ = 0;
};

}  // namespace fastqueue::core
