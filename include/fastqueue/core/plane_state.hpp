#pragma once

#include <fastqueue/core/backoff.hpp>
#include <fastqueue/core/courier.hpp>
#include <fastqueue/core/dead_letters.hpp>
#include <fastqueue/core/deadlines.hpp>
#include <fastqueue/core/dispatcher.hpp>
#include <fastqueue/core/event_stream.hpp>
#include <fastqueue/core/id_ledger.hpp>
#include <fastqueue/core/outbox.hpp>
#include <fastqueue/core/peer_table.hpp>
#include <fastqueue/core/plane_options.hpp>
#include <fastqueue/core/rate_meter.hpp>
#include <fastqueue/core/result_cache.hpp>
#include <fastqueue/core/reunion.hpp>
#include <fastqueue/core/schedule_table.hpp>
#include <fastqueue/core/task.hpp>
#include <fastqueue/core/unique_index.hpp>
#include <fastqueue/core/waiters.hpp>
#include <fastqueue/core/worker_record.hpp>
#include <fastqueue/model/id_source.hpp>
#include <fastqueue/model/task_attributes.hpp>
#include <fastqueue/policy/observer.hpp>
#include <fastqueue/policy/store.hpp>
#include <fastqueue/wire/number.hpp>
#include <fastqueue/wire/run_message.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// What a control plane has counted since its start.
struct plane_counters {
    std::uint64_t submitted = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t expired = 0;
    std::uint64_t retried = 0;
    std::uint64_t redelivered = 0;    ///< runs that were lost with their worker
    std::uint64_t returned = 0;       ///< runs that came back unfinished
    std::uint64_t stale_answers = 0;  ///< answers that did not hold the lease, dropped
    std::uint64_t refused = 0;        ///< requests that got an error
    std::uint64_t restored = 0;       ///< tasks that were there from an earlier life
    std::uint64_t adopted = 0;        ///< of them, those that a worker still ran
};

/// A request that is being answered: to whom, in which form, and its one answering message.
struct request {
    static constexpr std::size_t unopened = ~std::size_t{0};
    std::uint32_t peer = none;
    wire::form layout = wire::form::frames;
    wire::envelope envelope;
    std::size_t message = unopened;
};

/// What a request wants handed back in each answer.
[[nodiscard]] inline std::string_view ref_of(wire::header const& h) noexcept {
    return h.get("ref").substr(0, 64);
}

/// The one id that a verb takes; empty where something else stands there.
[[nodiscard]] inline std::optional<task_id> sole_id(wire::header const& h) noexcept {
    return h.positional().size() == 1 ? uuid::parse(h.positional()[0]) : std::nullopt;
}

/// Everything that a control plane knows, shared by the parts that act on it. No part keeps state of
/// another's.
template <class P>
struct plane_state {
    using store_type = typename P::store_policy;
    using observer_type = typename P::observer_policy;
    using zones_type = typename P::time_zone_policy;

    plane_state(plane_options const& o, store_type& s, observer_type& watcher, zones_type const& calendar)
        : options{o},
          store{s},
          observer{watcher},
          zones{calendar},
          dispatch{tasks, workers, o.seed},
          ledger{o.id_ledger_size, o.seed},
          cache{{o.result_cache_size, o.result_cache_octets, o.result_cache_ttl}},
          dead{{o.max_dead_letters, o.max_dead_octets}},
          unique{o.seed},
          waiting{tasks, peers},
          random{o.seed},
          courier{{.seed = o.seed}, out} {
        contents.emplace_back("json");
    }

    plane_options options;
    store_type& store;
    observer_type& observer;
    zones_type const& zones;
    event_stream events;
    clock_reading now{};
    outbox out;
    slab<task> tasks;
    slab<task_terms, 64> terms;
    slab<worker_record, 16> workers;
    dispatcher<typename P::balancing_policy> dispatch;
    id_ledger ledger;
    result_cache<typename P::eviction_policy> cache;
    dead_letters dead;
    unique_index unique;
    schedule_table schedules;
    core::reunion reunion;
    peer_table peers;
    waiter_pool waiting;
    random_source random;
    core::courier courier;              ///< of callbacks
    instant callbacks_since{};          ///< since then some wait
    id_source ids;                      ///< of periodic tasks
    std::vector<std::string> contents;  ///< content types, dense; 0 is json
    plane_counters counters;
    std::array<rate_meter, priority_count> rates;  ///< ends a second, by priority
    policy::store_sequence committed = 0;
    policy::store_sequence last_end = 0;  ///< the latest write of a task's end
    std::uint64_t next_sequence = 1;
    policy::task_number next_number = 1;
    std::uint64_t task_octets = 0;  ///< of the arguments that are in memory, of tasks that live
    std::unordered_map<policy::task_number, std::uint32_t>
        fetching;                           ///< tasks whose arguments were asked for
    std::vector<std::uint32_t> clogged;     ///< workers that were sent much
    std::deque<policy::task_number> ended;  ///< as long as their ids are known
    std::optional<std::string> full;        ///< why the store takes no more tasks
    std::string failure;                    ///< why the store takes nothing any more
    instant started{};
    bool started_set = false;
    bool any_registered = false;
    bool stopping = false;

    /// Whether what is stored outlives this process.
    [[nodiscard]] bool keeps() const noexcept {
        if constexpr (policy::durable_store<store_type>)
            return store.keeps();
        else
            return false;
    }

    /// The message that `peer` gets unasked, and in which it gets answers that came due.
    /// \param octets  of the payload that is to go into it
    [[nodiscard]] wire::pair_writer& unasked(std::uint32_t peer, wire::form layout, std::size_t octets = 0) {
        auto& p = peers[peer];
        return shared(p, layout, p.message, p.message_turn, octets).pairs;
    }
    /// The same for what must not leave before `after` is committed: apart, so that nothing else waits with it.
    [[nodiscard]] wire::pair_writer& gated(std::uint32_t peer, wire::form layout,
                                           policy::store_sequence after, std::size_t octets = 0) {
        auto& p = peers[peer];
        auto& message = shared(p, layout, p.gated, p.gated_turn, octets);
        message.after = std::max(message.after, after);
        return message.pairs;
    }
    /// The message that answers `r`.
    [[nodiscard]] outgoing& answer(request& r) {
        if (r.message == request::unopened) r.message = out.open(peers[r.peer].id, r.layout, r.envelope);
        return out[r.message];
    }
    /// What answers `r` shows something that was written as `after`: it leaves when that is committed.
    void rests_on(request& r, policy::store_sequence after) {
        auto& message = answer(r);
        message.after = std::max(message.after, after);
    }
    /// Answers one pair with an error.
    /// \param subject  the id or name it is about, or `-`
    wire::header_writer begin_error(request& r, std::string_view subject, errc code, std::string_view ref) {
        ++counters.refused;
        auto header = answer(r).pairs.begin("error");
        header.token(subject).token(name_of(code));
        if (code == errc::queue_full) header.field("retry_after_ms", std::uint64_t{100});
        if (!ref.empty()) header.field("ref", ref);
        return header;
    }
    void error(request& r, std::string_view subject, errc code, std::string_view ref, std::string_view text) {
        begin_error(r, subject, code, ref);
        answer(r).pairs.finish(text);
    }
    /// Answers one pair with a document.
    /// \param subject  what it is about, behind the verb; may be empty
    void show(request& r, wire::header const& h, std::string_view verb, std::string_view subject,
              std::string_view document) {
        show(r, ref_of(h), verb, subject, document);
    }
    void show(request& r, std::string_view ref, std::string_view verb, std::string_view subject,
              std::string_view document) {
        auto header = answer(r).pairs.begin(verb);
        if (!subject.empty()) header.token(subject);
        if (!ref.empty()) header.field("ref", ref);
        answer(r).pairs.finish(document);
    }
    /// Answers one pair of an operator's with `bad_request`.
    void refuse(request& r, wire::header const& h, std::string_view why) {
        error(r, "-", errc::bad_request, ref_of(h), why);
    }
    /// Whether one more task is taken in that an operator or a schedule orders. \param octets  of its arguments
    [[nodiscard]] bool has_room(std::size_t octets) const noexcept {
        bool const fits = keeps() || task_octets + octets <= options.limits.max_task_bytes;
        return !stopping && !full && fits && tasks.used() < options.limits.max_tasks;
    }
    /// Answers an operator's pair where it has none.
    void refuse_full(request& r, wire::header const& h, std::string_view subject) {
        error(r, subject, stopping ? errc::shutting_down : errc::queue_full, ref_of(h),
              "the control plane takes no more tasks now");
    }
    /// The one id that an operator's verb takes; what is none is refused.
    /// \return empty: it was refused
    [[nodiscard]] std::optional<task_id> asked_id(request& r, wire::header const& h) {
        auto const id = sole_id(h);
        if (!id) refuse(r, h, "the verb takes one id, which is a UUID");
        return id;
    }
    /// Reads `limit=`, how much of a list is wanted, and refuses what is none.
    /// \return empty: it was refused
    [[nodiscard]] std::optional<std::uint32_t> list_limit(request& r, wire::header const& h) {
        constexpr std::uint64_t usual = 100;
        constexpr std::uint64_t most = 10'000;
        auto const text = h.get("limit");
        auto const limit = text.empty() ? std::optional{usual} : wire::read_number(text, most);
        if (limit && *limit > 0) return static_cast<std::uint32_t>(*limit);
        refuse(r, h, "limit= is 1 to 10000");
        return std::nullopt;
    }
    /// Whether so many are not yet kept apart that another one is too many.
    [[nodiscard]] bool may_have_content(std::string_view content) const noexcept {
        constexpr std::size_t most = 64;
        return contents.size() < most || std::ranges::find(contents, content) != contents.end();
    }
    /// The number of a content type, which is kept apart from now on.
    [[nodiscard]] std::uint16_t content_number(std::string_view content) {
        if (content.empty()) return 0;
        auto const at = std::ranges::find(contents, content);
        if (at != contents.end()) return static_cast<std::uint16_t>(at - contents.begin());
        contents.emplace_back(content);
        return static_cast<std::uint16_t>(contents.size() - 1);
    }
    /// How often the task's attempts failed, and how often its worker died.
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> troubles_of(task const& t) const noexcept {
        if (t.terms == none) return {};
        return {terms[t.terms].failures, terms[t.terms].deaths};
    }
    /// What the task bears beyond the usual.
    [[nodiscard]] task_attributes attributes_of(task const& t) const noexcept {
        return task_attributes{t.terms == none ? std::string_view{}
                                               : std::string_view{terms[t.terms].attributes}};
    }
    void notice(errc code, std::string_view text) { observer.on(policy::notice_event{code, text}); }
    void tell(task const& t, std::string_view worker, errc code = {}) {
        observer.on(policy::task_event{t.id, dispatch.names()[t.name].name, t.state, t.attempt, worker});
        if (events.is_heard()) stream(event_stream::name_of_task(t.state), t, now_us(), worker, code);
    }
    /// Tells those who asked for events. What has ended rests on the write of its end.
    void stream(std::string_view event, task const& t, std::uint64_t at_us, std::string_view worker,
                errc code = {}) {
        events.tell_task(*this, event, t, at_us, worker, code, is_final(t.state) ? last_end : t.stored);
    }
    void tell(policy::worker_event const& e) {
        observer.on(e);
        if (events.is_heard()) events.tell_worker(*this, e);
    }
    /// The task whose lease this is, held by `worker`; or `none`. The fence: who does not hold it has no say.
    [[nodiscard]] std::uint32_t holder(std::uint32_t worker, wire::lease_name const& lease) const noexcept {
        auto const entry = ledger.find(lease.id);
        if (entry == none || is_final(ledger.state(entry))) return none;
        auto const slot = ledger[entry].reference;
        auto const& t = tasks[slot];
        return t.worker == worker && t.attempt == lease.attempt ? slot : none;
    }
    [[nodiscard]] std::string_view worker_name(std::uint32_t worker) const noexcept {
        return worker == none ? std::string_view{} : workers[worker].name.view();
    }
    [[nodiscard]] shared_text shared_worker_name(std::uint32_t worker) const noexcept {
        return worker == none ? shared_text{} : workers[worker].name;
    }
    /// Tasks that could begin if there were a place for them.
    [[nodiscard]] std::uint64_t waiting_tasks() const noexcept {
        return std::uint64_t{dispatch.waiting()} + reunion.tasks.size();
    }
    /// The last message of this turn to `p`, or the next one, which does not leave before it.
    [[nodiscard]] outgoing& shared(peer_record const& p, wire::form layout, std::size_t& index,
                                   std::uint64_t& turn, std::size_t octets) {
        bool const has_one = turn == out.turn();
        if (has_one && out[index].layout == layout && out[index].pairs.takes_more(octets)) return out[index];
        auto const after = has_one ? out[index].after : 0;
        index = out.open(p.id, layout);
        turn = out.turn();
        out[index].after = after;
        return out[index];
    }
    /// Takes what the definition of a task says, before it is read what a request says of it.
    void take_defaults(std::string_view name, task_options& wishes) const {
        auto const at = dispatch.names().find(name);
        if (at != none && dispatch.names()[at].defaults) wishes = *dispatch.names()[at].defaults;
    }
    /// For a task that nobody has given one.
    [[nodiscard]] task_id fresh_id() {
        if (!options.ids_from_seed) return ids.next(now.wall);
        auto const high = random.next();
        return uuid::make_v7(now.wall, high, random.next());
    }
    [[nodiscard]] std::uint64_t now_us() const noexcept { return to_epoch_us(now.wall); }
    /// How long ago that was, in milliseconds; 0 where the wall clock was set back behind it.
    [[nodiscard]] std::uint64_t ms_since(std::uint64_t us) const noexcept {
        return (now_us() - std::min(us, now_us())) / 1000;
    }
};

}  // namespace fastqueue::core
