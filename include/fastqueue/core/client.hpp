#pragma once

#include <fastqueue/core/backoff.hpp>
#include <fastqueue/core/client_options.hpp>
#include <fastqueue/core/deadlines.hpp>
#include <fastqueue/core/outbox.hpp>
#include <fastqueue/core/slab.hpp>
#include <fastqueue/core/slot_list.hpp>
#include <fastqueue/model/task_state.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/wire/nodes.hpp>
#include <fastqueue/wire/pair_cursor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// Where a request goes.
enum class client_port : std::uint8_t { tasks, management, discovery };

/// One pair of a batch.
struct client_pair {
    std::string tokens;  ///< with a space before each
    std::string payload;
};

/// What a client asks. The header's tokens behind the verb are written by who asks; `ref` and `resent` are added here.
struct client_request {
    std::string_view verb;  ///< of a static string
    client_port port = client_port::tasks;
    std::string tokens;  ///< with a space before each
    std::string payload;
    std::vector<client_pair>
        batch;                 ///< not empty: these go in one message, in place of `tokens` and `payload`
    std::uint64_t cookie = 0;  ///< names the operation to the caller
    std::uint64_t number = 0;  ///< names it for `cancel`, never used twice; 0: it cannot be cancelled
    std::chrono::microseconds timeout{std::chrono::seconds{30}};
};

/// A task that was not run because another one stands for it.
struct attached_task {
    task_id asked;
    task_id stands;
};

/// \return empty: no other task stands for the one that `h` is about
[[nodiscard]] inline std::optional<attached_task> attached_in(wire::header const& h) {
    auto const stands = uuid::parse(h.get("attached"));
    if (!stands || h.positional().empty()) return std::nullopt;
    return attached_task{uuid::parse(h.positional()[0]).value_or(uuid{}), *stands};
}

/// An answer, or why there is none. What it shows lives only during the call that gives it.
struct client_answer {
    std::uint64_t cookie = 0;
    std::error_code error;                                 ///< nothing was answered, or an `error` was
    wire::header const* header = nullptr;                  ///< none where nothing was answered
    std::string_view payload;                              ///< the answer's, or words about the error
    bool goes_on = false;                                  ///< of `watch`: another one follows
    std::vector<attached_task> const* attached = nullptr;  ///< those of a batch that others stand for
};

/// A client's brain: it finds the control plane, keeps its connections, and sees each operation to its end: across lost
/// connections and restarts, where what was sent is sent again under the same id. It has no socket, clock or thread.
/// A shell calls `at(now)`, then events, then `turn(done)`, then performs `outbox()`; and wakes it at `next_deadline()`.
/// `done(client_answer const&)` is called once for each operation, and for a `watch` before that with each of its news; it must
/// not call back. One thread at a time.
class client {
public:
    static constexpr std::uint32_t discovery_tag = 200;
    static constexpr std::uint32_t tasks_tag = 201;
    static constexpr std::uint32_t management_tag = 202;

    explicit client(client_options options) : options_{std::move(options)}, random_{options_.seed} {}

    void at(clock_reading now) noexcept { now_ = now; }

    /// Begins an operation. \return queue_full: too many are pending; too_large: the payload is over the limit
    [[nodiscard]] std::error_code start(client_request&& request) {
        if (operations_.used() >= options_.max_pending) return make_error_code(errc::queue_full);
        if (request.verb == "submit" && request.tokens.empty() && request.batch.empty())
            return make_error_code(errc::bad_option);
        if (is_too_large(request)) return make_error_code(errc::too_large);
        auto const slot = operations_.take();
        auto& o = operations_[slot];
        o.generation = (o.generation + 1) & generation_mask;
        o.request = std::move(request);
        o.first_epoch = {};
        o.sent = false;
        o.live = true;
        if (o.request.number != 0) numbered_[o.request.number] = slot;
        unsent_.push_back(operations_, slot);
        if (o.request.timeout.count() >= 0)
            timeouts_.set(slot, saturating_add(now_.steady, o.request.timeout));
        if (phase_ == phase::idle) connect();
        return {};
    }

    // ---- the transport's events

    void dialled(std::uint32_t tag, peer_id peer) noexcept {
        if (tag == discovery_tag)
            discovery_.peer = peer;
        else if (tag == tasks_tag)
            tasks_.peer = peer;
        else
            management_.peer = peer;
    }
    void opened(peer_id peer) {
        if (peer == discovery_.peer) {
            discovery_.open = true;
            ask_discovery();
        } else if (peer == tasks_.peer) {
            tasks_.open = true;
            phase_ = phase::ready;
            was_there_ = true;
            backoff_.reset();
        } else if (peer == management_.peer) {
            management_.open = true;
        }
    }
    template <class Done>
    void closed(peer_id peer, std::error_code why, Done&& done) {
        if (peer == management_.peer) {
            management_ = {};
            return retry_port(client_port::management);
        }
        bool const ours = peer == discovery_.peer || peer == tasks_.peer;
        if (!ours) return;
        if (peer == discovery_.peer && phase_ != phase::discovering) {
            discovery_ = {};
            return retry_port(client_port::discovery);
        }
        lost(why, done);
    }
    template <class Done>
    void message(peer_id peer, std::span<std::string_view const> frames, Done&& done) {
        wire::pair_cursor cursor{frames, options_.limits.max_pairs};
        wire::header h;
        wire::pair pair;
        while (cursor.next(pair)) {
            if (h.parse(pair.header, options_.limits.max_header)) continue;
            if (peer == discovery_.peer && h.verb() == "nodes" && phase_ == phase::discovering)
                found(pair.payload, done);
            answer(h, pair.payload, done);
        }
    }

    // ---- time

    /// \param queued  called as `queued(peer)`: how many octets are on their way there already
    template <class Queued, class Done>
    void turn(Queued&& queued, Done&& done) {
        while (auto const slot = timeouts_.pop(now_.steady)) {
            finish(*slot,
                   {operations_[*slot].request.cookie, make_error_code(errc::timed_out), nullptr,
                    "no answer in the time given"},
                   done);
        }
        if (phase_ == phase::discovering && now_.steady >= discover_by_) {
            lost(make_error_code(errc::timed_out), done);  // somebody accepts there, and never answers
        }
        if (now_.steady >= retry_at_) {
            retry_at_ = instant::max();
            connect();
        }
        send_started(queued);
    }
    /// Sends what was started, in the middle of a turn: what is over is judged at its end, when all has been told.
    template <class Queued>
    void send_started(Queued&& queued) {
        if (phase_ == phase::ready) send_unsent(queued);
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        auto const discovery = phase_ == phase::discovering ? discover_by_ : instant::max();
        return std::min({timeouts_.next(), retry_at_, discovery});
    }

    /// Nobody waits for the operation any more: it ends as `operation_canceled`. What was sent is not taken back.
    template <class Done>
    void cancel(std::uint64_t number, Done&& done) {
        auto const at = numbered_.find(number);
        if (at == numbered_.end()) return;  // it has ended meanwhile
        auto const why = std::make_error_code(std::errc::operation_canceled);
        finish(at->second, {operations_[at->second].request.cookie, why, nullptr, {}}, done);
    }
    /// Ends every operation with `why`.
    template <class Done>
    void fail_all(std::error_code why, std::string_view text, Done&& done) {
        for (auto* list : {&unsent_, &sent_}) {
            while (!list->empty())
                finish(list->front(), {operations_[list->front()].request.cookie, why, nullptr, text}, done);
        }
    }

    /// Whether there was more to send than a turn should: then another one is due.
    [[nodiscard]] bool goes_on() const noexcept { return goes_on_; }

    [[nodiscard]] core::outbox& outbox() noexcept { return out_; }
    [[nodiscard]] std::size_t pending() const noexcept { return operations_.used(); }
    [[nodiscard]] uuid const& epoch() const noexcept { return epoch_; }

private:
    enum class phase : std::uint8_t { idle, discovering, connecting, ready, waiting };
    static constexpr std::chrono::seconds discovery_time{5};
    static constexpr std::uint32_t slot_bits = 21;
    static constexpr std::uint64_t generation_mask = (1ULL << 31U) - 1;

    struct link {
        peer_id peer = peer_id::none;
        bool open = false;
        bool dialling = false;
        bool full = false;  // at this turn: much is on its way there
    };
    struct operation {
        client_request request;
        std::uint64_t generation = 0;
        uuid first_epoch;  // where it was sent first
        std::uint64_t sequence = 0;
        std::uint32_t previous = none;
        std::uint32_t next = none;
        bool sent = false;
        bool live = false;
        std::size_t answers = 0;  // to a batch
        std::error_code refused;  // why the batch was, and the words
        std::string refusal;
        std::vector<attached_task> attached;
    };

    /// What a request takes on its way, about.
    [[nodiscard]] static std::uint64_t octets_of(client_request const& r) noexcept {
        constexpr std::size_t around_a_pair = 128;
        std::uint64_t sum = r.tokens.size() + r.payload.size() + around_a_pair;
        for (auto const& pair : r.batch) sum += pair.tokens.size() + pair.payload.size() + around_a_pair;
        return sum;
    }
    [[nodiscard]] bool is_too_large(client_request const& r) const noexcept {
        auto const over = [this](client_pair const& pair) { return pair.payload.size() > max_payload_; };
        constexpr std::size_t around = 128;  // verb, ref and resent
        auto const long_header = [this](std::string const& tokens) {
            return tokens.size() + around > options_.limits.max_header;
        };
        if (long_header(r.tokens) || std::ranges::any_of(r.batch, long_header, &client_pair::tokens))
            return true;
        return r.payload.size() > max_payload_ || r.batch.size() > options_.limits.max_pairs ||
               std::ranges::any_of(r.batch, over) ||
               (!r.batch.empty() && octets_of(r) > options_.limits.max_message);
    }

    // ---- finding the control plane

    void connect() {
        phase_ = phase::discovering;
        discover_by_ = saturating_add(now_.steady, discovery_time);
        discovery_ = {};
        out_.dial(options_.discovery, discovery_tag);
    }
    void ask_discovery() {
        auto& pairs = out_[out_.open(discovery_.peer, wire::form::frames)].pairs;
        pairs.begin("discover");
        pairs.finish({});
    }
    template <class Done>
    void found(std::string_view document, Done&& done) {
        auto const nodes = wire::read_nodes(document);
        endpoint base;
        endpoint management;
        bool const good = nodes && !nodes->empty() && nodes->front().role == "control-plane" &&
                          parse_endpoint(nodes->front().base, base).empty() &&
                          parse_endpoint(nodes->front().management, management).empty();
        if (!good) return lost(make_error_code(errc::bad_value), done);
        epoch_ = nodes->front().epoch;
        if (nodes->front().max_payload != 0) max_payload_ = nodes->front().max_payload;
        management_at_ = management;
        phase_ = phase::connecting;
        out_.dial(normal_port(nodes->front(), base), tasks_tag);
    }
    /// What is not said otherwise is of normal priority.
    static endpoint normal_port(wire::node const& plane, endpoint base) {
        constexpr std::uint32_t normal = 2;
        if (plane.ports.size() == 4) {
            base.port = plane.ports[normal];
            return base;
        }
        return base.plus(normal).value_or(base);
    }
    /// The way to the control plane is cut: what was sent will be sent again when it is found again.
    template <class Done>
    void lost(std::error_code why, Done&& done) {
        for (auto* l : {&discovery_, &tasks_, &management_}) {
            if (l->peer != peer_id::none) out_.close(l->peer);
            *l = {};
        }
        while (!sent_.empty()) unsend(sent_.back());
        goes_on_ = false;
        phase_ = phase::waiting;
        if (!was_there_ && backoff_.failures() >= options_.retries) {
            phase_ = phase::idle;
            backoff_.reset();
            std::string const text = "nobody answers at " + options_.discovery.text() + " (" + why.message() +
                                     "); is the control plane running?";
            return fail_all(make_error_code(errc::unreachable), text, done);
        }
        if (operations_.used() == 0) {
            phase_ = phase::idle;
            return;
        }
        retry_at_ = saturating_add(now_.steady, backoff_.next(random_));
    }

    // ---- operations

    void unsend(std::uint32_t slot) {
        sent_.erase(operations_, slot);
        operations_[slot].sent = false;
        unsent_.push_front(operations_, slot);  // what waits was asked for later
    }
    void retry_port(client_port port) {
        for (auto slot = sent_.back(); slot != none;) {
            auto const previous = operations_[slot].previous;
            if (operations_[slot].request.port == port) unsend(slot);
            slot = previous;
        }
    }
    [[nodiscard]] link& link_of(client_port port) noexcept {
        return port == client_port::tasks        ? tasks_
               : port == client_port::management ? management_
                                                 : discovery_;
    }
    /// Sends what there is room for; the rest waits here, in order, since too long a queue has the connection cut.
    template <class Queued>
    void send_unsent(Queued&& queued) {
        for (auto* l : {&discovery_, &tasks_, &management_})
            l->full = l->open && queued(l->peer) > policy::much_queued;
        goes_on_ = false;
        for (auto slot = unsent_.front(); slot != none;) {
            auto const next = operations_[slot].next;
            auto& to = link_of(operations_[slot].request.port);
            if (to.full) return;  // a turn follows when it is less
            auto const now = out_.octets();
            goes_on_ = now > 0 && now + octets_of(operations_[slot].request) > policy::much_a_turn;
            if (goes_on_) return;
            if (to.open)
                send(slot, to.peer);
            else
                dial_port(operations_[slot].request.port, to);
            slot = next;
        }
    }
    void dial_port(client_port port, link& to) {
        if (std::exchange(to.dialling, true)) return;
        if (port == client_port::management)
            out_.dial(management_at_, management_tag);
        else if (port == client_port::discovery)
            out_.dial(options_.discovery, discovery_tag);
    }
    /// What one turn asks at a connection shares a message. Submits have one for themselves, since the submits of a message
    /// are all accepted or all refused.
    void send(std::uint32_t slot, peer_id peer) {
        auto& o = operations_[slot];
        bool const alone = o.request.verb == "submit";
        if (alone) shared_turn_ = 0;  // what comes after it must not overtake it
        auto& pairs =
            alone ? out_[out_.open(peer, wire::form::packed)].pairs : shared(peer, o.request.payload.size());
        o.answers = 0;
        o.attached.clear();
        if (o.request.batch.empty()) write(pairs, slot, o.request.tokens, o.request.payload);
        for (auto const& pair : o.request.batch) write(pairs, slot, pair.tokens, pair.payload);
        if (o.first_epoch.empty()) o.first_epoch = epoch_;
        unsent_.erase(operations_, slot);
        sent_.push_back(operations_, slot);
        o.sent = true;
    }
    void write(wire::pair_writer& pairs, std::uint32_t slot, std::string_view tokens,
               std::string_view payload) {
        auto const& o = operations_[slot];
        auto header = pairs.begin(o.request.verb);
        header.raw(tokens).field("ref", (o.generation << slot_bits) | slot);
        bool const creates = o.request.verb == "call" || o.request.verb == "submit";
        if (creates && !o.first_epoch.empty()) header.field("resent", o.first_epoch);
        pairs.finish(payload);
    }
    [[nodiscard]] wire::pair_writer& shared(peer_id peer, std::size_t octets) {
        bool const fits = shared_turn_ == out_.turn() && shared_to_ == peer && shared_->takes_more(octets);
        if (!fits) {
            shared_ = &out_[out_.open(peer, wire::form::packed)].pairs;
            shared_turn_ = out_.turn();
            shared_to_ = peer;
        }
        return *shared_;
    }
    template <class Done>
    void answer(wire::header const& h, std::string_view payload, Done&& done) {
        auto const ref = wire::read_number(h.get("ref"), ~std::uint64_t{0} >> 1U);
        if (!ref) return;
        auto const slot = static_cast<std::uint32_t>(*ref & ((1U << slot_bits) - 1));
        if (slot >= operations_.capacity()) return;
        auto& o = operations_[slot];
        if (!o.live || !o.sent || o.generation != *ref >> slot_bits) return;  // late: its operation has ended
        client_answer given{o.request.cookie, {}, &h, payload};
        if (h.verb() == "error") {
            auto const code =
                errc_from_name(h.positional().size() > 1 ? h.positional()[1] : "", errc::bad_request);
            if (code == errc::shutting_down && survives_restart(o.request.verb)) return unsend_later(slot);
            given.error = make_error_code(code);
        }
        if (!o.request.batch.empty() && !batch_is_answered(o, given)) return;
        if (o.request.verb == "watch" && !given.error && !tells_end(h)) {
            given.goes_on = true;
            return done(given);
        }
        finish(slot, given, done);
    }
    /// The answer to a batch is that to all its pairs: where one was refused, the reason is that one's.
    static bool batch_is_answered(operation& o, client_answer& given) {
        auto const others = make_error_code(errc::batch_refused);
        if (given.error && (!o.refused || o.refused == others)) {
            auto const about = given.header->positional().empty() ? "-" : given.header->positional()[0];
            o.refused = given.error;
            o.refusal = std::string{about} + ": " + std::string{given.payload};
        }
        if (auto const other = attached_in(*given.header)) o.attached.push_back(*other);
        if (++o.answers < o.request.batch.size()) return false;
        given = {o.request.cookie, o.refused, given.header, o.refusal, false, &o.attached};
        return true;
    }
    [[nodiscard]] static bool tells_end(wire::header const& h) noexcept {
        auto const state = parse_task_state(h.positional().size() > 1 ? h.positional()[1] : "");
        return !state || is_final(*state);
    }
    /// What means the same to the next control plane as to this one.
    static bool survives_restart(std::string_view verb) noexcept {
        return verb == "call" || verb == "submit" || verb == "wait" || verb == "watch";
    }
    /// The control plane ends: the request is made again, under the same id, when it is back.
    void unsend_later(std::uint32_t slot) {
        auto& o = operations_[slot];
        o.answers = 0;
        o.refused = {};
        o.attached.clear();
        o.generation = (o.generation + 1) & generation_mask;
    }
    template <class Done>
    void finish(std::uint32_t slot, client_answer const& given, Done&& done) {
        done(given);
        auto& o = operations_[slot];
        timeouts_.clear(slot);
        if (o.request.number != 0) numbered_.erase(o.request.number);
        (o.sent ? sent_ : unsent_).erase(operations_, slot);
        o.live = o.sent = false;
        o.refused = {};
        o.refusal.clear();
        o.attached.clear();
        o.request.batch = {};
        if (o.request.payload.capacity() > 4096) o.request.payload = {};
        operations_.give(slot);
    }

    client_options options_;
    core::outbox out_;
    random_source random_;
    backoff backoff_{std::chrono::milliseconds{50}, std::chrono::milliseconds{2'000}};
    clock_reading now_{};
    phase phase_ = phase::idle;
    bool was_there_ = false;
    link discovery_;
    link tasks_;
    link management_;
    endpoint management_at_;
    uuid epoch_;
    std::uint64_t max_payload_ = 16U << 20U;
    instant retry_at_ = instant::max();
    instant discover_by_ = instant::max();
    slab<operation> operations_;
    bool goes_on_ = false;
    slot_list unsent_;
    slot_list sent_;
    deadlines timeouts_;
    std::unordered_map<std::uint64_t, std::uint32_t> numbered_;  // operations that can be cancelled
    wire::pair_writer* shared_ = nullptr;
    std::uint64_t shared_turn_ = 0;
    peer_id shared_to_ = peer_id::none;
};

}  // namespace fastqueue::core
