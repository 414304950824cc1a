#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/core/worker_desk.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/wire/run_message.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace fastqueue::core {

/// Hands tasks to workers and takes their answers. A lease is `(id, attempt)` at one worker: an answer that does not hold
/// it is counted and dropped.
template <class P>
class run_desk {
public:
    run_desk(plane_state<P>& state, task_life<P>& life, worker_desk<P>& workers)
        : s_{state}, life_{life}, workers_{workers} {}

    /// Gives out whatever has a place.
    void dispatch() {
        if (s_.stopping) return;
        while (auto const choice = s_.dispatch.next()) assign(choice->task, choice->worker);
    }

    // ---- what a worker says of its runs; `worker` is whose connection it came over

    void on_done(std::uint32_t worker, wire::header const& h, std::string_view payload) {
        wire::done_message done;
        if (auto const bad = done.read(h)) return s_.notice(bad->code, bad->why);
        auto const slot = s_.holder(worker, done.lease);
        if (slot == none) return stale(worker, done.lease);
        bool const asked_back = s_.tasks[slot].recalled;
        bool const begun = s_.tasks[slot].state == task_state::running && s_.workers[worker].sends_began();
        give_back(worker, slot, done);
        switch (done.end) {
            case wire::run_end::success:
                life_.end(slot, task_state::success, {}, payload);
                break;
            case wire::run_end::failure:
                life_.failed(slot, done.code, done.final, done.retry_after_ms, payload);
                break;
            case wire::run_end::cancelled:
                life_.end(slot, task_state::cancelled, errc::cancelled,
                          payload.empty() ? "cancelled" : payload);
                break;
            case wire::run_end::returned:
                if (!asked_back) workers_.pause(worker);
                came_back(worker, slot, begun, done.unbegun);
                break;
        }
        workers_.answered(worker);
    }
    void on_began(std::uint32_t worker, wire::header const& h) {
        wire::lease_name lease;
        if (auto const bad = wire::read_lease(h, 2, lease)) return s_.notice(bad->code, bad->why);
        if (auto const slot = s_.holder(worker, lease); slot != none) begins(worker, slot);
    }
    /// Progress is a sign that the run has begun, too.
    void on_progress(std::uint32_t worker, wire::header const& h, std::string_view text) {
        wire::lease_name lease;
        if (auto const bad = wire::read_lease(h, 2, lease)) return s_.notice(bad->code, bad->why);
        auto const slot = s_.holder(worker, lease);
        if (slot == none) return;
        if (text.size() > max_progress_octets)
            return s_.notice(errc::too_large, "the progress of a task over 4096 octets was dropped");
        begins(worker, slot);
        life_.progressed(slot, text);
    }

    /// Asks for everything back that the worker was sent and has not begun: somebody else may be idle. What is to run last is
    /// asked for first and all over one connection, so that what the worker begins meanwhile overtakes nothing.
    void recall_ahead(std::uint32_t worker) {
        auto& record = s_.workers[worker];
        if (!record.sends_began() || !workers_.can_send(record)) return;
        for (auto level = priority_count; level-- > 0;) {
            auto& list = record.ahead[level];
            while (!list.empty()) {
                auto const slot = list.back();
                list.erase(s_.tasks, slot);
                record.recalled.push_back(s_.tasks, slot);
                s_.tasks[slot].recalled = true;
                tell_worker(worker, slot, "recall", priority::low);
            }
        }
    }
    /// Arguments have come from the store: the task's worker gets it now, if it still has it.
    void fetched(policy::fetched_arguments const& f) {
        auto const at = s_.fetching.find(f.number);
        if (at == s_.fetching.end()) return;
        auto const slot = at->second;
        auto& t = s_.tasks[slot];
        s_.fetching.erase(at);
        if (t.number != f.number || !t.fetching) return;
        auto& record = s_.workers[t.worker];
        t.fetching = false;
        --record.fetching;
        if (!workers_.can_send(record)) return;  // it will say that it has not got it
        send_run(t, record, f.arguments);
        if (t.recalled) tell_worker(t.worker, slot, "recall", t.level);
        if (t.cancel_requested) tell_worker(t.worker, slot, "cancel", t.level);
    }
    /// Who was given much gets more when all of it has left and its queues are short.
    /// \return whether there is any such worker
    template <class Queued>
    bool look_at_queues(Queued&& queued) {
        auto const before = s_.clogged.size();
        std::erase_if(s_.clogged, [&](std::uint32_t w) {
            auto& record = s_.workers[w];
            if (!record.clogged) return true;  // it left, and perhaps another has its place
            if (record.fetching > 0 || record.gated_until > s_.committed) return false;
            // Not the sum: a turn follows where one of them becomes shorter.
            record.unchecked_octets = 0;
            for (auto const& link : record.links) {
                if (link.peer != peer_id::none)
                    record.unchecked_octets =
                        std::max<std::uint64_t>(record.unchecked_octets, queued(link.peer));
            }
            record.clogged = record.unchecked_octets > policy::much_queued;
            if (!record.clogged) s_.dispatch.room_changed(w);
            return !record.clogged;
        });
        return s_.clogged.size() != before;
    }
    /// Asks the worker of a task to stop it.
    void cancel(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        t.cancel_requested = true;
        if (workers_.can_send(s_.workers[t.worker])) tell_worker(t.worker, slot, "cancel", t.level);
    }
    /// The attempt went over its limit and its worker said nothing: the task goes on without it.
    void over_limit(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        auto const worker = t.worker;
        bool const asked = t.cancel_requested;
        cancel(slot);
        t.cancel_requested = asked;
        workers_.take_back(worker, slot);
        auto& record = s_.workers[worker];
        ++record.outstanding;  // its place stays taken until its answer
        record.orphans.push_back({t.id, t.attempt});
        ++record.failed;
        s_.dispatch.room_changed(worker);
        life_.failed(slot, errc::timeout, false, std::nullopt, "the attempt exceeded its time limit");
    }

private:
    void begins(std::uint32_t worker, std::uint32_t slot) {
        if (s_.tasks[slot].state == task_state::running) return;
        auto& record = s_.workers[worker];
        auto& t = s_.tasks[slot];
        (t.recalled ? record.recalled : record.ahead[index_of(t.level)]).erase(s_.tasks, slot);
        t.recalled = false;
        record.begun.push_back(s_.tasks, slot);
        life_.began(slot);
        life_.answer_cancels(slot);
        s_.dispatch.room_changed(worker);
        if (record.blocked()) recall_ahead(worker);
    }
    void assign(std::uint32_t slot, std::uint32_t worker) {
        auto& t = s_.tasks[slot];
        auto& record = s_.workers[worker];
        if (t.unsure) life_.write_attempt(t, 0);
        t.unsure = false;
        ++t.attempt;
        t.worker = worker;
        t.cost_us = std::min(s_.dispatch.names()[t.name].cost_us, ahead_limit_us);
        t.state = task_state::assigned;
        if (must_claim(t, record)) t.stored = s_.store.claim(t.number, t.attempt);
        workers_.take_on(worker, slot);
        note_weight(worker, t.octets);
        s_.dispatch.room_changed(worker);
        t.left ? fetch(slot) : send_run(t, record, t.arguments);
    }
    void note_weight(std::uint32_t worker, std::uint64_t octets) {
        auto& record = s_.workers[worker];
        record.unchecked_octets += octets;
        if (record.unchecked_octets <= policy::much_queued || record.clogged) return;
        record.clogged = true;
        s_.clogged.push_back(worker);
    }
    /// Whether only the store can tell afterwards that the task may have run: where a worker's death is ours as well, and
    /// where it must not run again.
    [[nodiscard]] static bool must_claim(task const& t, worker_record const& record) noexcept {
        return record.local || t.at_most_once;
    }
    void fetch(std::uint32_t slot) {
        if constexpr (policy::durable_store<typename P::store_policy>) {
            auto& t = s_.tasks[slot];
            t.fetching = true;
            ++s_.workers[t.worker].fetching;
            s_.fetching[t.number] = slot;
            s_.store.fetch(t.number);
        }
    }
    void send_run(task const& t, worker_record& record, std::string_view arguments) {
        wire::run_message run;
        run.lease = {t.id, t.attempt};
        run.name = s_.dispatch.names()[t.name].name;
        run.level = t.level;
        if (t.content != 0) run.content = s_.contents[t.content];
        if (t.terms != none) {
            auto const& terms = s_.terms[t.terms];
            run.soft_timeout_ms = terms.options.soft_timeout_ms;
            run.timeout_ms = terms.options.timeout_ms;
            run.traceparent = s_.attributes_of(t).get("traceparent");
        }
        if (is_gated(t, record)) record.gated_until = std::max(record.gated_until, t.stored);
        auto& pairs = to_worker(t, record, t.level, arguments.size());
        auto header = pairs.begin("run");
        run.write(header, !record.dialled);
        pairs.finish(arguments);
    }
    /// Where a word about a task goes on.
    /// \param level  over whose connection
    /// \param octets  of the payload
    [[nodiscard]] wire::pair_writer& to_worker(task const& t, worker_record const& record, priority level,
                                               std::size_t octets = 0) {
        auto const peer = s_.peers.find(record.links[record.dialled ? index_of(level) : 0].peer);
        auto const layout = record.announced.packed ? wire::form::packed : wire::form::frames;
        return is_gated(t, record) ? s_.gated(peer, layout, t.stored, octets)
                                   : s_.unasked(peer, layout, octets);
    }
    /// A first attempt may begin before its submission is safe, since who asked for it will ask again under the same id. What must not
    /// run twice waits for it, and so does what a schedule has submitted, and others for the number of their attempt, which is never
    /// to be seen twice; and then all that is said of it, so that its order is kept.
    [[nodiscard]] bool is_gated(task const& t, worker_record const& record) const noexcept {
        return t.stored > s_.committed && (must_claim(t, record) || t.attempt > 1 || t.periodic);
    }
    void tell_worker(std::uint32_t worker, std::uint32_t slot, std::string_view verb, priority level) {
        auto& record = s_.workers[worker];
        auto const layout = record.announced.packed ? wire::form::packed : wire::form::frames;
        // Runs that this turn may still send to the ports above must not leave behind those that go to this one: each connection
        // writes all that it has when its first message's turn has come.
        auto const last = record.dialled ? index_of(level) : 0;
        for (std::size_t i = 0; i < last; ++i)
            static_cast<void>(s_.unasked(s_.peers.find(record.links[i].peer), layout));
        auto const& t = s_.tasks[slot];
        auto& pairs = to_worker(t, record, level);
        auto header = pairs.begin(verb);
        wire::write_lease(header, {t.id, t.attempt});
        pairs.finish({});
    }

    void give_back(std::uint32_t worker, std::uint32_t slot, wire::done_message const& done) {
        auto& record = s_.workers[worker];
        auto& t = s_.tasks[slot];
        workers_.take_back(worker, slot);
        if (t.started_us == 0) t.started_us = s_.now_us() - std::min(s_.now_us(), done.took_us.value_or(0));
        if (done.took_us && done.end != wire::run_end::returned)
            s_.dispatch.names()[t.name].ran_for(*done.took_us);
        if (done.end == wire::run_end::success)
            ++record.succeeded;
        else if (done.end == wire::run_end::failure)
            ++record.failed;
        s_.dispatch.room_changed(worker);
    }
    void came_back(std::uint32_t worker, std::uint32_t slot, bool begun, bool unbegun) {
        ++s_.counters.returned;
        auto& t = s_.tasks[slot];
        if (begun && t.at_most_once) {
            return life_.end(slot, task_state::failure, errc::worker_lost,
                             "its worker stopped before it had ended, and it is to run at most once");
        }
        if (t.cancel_requested) return life_.end(slot, task_state::cancelled, errc::cancelled, "cancelled");
        bool const written = must_claim(t, s_.workers[worker]);
        unbegun && !begun && !written ? life_.unassign(slot) : life_.requeue(slot);
    }
    void stale(std::uint32_t worker, wire::lease_name const& lease) {
        ++s_.counters.stale_answers;
        auto& record = s_.workers[worker];
        auto const at = std::ranges::find_if(record.orphans, [&](wire::lease_name const& o) {
            return o.id == lease.id && o.attempt == lease.attempt;
        });
        if (at == record.orphans.end())
            return s_.notice(errc::unknown_task, "an answer that does not hold the task's lease was dropped");
        record.orphans.erase(at);
        --record.outstanding;
        s_.dispatch.room_changed(worker);
        workers_.answered(worker);
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    worker_desk<P>& workers_;
};

}  // namespace fastqueue::core
