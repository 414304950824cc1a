#pragma once

#include <fastqueue/core/name_defaults.hpp>
#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/wire/nodes.hpp>
#include <fastqueue/wire/registration.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// Who the workers are and whether they live: registration, heartbeats, the connections to their ports, and
/// what happens to what they held when they are gone.
template <class P>
class worker_desk {
public:
    worker_desk(plane_state<P>& state, task_life<P>& life) : s_{state}, life_{life} {}

    /// Whether something changed that `nodes` shows, since the last time it was asked.
    [[nodiscard]] bool take_changed() noexcept { return std::exchange(changed_, false); }

    /// Workers by name, for documents.
    [[nodiscard]] std::unordered_map<std::string, std::uint32_t> const& by_name() const noexcept {
        return by_name_;
    }

    // ---- the worker's verbs on the management port

    void on_register(request& r, wire::header const& h, std::string_view payload) {
        wire::registration reg;
        auto bad = wire::read_registration(h, reg);
        if (!bad) bad = wire::read_registration_document(payload, s_.options.limits.max_names_a_worker, reg);
        if (bad) return refuse(r, bad->code, h, std::string{bad->token} + ": " + std::string{bad->why});
        if (s_.stopping) return refuse(r, errc::shutting_down, h, "this control plane is shutting down");
        if (!may_have(reg, s_.peers[r.peer])) {
            return refuse(r, errc::not_authorized, h,
                          "the address " + reg.address->text() +
                              " is neither loopback nor the worker's own; allow it with --worker-allow");
        }
        auto const w = admit(r, h, reg);
        if (w == none) return;
        std::vector<wire::lease_name> dropped;
        settle(w, reg, r.peer, dropped);
        std::string document;
        wire::write_drop_document(document, dropped);
        answer_registered(r, h, document);
    }

    void on_heartbeat(request& r, wire::header const& h) {
        auto const w = find(h);
        if (w == none || s_.workers[w].state == worker_state::inactive) {
            return refuse(r, errc::unknown_worker, h, "register again: no such worker is registered here");
        }
        saw(w);
        s_.workers[w].stuck =
            static_cast<std::uint32_t>(wire::read_number(h.get("stuck"), 1'000'000).value_or(0));
        answer_registered(r, h, {});
    }

    void on_unregister(request& r, wire::header const& h) {
        auto const w = find(h);
        if (w == none) return refuse(r, errc::unknown_worker, h, "no such worker is registered here");
        auto header = s_.answer(r).pairs.begin("unregistered");
        header.token(s_.workers[w].name.view());
        finish(r, h, header, {});
        drain(w);
    }

    /// An operator wants the worker to get no more work, or some again. What it has is left to it; a new start of the
    /// worker begins anew.
    /// \return the worker, or `none`
    std::uint32_t set_aside(std::string_view name, bool aside) {
        auto const at = by_name_.find(std::string{name});
        if (at == by_name_.end()) return none;
        auto& record = s_.workers[at->second];
        changed_ = changed_ || record.set_aside != aside;
        record.set_aside = aside;
        if (aside)
            s_.dispatch.set_serving(at->second, false);
        else if (record.state == worker_state::active && !record.must_announce && !pauses_.at(at->second))
            serve(at->second);
        return at->second;
    }

    // ---- connections

    /// A dial that the outbox asked for has been made: its connection is `peer`.
    void dialled(std::uint32_t tag, peer_id peer) {
        auto const at = links_.find(tag);
        if (at == links_.end()) return s_.out.close(peer);
        link_of(at->second).peer = peer;
        by_peer_[peer] = tag;
    }
    /// A connection to a worker's port is ready. \return false: it is not one of those
    bool opened(std::uint32_t slot, std::uint32_t tag) {
        auto const at = links_.find(tag);
        if (at == links_.end()) return false;
        auto const [w, index] = at->second;
        auto& record = s_.workers[w];
        auto& peer = s_.peers[slot];
        peer.worker = w;
        peer.packed = record.announced.packed;
        record.links[index].open = true;
        say_hello(slot);
        if (session_open(record)) session_complete(w);
        return true;
    }
    /// A dial failed. \return false: it was not one of ours
    bool dial_failed(peer_id peer, std::error_code why) {
        auto const at = by_peer_.find(peer);
        if (at == by_peer_.end()) return false;
        auto const link = links_.at(at->second);
        forget_link(link);
        session_broken(link.first, why == errc::refused);
        return true;
    }
    /// A connection of a worker has ended.
    void closed(std::uint32_t slot) {
        auto const w = s_.peers[slot].worker;
        if (w == none) return;
        auto& record = s_.workers[w];
        auto const peer = s_.peers[slot].id;
        if (!record.dialled) {
            if (record.management == peer) session_broken(w, false);
            return;
        }
        auto const at = by_peer_.find(peer);
        if (at == by_peer_.end()) return;  // its management connection: that means nothing
        forget_link(links_.at(at->second));
        session_broken(w, false);
    }

    // ---- time

    /// Anything that a worker says is a sign of life.
    void saw(std::uint32_t w) {
        s_.workers[w].last_seen = s_.now.steady;  // the deadline is moved when it comes
    }
    void tick() {
        while (auto const w = timers_.pop(s_.now.steady)) due(*w);
        while (auto const w = redials_.pop(s_.now.steady)) redial(*w);
        while (auto const w = pauses_.pop(s_.now.steady)) {
            if (s_.workers[*w].state == worker_state::active) serve(*w);
        }
    }
    /// The process stood still for so long: nobody's silence in it is held against him. What they said meanwhile may not
    /// have been read yet, so each has a moment from now on, too.
    void forgive(instant::duration gap) {
        auto const now = s_.now.steady;
        auto const moment = std::min(s_.options.heartbeat, s_.options.inactive);
        for (auto const& [name, w] : by_name_) {
            auto& r = s_.workers[w];
            r.last_seen = std::max(r.last_seen + gap, now - (s_.options.inactive - moment));
            auto const later =
                saturating_add(r.deadline, std::chrono::duration_cast<std::chrono::microseconds>(gap));
            bool const away = r.state == worker_state::broken || r.state == worker_state::joining;
            set_deadline(w, std::max(later, now + (away ? s_.options.grace : moment)));
        }
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        return std::min({timers_.next(), redials_.next(), pauses_.next()});
    }

    // ---- for the plane

    /// The worker gets no more runs; it leaves when it has answered those it has.
    void drain(std::uint32_t w) {
        auto& record = s_.workers[w];
        if (record.state == worker_state::draining) return;
        record.state = worker_state::draining;
        s_.dispatch.set_serving(w, false);
        changed_ = true;
        if (record.outstanding == 0) remove(w, policy::worker_change::left, "it unregistered");
    }
    /// The worker gave a run back that nobody asked for: it is let alone for a moment, so that the two do not play ball.
    void pause(std::uint32_t w) {
        s_.dispatch.set_serving(w, false);
        pauses_.set(w, s_.now.steady + std::chrono::milliseconds{100});
    }
    /// A draining worker has answered a run.
    void answered(std::uint32_t w) {
        auto const& record = s_.workers[w];
        if (record.state == worker_state::draining && record.outstanding == 0 && !s_.stopping) {
            remove(w, policy::worker_change::left, "it unregistered");
        }
    }
    [[nodiscard]] bool can_send(worker_record const& record) const noexcept { return session_open(record); }

private:
    using link_name = std::pair<std::uint32_t, std::size_t>;  // worker, index

    [[nodiscard]] worker_link& link_of(link_name const& name) noexcept {
        return s_.workers[name.first].links[name.second];
    }
    [[nodiscard]] static bool session_open(worker_record const& record) noexcept {
        std::size_t const needed = record.dialled ? priority_count : 1;
        return std::all_of(record.links.begin(), record.links.begin() + static_cast<std::ptrdiff_t>(needed),
                           [](worker_link const& l) { return l.open; });
    }

    void refuse(request& r, errc code, wire::header const& h, std::string_view text) {
        auto const name = h.positional().empty() ? std::string_view{"-"} : h.positional()[0];
        s_.error(r,
                 code == errc::unknown_worker || code == errc::worker_id_taken || name.size() > max_name_size
                     ? "-"
                     : name,
                 code, h.get("ref"), text);
    }
    void finish(request& r, wire::header const& h, wire::header_writer& header, std::string_view payload) {
        if (auto const ref = ref_of(h); !ref.empty()) header.field("ref", ref);
        s_.answer(r).pairs.finish(payload);
    }
    void answer_registered(request& r, wire::header const& h, std::string_view document) {
        auto header = s_.answer(r).pairs.begin("registered");
        header.token(h.positional()[0]).field("epoch", s_.store.epoch());
        header.field("heartbeat_ms", ms(s_.options.heartbeat)).field("inactive_ms", ms(s_.options.inactive));
        header.field("grace_ms", ms(s_.options.grace));
        finish(r, h, header, document);
    }
    static std::uint64_t ms(std::chrono::milliseconds d) noexcept {
        return static_cast<std::uint64_t>(d.count());
    }

    /// The worker that `<name> incarnation=` names, if it is that one.
    [[nodiscard]] std::uint32_t find(wire::header const& h) const {
        if (h.positional().size() != 1) return none;
        auto const at = by_name_.find(std::string{h.positional()[0]});
        auto const incarnation = uuid::parse(h.get("incarnation"));
        if (at == by_name_.end() || !incarnation) return none;
        return s_.workers[at->second].incarnation == *incarnation ? at->second : none;
    }
    [[nodiscard]] bool may_have(wire::registration const& reg, peer_record const& peer) const {
        if (!reg.address || reg.address->is_loopback() || reg.address->host == peer.address) return true;
        return std::ranges::find(s_.options.worker_allow, reg.address->host) != s_.options.worker_allow.end();
    }
    /// Whether a worker is there, as far as one can know now.
    [[nodiscard]] bool is_live(worker_record const& record) const noexcept {
        if (record.state == worker_state::broken || record.state == worker_state::inactive) return false;
        return s_.now.steady - record.last_seen < s_.options.heartbeat * 2 + std::chrono::seconds{1};
    }
    /// Whether the one that registers listens where that worker did: so that one is gone, however alive it seems, since what
    /// we dialled is already the new one.
    [[nodiscard]] static bool took_place_of(worker_record const& record,
                                            wire::registration const& reg) noexcept {
        return reg.address && reg.address == record.announced.address && reg.ports == record.announced.ports;
    }
    /// The worker's record, an old or a new one; `none` if it was refused.
    std::uint32_t admit(request& r, wire::header const& h, wire::registration const& reg) {
        auto const at = by_name_.find(reg.worker);
        if (at != by_name_.end()) {
            auto const old = at->second;
            if (s_.workers[old].incarnation == reg.incarnation) return old;
            if (is_live(s_.workers[old]) && !took_place_of(s_.workers[old], reg)) {
                refuse(r, errc::worker_id_taken, h,
                       "another live worker bears the name '" + reg.worker + "'; choose another --worker-id");
                return none;
            }
            remove(old, policy::worker_change::lost, "another worker took its name");
        }
        if (by_name_.size() >= s_.options.limits.max_workers) {
            refuse(r, errc::queue_full, h, "as many workers are registered as may be");
            return none;
        }
        auto const w = s_.workers.take();
        s_.workers[w] = worker_record{};
        s_.workers[w].name = shared_text{reg.worker};
        s_.workers[w].incarnation = reg.incarnation;
        s_.workers[w].since = s_.now.steady;
        by_name_.emplace(reg.worker, w);
        if (s_.keeps()) s_.store.member(reg.worker, true);
        return w;
    }
    /// Takes over what the worker says of itself, and settles who holds what.
    void settle(std::uint32_t w, wire::registration const& reg, std::uint32_t peer,
                std::vector<wire::lease_name>& dropped) {
        auto& record = s_.workers[w];
        auto const id = s_.peers[peer].id;
        bool const moved = reg.address != record.announced.address || reg.ports != record.announced.ports;
        bool const fresh = record.management == peer_id::none;
        bool const new_session = fresh || moved || record.must_announce ||
                                 (!reg.address && record.management != id) ||
                                 record.state == worker_state::inactive;
        take_numbers(record, reg, s_.peers[peer]);
        record.management = id;
        s_.peers[peer].worker = w;
        s_.peers[peer].packed = reg.packed;
        reconcile(w, reg.runs, new_session, dropped);
        s_.reunion.is_back(reg.worker);
        name_tasks(w, reg);
        saw(w);
        record.must_announce = false;
        if (!record.dialled) {
            drop_links(w);  // it may have had ports before
            record.links[0] = {id, 0, true};
            session_complete(w);
        } else if (session_open(record) && !moved) {
            session_complete(w);
        } else if (fresh || moved || record.links[0].tag == 0) {
            connect(w);
        }  // else its ports are being dialled already
        s_.any_registered = true;
    }
    void take_numbers(worker_record& record, wire::registration const& reg, peer_record const& peer) {
        record.announced = reg;
        record.announced.runs.clear();
        record.dialled = reg.address.has_value();
        record.local = peer.same_process;
        record.concurrency = reg.concurrency;
        record.window = reg.window;
    }
    void name_tasks(std::uint32_t w, wire::registration const& reg) {
        std::vector<std::uint32_t> names;
        std::map<std::string_view, std::string_view> const defaults{reg.defaults.begin(), reg.defaults.end()};
        for (auto const& name : reg.tasks) {
            if (s_.dispatch.names().find(name) == none &&
                s_.dispatch.names().size() >= s_.options.limits.max_task_names)
                continue;
            names.push_back(s_.dispatch.names().intern(name));
            take_defaults(name, defaults);
        }
        std::ranges::sort(names);
        names.erase(std::unique(names.begin(), names.end()), names.end());
        s_.dispatch.set_capability(w, std::move(names));
    }
    /// What its definition says of its retries and limits. The latest word counts, and is kept: tasks that are submitted after a
    /// restart, before its worker is back, are treated by it.
    void take_defaults(std::string_view name, std::map<std::string_view, std::string_view> const& said) {
        auto const at = said.find(name);
        auto& entry = s_.dispatch.names()[s_.dispatch.names().find(name)];
        auto const before = entry.default_text;
        entry.defaults = name_defaults::read(at == said.end() ? std::string_view{} : at->second);
        entry.default_text = entry.defaults ? at->second : std::string_view{};
        if (!s_.keeps() || entry.default_text == before) return;
        if (!entry.default_text.empty()) s_.store.member(name_defaults::kept(name, entry.default_text), true);
        if (!before.empty()) s_.store.member(name_defaults::kept(name, before), false);
    }
    /// Compares what the worker says it holds with its leases.
    /// \param new_session  what it does not name never reached it, or its answer never reached us: it waits
    /// again
    void reconcile(std::uint32_t w, std::vector<wire::lease_name> const& runs, bool new_session,
                   std::vector<wire::lease_name>& dropped) {
        std::vector<std::uint32_t> kept;
        for (auto const& run : runs) {
            auto slot = s_.holder(w, run);
            if (slot == none) slot = adopt(w, run);
            if (slot != none)
                kept.push_back(slot);
            else if (!is_orphan(s_.workers[w], run))
                dropped.push_back(run);  // its answer to an orphan frees a place
        }
        if (!new_session) return;
        std::ranges::sort(kept);
        for (auto const slot : all_held(w)) {
            if (std::ranges::binary_search(kept, slot)) continue;
            take_back(w, slot);
            life_.lost(slot, false);
        }
        auto& record = s_.workers[w];
        record.outstanding -=
            static_cast<std::uint32_t>(std::erase_if(record.orphans, [&](wire::lease_name const& o) {
                return std::ranges::none_of(runs, [&](wire::lease_name const& run) {
                    return run.id == o.id && run.attempt == o.attempt;
                });
            }));
        s_.dispatch.room_changed(w);
    }
    /// A run of an earlier life of ours, if its task waits for that.
    /// \return the task, or `none`
    [[nodiscard]] std::uint32_t adopt(std::uint32_t w, wire::lease_name const& run) {
        auto const entry = s_.ledger.find(run.id);
        if (entry == none || is_final(s_.ledger.state(entry))) return none;
        auto const slot = s_.ledger[entry].reference;
        auto& t = s_.tasks[slot];
        if (!t.restored || run.attempt < t.attempt) return none;
        life_.adopt(slot);
        t.attempt = run.attempt;
        t.worker = w;
        t.state = task_state::assigned;
        take_on(w, slot);
        return slot;
    }
    [[nodiscard]] static bool is_orphan(worker_record const& record, wire::lease_name const& run) noexcept {
        return std::ranges::any_of(record.orphans, [&](wire::lease_name const& o) {
            return o.id == run.id && o.attempt == run.attempt;
        });
    }
    [[nodiscard]] std::vector<std::uint32_t> all_held(std::uint32_t w) const {
        std::vector<std::uint32_t> out;
        auto const add = [&](slot_list const& list) {
            for (auto at = list.front(); at != none; at = s_.tasks[at].next) out.push_back(at);
        };
        auto const& record = s_.workers[w];
        add(record.begun);
        for (auto const& list : record.ahead) add(list);
        add(record.recalled);
        return out;
    }

public:
    /// What runs in this process is cut off by its end, which was asked for: no death is charged for that.
    void excuse_local() {
        for (auto const& [name, w] : by_name_) {
            if (!s_.workers[w].local) continue;
            for (auto const slot : all_held(w)) {
                if (auto& t = s_.tasks[slot]; !t.at_most_once) life_.write_attempt(t, 0);
            }
        }
    }
    /// Puts a task into its worker's lists, at a place of its own.
    void take_on(std::uint32_t w, std::uint32_t slot) {
        auto& record = s_.workers[w];
        auto const& t = s_.tasks[slot];
        ++record.outstanding;
        record.charged_us += t.cost_us;
        record.charged_octets += t.octets;
        if (record.sends_began()) {
            record.ahead[index_of(t.level)].push_back(s_.tasks, slot);
        } else {
            record.begun.push_back(s_.tasks, slot);
            life_.began(slot);
        }
    }
    /// Takes a task out of its worker's lists and gives the place back.
    void take_back(std::uint32_t w, std::uint32_t slot) {
        auto& record = s_.workers[w];
        auto& t = s_.tasks[slot];
        if (t.state == task_state::running)
            record.begun.erase(s_.tasks, slot);
        else if (t.recalled)
            record.recalled.erase(s_.tasks, slot);
        else
            record.ahead[index_of(t.level)].erase(s_.tasks, slot);
        --record.outstanding;
        record.charged_us -= t.cost_us;
        record.charged_octets -= t.octets;
        if (t.fetching) --record.fetching;
        t.fetching = false;
        t.cost_us = 0;
    }

private:
    // ---- sessions

    void connect(std::uint32_t w) {
        auto& record = s_.workers[w];
        s_.dispatch.set_serving(w, false);
        drop_links(w);
        record.state = worker_state::joining;
        set_deadline(w, s_.now.steady +
                            std::max<std::chrono::milliseconds>(s_.options.grace, std::chrono::seconds{5}));
        dial_all(w);
    }
    void dial_all(std::uint32_t w) {
        auto& record = s_.workers[w];
        for (std::size_t i = 0; i < priority_count; ++i) {
            if (record.links[i].tag != 0) continue;
            auto to = *record.announced.address;
            to.port = record.announced.ports ? (*record.announced.ports)[i]
                                             : static_cast<std::uint16_t>(to.port + i);
            auto const tag = next_tag_++;
            record.links[i] = {peer_id::none, tag, false};
            links_[tag] = {w, i};
            s_.out.dial(to, tag);
        }
    }
    void forget_link(link_name const& name) {
        auto& link = link_of(name);
        by_peer_.erase(link.peer);
        links_.erase(link.tag);
        link = {};
    }
    void drop_links(std::uint32_t w) {
        auto& record = s_.workers[w];
        for (std::size_t i = 0; i < priority_count; ++i) {
            auto const peer = record.links[i].peer;
            if (record.links[i].tag == 0) {
                record.links[i] = {};
                continue;
            }
            forget_link({w, i});
            if (peer != peer_id::none) close_peer(peer);
        }
    }
    void close_peer(peer_id peer) {
        s_.out.close(peer);
        auto const slot = s_.peers.find(peer);
        if (slot == none) return;
        life_.forget_peer(slot);
    }
    void say_hello(std::uint32_t slot) {
        auto& pairs = s_.unasked(slot, s_.peers[slot].packed ? wire::form::packed : wire::form::frames);
        auto header = pairs.begin("hello");
        header.token(s_.options.id).field("epoch", s_.store.epoch());
        header.field("max_payload", std::uint64_t{s_.options.limits.max_payload});
        header.field("max_message", std::uint64_t{s_.options.limits.max_message});
        pairs.finish({});
    }
    /// All connections of the worker are there.
    void session_complete(std::uint32_t w) {
        auto& record = s_.workers[w];
        record.redial.reset();
        redials_.clear(w);
        if (record.state == worker_state::draining || record.must_announce) return;
        if (record.state != worker_state::active) {
            record.state = worker_state::active;
            tell(w, policy::worker_change::joined, "it is ready");
        }
        set_deadline(w, record.last_seen + s_.options.inactive);
        serve(w);
        s_.dispatch.room_changed(w);
    }
    /// A connection of the worker has ended, or could not be made.
    void session_broken(std::uint32_t w, bool refused) {
        auto& record = s_.workers[w];
        if (refused) return remove(w, policy::worker_change::lost, "nobody listens at its address");
        if (record.state == worker_state::draining)
            return remove(w, policy::worker_change::left, "its connection closed");
        s_.dispatch.set_serving(w, false);
        drop_links(w);
        if (record.state == worker_state::inactive) return;
        bool const first = record.state != worker_state::broken && record.state != worker_state::joining;
        if (first) {
            record.state = worker_state::broken;
            record.must_announce = true;
            set_deadline(w, s_.now.steady + s_.options.grace);
            changed_ = true;
        }
        if (!record.dialled) return;
        if (first)
            dial_all(w);
        else
            redials_.set(w, s_.now.steady + record.redial.next(s_.random));
    }
    void serve(std::uint32_t w) {
        if (!s_.workers[w].set_aside) s_.dispatch.set_serving(w, true);
    }
    void redial(std::uint32_t w) {
        auto const state = s_.workers[w].state;
        if (state == worker_state::broken || state == worker_state::joining) dial_all(w);
    }

    // ---- time

    void set_deadline(std::uint32_t w, instant at) {
        s_.workers[w].deadline = at;
        timers_.set(w, at);
    }
    void due(std::uint32_t w) {
        auto& record = s_.workers[w];
        switch (record.state) {
            case worker_state::joining:
                return remove(w, policy::worker_change::lost, "its address could not be reached");
            case worker_state::broken:
                return grace_is_over(w);
            case worker_state::inactive:
                return remove(w, policy::worker_change::lost, "it stayed silent");
            default:
                break;
        }
        auto const limit = record.last_seen + s_.options.inactive;
        if (limit > s_.now.steady) return set_deadline(w, limit);
        become_inactive(w);
    }
    /// The worker did not say in time what it holds.
    void grace_is_over(std::uint32_t w) {
        auto& record = s_.workers[w];
        if (!record.dialled || !session_open(record)) {
            return remove(w, policy::worker_change::lost,
                          "its connection broke and it did not come back in time");
        }
        revoke(w, false);
        record.must_announce = false;
        session_complete(w);
    }
    void become_inactive(std::uint32_t w) {
        auto& record = s_.workers[w];
        s_.dispatch.set_serving(w, false);
        revoke(w, true);
        if (record.state == worker_state::draining)
            return remove(w, policy::worker_change::lost, "it fell silent");
        record.state = worker_state::inactive;
        tell(w, policy::worker_change::inactive, "nothing was heard of it for too long");
        set_deadline(w, s_.now.steady + s_.options.inactive * 20);  // a name is not kept for ever
    }
    /// Takes all tasks from a worker.
    /// \param charge  its death counts against those that it had begun, or may have
    void revoke(std::uint32_t w, bool charge) {
        auto& record = s_.workers[w];
        auto const tasks = all_held(w);
        auto may_have_begun = std::max<std::size_t>(record.begun.size(), record.concurrency);
        for (std::size_t i = 0; i < tasks.size(); ++i) s_.tasks[tasks[i]].cost_us = 0;
        record.charged_us = 0;
        std::vector<bool> began(tasks.size());
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            began[i] = charge && i < may_have_begun && !s_.tasks[tasks[i]].recalled;
            take_back(w, tasks[i]);
        }
        record.outstanding = 0;
        record.orphans.clear();
        for (std::size_t i = tasks.size(); i-- > 0;) life_.lost(tasks[i], began[i]);
        s_.dispatch.room_changed(w);
    }
    void remove(std::uint32_t w, policy::worker_change change, std::string_view why) {
        auto& record = s_.workers[w];
        s_.dispatch.set_serving(w, false);
        revoke(w, change != policy::worker_change::left || record.outstanding > 0);
        s_.dispatch.clear_capability(w);
        if (record.dialled) drop_links(w);
        s_.peers.each([&](std::uint32_t slot) {
            if (s_.peers[slot].worker == w) s_.peers[slot].worker = none;
        });
        timers_.clear(w);
        redials_.clear(w);
        pauses_.clear(w);
        tell(w, change, why);
        if (s_.keeps()) s_.store.member(record.name.view(), false);
        by_name_.erase(std::string{record.name.view()});
        s_.workers.give(w);
    }
    void tell(std::uint32_t w, policy::worker_change change, std::string_view why) {
        changed_ = true;
        s_.tell(policy::worker_event{s_.workers[w].name.view(), change, why});
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    std::unordered_map<std::string, std::uint32_t> by_name_;
    std::unordered_map<std::uint32_t, link_name> links_;  // by tag
    std::unordered_map<peer_id, std::uint32_t> by_peer_;  // its tag
    deadlines timers_;
    deadlines redials_;
    deadlines pauses_;
    std::uint32_t next_tag_ = 1000;
    bool changed_ = false;
};

}  // namespace fastqueue::core
