#pragma once

#include <fastqueue/core/admin_desk.hpp>
#include <fastqueue/core/cancel_desk.hpp>
#include <fastqueue/core/dead_desk.hpp>
#include <fastqueue/core/pause_desk.hpp>
#include <fastqueue/core/plane_documents.hpp>
#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/request_desk.hpp>
#include <fastqueue/core/restorer.hpp>
#include <fastqueue/core/run_desk.hpp>
#include <fastqueue/core/schedule_desk.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/core/worker_desk.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/wire/pair_cursor.hpp>
#include <fastqueue/wire/verbs.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace fastqueue::core {

/// The control plane's brain: events in, an outbox of actions out. It has no socket and no clock; both clocks come with
/// each event. Everything it does is decided by the events, their times and the seed.
///
/// A shell calls, in each turn: `at(now)`, then events, then `turn()`, then performs `outbox()`; and wakes it at
/// `next_deadline()`. One thread at a time.
template <class P>
class plane {
public:
    /// \param zones  of periodic tasks; outlives this, as the others do
    plane(plane_options const& options, typename P::store_policy& store,
          typename P::observer_policy& observer, typename P::time_zone_policy const& zones)
        : s_{options, store, observer, zones},
          life_{s_},
          workers_{s_, life_},
          runs_{s_, life_, workers_},
          requests_{s_, life_, runs_},
          documents_{s_, workers_},
          admin_{s_, life_, workers_, runs_},
          dead_{s_, life_},
          pauses_{s_, workers_, runs_},
          cancels_{s_, life_, runs_},
          schedules_{s_, life_} {}

    /// The time of this turn. A gap far over what was asked for means that the process stood still: nobody's silence in
    /// it is held against him.
    void at(clock_reading now) {
        s_.now = now;
        if (!s_.started_set) {
            s_.started = now.steady;
            s_.started_set = true;
        } else if (now.steady > saturating_add(expected_, stall)) {
            workers_.forgive(now.steady - expected_);
        }
        expected_ = now.steady;
    }

    /// Takes over what the store has kept of an earlier life. Once, after the first `at` and before anything else.
    /// \throws error  the store cannot be read
    void restore() {
        if constexpr (policy::durable_store<typename P::store_policy>) {
            restorer<P> sink{s_, life_};
            s_.store.restore(sink, s_.options.waiting_octets);
            sink.finish();
        }
    }

    void opened(peer_id peer, peer_info const& info) {
        if (s_.courier.owns(info.tag) && s_.courier.opened(peer, s_.now.steady)) return;
        auto const role = info.tag < static_cast<std::uint32_t>(port_role::link)
                              ? static_cast<port_role>(info.tag)
                              : port_role::link;
        auto const slot = s_.peers.add(peer, role, info);
        if (role == port_role::link && !workers_.opened(slot, info.tag)) {
            s_.out.close(peer);
            s_.peers.erase(slot);
        }
    }
    void dialled(std::uint32_t tag, peer_id peer) {
        s_.courier.owns(tag) ? s_.courier.dialled(tag, peer) : workers_.dialled(tag, peer);
    }

    void closed(peer_id peer, std::error_code why) {
        if (s_.courier.closed(peer, why, s_.now.steady)) return;
        auto const slot = s_.peers.find(peer);
        if (slot == none) {
            workers_.dial_failed(peer, why);
            return;
        }
        workers_.closed(slot);
        life_.forget_peer(slot);
    }

    void message(peer_id peer, std::span<std::string_view const> frames) {
        auto const slot = s_.peers.find(peer);
        if (slot == none) return;
        wire::pair_cursor cursor{frames, s_.options.limits.max_pairs, s_.peers[slot].one_at_a_time};
        if (cursor.is_probe()) return;
        request r;
        r.peer = slot;
        r.layout = cursor.form();
        cursor.copy_envelope(r.envelope);
        if (auto const worker = s_.peers[slot].worker; worker != none) workers_.saw(worker);
        if (cursor.trouble()) return s_.error(r, "-", cursor.trouble()->code, {}, cursor.trouble()->why);
        if (s_.peers[slot].role == port_role::link) return from_worker(slot, cursor);
        if (is_task_port(s_.peers[slot].role) && cursor.pairs_left() > 1 && holds_submit(cursor))
            return batch(r, cursor);
        bool const alone = cursor.pairs_left() == 1;
        wire::header h;
        each_pair(cursor, [&](wire::pair const& pair) {
            if (auto const bad = h.parse(pair.header, s_.options.limits.max_header))
                s_.error(r, "-", bad->code, {}, bad->why);
            else
                handle(r, h, pair.payload, alone);
        });
    }
    /// Whether so much is to be sent that it should not wait for the turn's end.
    [[nodiscard]] bool has_much_to_send() const noexcept { return s_.out.octets() > policy::much_queued; }
    /// What the outbox held has been sent. \param queued  called as `queued(peer)`: how many octets are on their way there
    /// \return whether workers may get more that could not before: then another turn is due
    template <class Queued>
    [[nodiscard]] bool sent(Queued&& queued) {
        return !s_.clogged.empty() && runs_.look_at_queues(queued) && s_.dispatch.waiting() > 0;
    }

    /// The store has committed more, or failed.
    void committed(policy::store_news const& news) {
        s_.committed = std::max(s_.committed, news.committed);
        if (news.full && !s_.full) s_.notice(errc::queue_full, *news.full);
        s_.full = news.full;
        for (auto const& arguments : news.fetched) {
            runs_.fetched(arguments);
            dead_.fetched(arguments);
        }
        for (auto const& backup : news.backups) admin_.backed_up(backup);
        if (!news.failure || !s_.failure.empty()) return;
        s_.failure = *news.failure;
        s_.notice(errc::store_failed, s_.failure);
        stop();
    }
    /// Why the store takes nothing any more; empty while it does. Nothing that happens from then on is safe: the owner is to
    /// end at once.
    [[nodiscard]] std::string const& failure() const noexcept { return s_.failure; }

    /// Ends the turn: does what is due and gives out what has a place.
    void turn() {
        turn([](peer_id) { return std::uint64_t{0}; });
    }
    /// \param queued  called as `queued(peer)`: how many octets are on their way there, where that is known
    template <class Queued>
    void turn(Queued&& queued) {
        workers_.tick();
        life_.tick([this](std::uint32_t slot) { runs_.over_limit(slot); });
        schedules_.tick();
        if (s_.now.steady >= next_sweep_) sweep();
        if (!s_.reunion.tasks.empty() && s_.reunion.is_over(s_.now.steady)) life_.end_reunion();
        runs_.dispatch();
        life_.tell_progress();
        if (workers_.take_changed()) tell_watchers();
        call_back(queued);
        expected_ = std::max(s_.now.steady, next_deadline());
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        auto const letters =
            s_.stopping && callbacks_wait() ? s_.callbacks_since + last_letters : instant::max();
        // While there are workers it wakes once a heartbeat at least: so it sees when the process stood still.
        auto const beat = workers_.by_name().empty() ? instant::max() : s_.now.steady + s_.options.heartbeat;
        return std::min({life_.next_deadline(), s_.courier.next_deadline(), schedules_.next_deadline(),
                         workers_.next_deadline(), s_.reunion.next_deadline(), next_sweep_, beat, letters});
    }
    [[nodiscard]] core::outbox& outbox() noexcept { return s_.out; }
    [[nodiscard]] policy::store_sequence committed_up_to() const noexcept { return s_.committed; }

    /// Takes nothing new and gives nothing out; what was sent ahead is called back. Who waits for a task that is not
    /// running is told `shutting_down`.
    void stop() {
        if (s_.stopping) return;
        s_.stopping = true;
        for (auto const& [name, w] : workers_.by_name()) runs_.recall_ahead(w);
    }
    /// Whether nothing runs any more, so that the process can end.
    [[nodiscard]] bool idle() const noexcept { return outstanding() == 0 && !callbacks_wait(); }
    /// Runs that are at workers and not answered.
    [[nodiscard]] std::size_t outstanding() const noexcept {
        std::size_t sum = 0;
        for (auto const& [name, w] : workers_.by_name()) sum += s_.workers[w].outstanding;
        return sum;
    }
    /// Last words: whoever still waits is told that there will be no answer. Where tasks outlive this process nothing is said:
    /// their askers find the next one. That tasks were cut off then is written, lest it be taken for a death.
    void farewell() {
        if (s_.keeps()) return workers_.excuse_local();
        s_.peers.each([this](std::uint32_t slot) {
            while (s_.peers[slot].waiters != none) life_.break_off(s_.peers[slot].waiters);
        });
    }

    /// The parts that tests and documents look at.
    [[nodiscard]] plane_state<P> const& state() const noexcept { return s_; }
    [[nodiscard]] plane_options& options() noexcept { return s_.options; }

private:
    static constexpr std::chrono::seconds stall{1};
    static constexpr std::chrono::seconds last_letters{2};  // for callbacks, at its end

    [[nodiscard]] static bool is_task_port(port_role role) noexcept { return role <= port_role::low; }

    // ---- requests

    void handle(request& r, wire::header const& h, std::string_view payload, bool alone) {
        auto const role = s_.peers[r.peer].role;
        auto const verb = h.verb();
        if (r.message != request::unopened &&
            s_.out[r.message].pairs.octets() > s_.options.limits.max_message / 2) {
            return s_.error(r, "-", errc::queue_full, ref_of(h),
                            "the answers to one message become too large: ask for less at a time");
        }
        if ((verb == "call" || verb == "wait" || verb == "watch") && s_.peers[r.peer].one_at_a_time &&
            (!alone || verb == "watch")) {
            return s_.error(r, "-", errc::bad_request, ref_of(h),
                            "a REQ socket asks for one call or wait at a time: use DEALER");
        }
        if (is_task_port(role) && (verb == "call" || verb == "submit"))
            return task_request(r, h, payload, role);
        if ((is_task_port(role) || role == port_role::results) && result_verb(r, h)) return;
        if (role == port_role::management &&
            (management_verb(r, h, payload) || worker_verb(r.peer, h, payload)))
            return;
        if (role == port_role::discovery && discovery_verb(r, h)) return;
        auto const code = wire::misplaced(verb);
        s_.error(r, "-", code, ref_of(h),
                 std::string{verb.substr(0, 64)} +
                     (code == errc::wrong_port ? " is not served on this port" : " is no verb"));
    }
    void task_request(request& r, wire::header const& h, std::string_view payload, port_role role) {
        bool const call = h.verb() == "call";
        auto q = requests_.check(r, h, payload, call, {});
        requests_.take(r, q, payload, call, static_cast<priority>(role));
    }
    bool result_verb(request& r, wire::header const& h) {
        auto const verb = h.verb();
        if (verb == "get")
            requests_.on_get(r, h);
        else if (verb == "wait")
            requests_.on_wait(r, h);
        else if (verb == "cancel")
            requests_.on_cancel(r, h);
        else if (verb == "watch")
            requests_.on_watch(r, h);
        else if (verb == "forget")
            requests_.on_forget(r, h);
        else
            return false;
        return true;
    }
    bool management_verb(request& r, wire::header const& h, std::string_view payload) {
        auto const verb = h.verb();
        if (verb == "register")
            workers_.on_register(r, h, payload);
        else if (verb == "heartbeat")
            workers_.on_heartbeat(r, h);
        else if (verb == "unregister")
            workers_.on_unregister(r, h);
        else if (verb == "workers")
            document(r, h, documents_.workers());
        else if (verb == "queues")
            document(r, h, documents_.queues());
        else if (verb == "names")
            document(r, h, documents_.names());
        else if (verb == "stats")
            document(r, h, documents_.stats());
        else if (verb == "health")
            document(r, h, documents_.health());
        else if (verb == "watch")
            watch_events(r, h);
        else
            return schedules_.verb(r, h, payload) || dead_.verb(r, h) || pauses_.verb(r, h) ||
                   cancels_.verb(r, h) || admin_.verb(r, h, payload);
        return true;
    }
    void watch_events(request& r, wire::header const& h) {
        if (h.positional().size() != 1 || h.positional()[0] != "events")
            return s_.error(r, "-", errc::bad_request, ref_of(h), "what can be watched here is events");
        if (!s_.events.add(s_.peers[r.peer].id))
            return s_.error(r, "-", errc::queue_full, ref_of(h), "as many watch events already as may");
        s_.show(r, h, "watch", "events", R"({"event":"watching"})");
    }
    bool discovery_verb(request& r, wire::header const& h) {
        if (h.verb() != "discover" && h.verb() != "watch") return false;
        if (h.verb() == "watch") s_.peers[r.peer].watches_nodes = true;
        document(r, h, documents_.nodes(), "nodes");
        return true;
    }
    void document(request& r, wire::header const& h, std::string const& text, std::string_view verb = {}) {
        if (!h.positional().empty())
            return s_.error(r, "-", errc::bad_request, ref_of(h), "the verb stands alone");
        s_.show(r, h, verb.empty() ? h.verb() : verb, {}, text);
    }
    /// Calls `f` for each pair, while what those behind it are going to look up is fetched already.
    template <class F>
    void each_pair(wire::pair_cursor& cursor, F&& f) {
        constexpr int far = 16;
        auto ahead = cursor;
        for (int i = 0; i < far; ++i) expect_next(ahead);
        for (wire::pair pair; cursor.next(pair);) {
            expect_next(ahead);
            f(pair);
        }
    }
    void expect_next(wire::pair_cursor& ahead) const noexcept {
        constexpr std::size_t before_id = std::string_view{"FQ1 call "}.size();
        wire::pair pair;
        if (!ahead.next(pair) || pair.header.size() < before_id + uuid::text_size) return;
        if (!pair.header.starts_with("FQ1 call ") && !pair.header.starts_with("FQ1 done ")) return;
        if (auto const id = uuid::parse(pair.header.substr(before_id, uuid::text_size)))
            s_.ledger.expect(*id);
    }

    // ---- batches: the submits of one message are all accepted or all refused

    /// What the pairs before it have taken.
    struct taken_by_batch {
        typename request_desk<P>::reservation reserved;
        std::map<task_id, std::uint64_t> fingerprints;
        std::set<std::string, std::less<>> keys;  // of `unique`
    };

    [[nodiscard]] static bool holds_submit(wire::pair_cursor cursor) noexcept {
        wire::pair pair;
        while (cursor.next(pair)) {
            if (pair.header.starts_with("FQ1 submit")) return true;
        }
        return false;
    }
    void batch(request& r, wire::pair_cursor cursor) {
        bool const good = batch_is_good(r, cursor);
        taken_by_batch taken;
        wire::header h;
        wire::pair pair;
        while (cursor.next(pair)) {
            if (auto const bad = h.parse(pair.header, s_.options.limits.max_header)) {
                s_.error(r, "-", bad->code, {}, bad->why);
                continue;
            }
            if (good || h.verb() != "submit") {
                handle(r, h, pair.payload, false);
                continue;
            }
            auto q = check_in_batch(r, h, pair.payload, taken);
            if (!q.problem)
                q.problem =
                    wire::problem{errc::batch_refused, "another pair of the same message was refused", {}};
            requests_.answer_problem(r, q);
        }
    }
    [[nodiscard]] bool batch_is_good(request const& r, wire::pair_cursor cursor) {
        taken_by_batch taken;
        wire::header h;
        wire::pair pair;
        while (cursor.next(pair)) {
            if (h.parse(pair.header, s_.options.limits.max_header)) return false;
            if (h.verb() == "call") take_key(h, taken);
            if (h.verb() != "submit") continue;
            if (check_in_batch(r, h, pair.payload, taken).problem) return false;
        }
        return true;
    }
    /// A call in a message stands for itself, and may be taken before the submits.
    static void take_key(wire::header const& h, taken_by_batch& taken) {
        if (auto const key = h.get("unique"); !key.empty()) taken.keys.emplace(key);
    }
    /// Checks a `submit` as if those before it in the message had been taken.
    [[nodiscard]] auto check_in_batch(request const& r, wire::header const& h, std::string_view payload,
                                      taken_by_batch& taken) {
        auto& [reserved, seen, keys] = taken;
        auto const id = h.positional().empty() ? std::nullopt : uuid::parse(h.positional()[0]);
        auto others = reserved;
        if (id && others.tasks > 0 && seen.contains(*id)) {  // it has its room already
            --others.tasks;
            others.octets -= std::min<std::uint64_t>(others.octets, payload.size());
        }
        auto q = requests_.check(r, h, payload, false, others);
        if (q.problem) return q;
        auto const [at, fresh] = seen.try_emplace(q.id, q.fingerprint);
        if (!fresh && at->second != q.fingerprint)
            q.problem = wire::problem{
                errc::id_conflict, "the id stands twice in the message, for different tasks", {}};
        if (!fresh || s_.ledger.find(q.id) != none) return q;
        auto const& key = q.options.unique;
        if (!key.empty() && !keys.emplace(key).second && q.options.on_duplicate == on_duplicate::reject)
            q.problem = wire::problem{errc::duplicate, "the key stands twice in the message", {}};
        ++reserved.tasks;
        reserved.octets += payload.size();
        return q;
    }

    // ---- workers

    void from_worker(std::uint32_t peer, wire::pair_cursor& cursor) {
        wire::header h;
        each_pair(cursor, [&](wire::pair const& pair) {
            if (auto const bad = h.parse(pair.header, s_.options.limits.max_header))
                return s_.notice(bad->code, bad->why);
            if (s_.peers[peer].id == peer_id::none) return;  // its connection was closed meanwhile
            worker_verb(peer, h, pair.payload);
        });
    }
    bool worker_verb(std::uint32_t peer, wire::header const& h, std::string_view payload) {
        auto const verb = h.verb();
        if (verb != "done" && verb != "began" && verb != "progress") return false;
        auto const worker = s_.peers[peer].worker;
        if (worker == none) {
            ++s_.counters.stale_answers;
            return true;
        }
        if (verb == "done")
            runs_.on_done(worker, h, payload);
        else if (verb == "began")
            runs_.on_began(worker, h);
        else
            runs_.on_progress(worker, h, payload);
        return true;
    }

    // ---- callbacks

    template <class Queued>
    void call_back(Queued&& queued) {
        if (s_.courier.addresses() == 0) return;
        s_.courier.turn(s_.now.steady, s_.committed, queued);
        for (auto const& n : s_.courier.take_notices()) {
            s_.notice(errc::unreachable, std::to_string(n.letters) + " callbacks to " + n.to.text() +
                                             " were not delivered: " + n.why.message());
        }
    }
    /// Whether there are some that may soon be delivered.
    [[nodiscard]] bool callbacks_wait() const noexcept {
        return s_.courier.waiting() > 0 && s_.now.steady < s_.callbacks_since + last_letters;
    }

    // ---- time

    void sweep() {
        s_.cache.sweep(s_.now.steady, life_.gone());
        next_sweep_ = s_.now.steady + std::chrono::minutes{1};
    }
    void tell_watchers() {
        std::string text;
        s_.peers.each([&](std::uint32_t slot) {
            if (!s_.peers[slot].watches_nodes) return;
            if (text.empty()) text = documents_.nodes();
            auto& pairs = s_.unasked(slot, wire::form::frames);
            pairs.begin("nodes");
            pairs.finish(text);
        });
    }

    plane_state<P> s_;
    task_life<P> life_;
    worker_desk<P> workers_;
    run_desk<P> runs_;
    request_desk<P> requests_;
    plane_documents<P> documents_;
    admin_desk<P> admin_;
    dead_desk<P> dead_;
    pause_desk<P> pauses_;
    cancel_desk<P> cancels_;
    schedule_desk<P> schedules_;
    instant next_sweep_{};
    instant expected_{};
};

}  // namespace fastqueue::core
