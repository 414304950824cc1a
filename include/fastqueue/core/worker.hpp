#pragma once

#include <fastqueue/core/backoff.hpp>
#include <fastqueue/core/deadlines.hpp>
#include <fastqueue/core/outbox.hpp>
#include <fastqueue/core/run_record.hpp>
#include <fastqueue/core/slot_list.hpp>
#include <fastqueue/core/worker_link_state.hpp>
#include <fastqueue/core/worker_options.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/wire/registration.hpp>
#include <fastqueue/wire/verbs.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// A worker's brain: it registers and stays registered, holds the runs it is given, and answers each once. It has no
/// socket, clock or thread. A shell calls `at(now)`, then events, then `turn()`, then performs `actions()` and
/// `outbox()`; and wakes it at `next_deadline()`. One thread at a time.
class worker {
public:
    explicit worker(worker_options options) : options_{std::move(options)}, link_{options_, out_} {
        if (options_.window < options_.concurrency) options_.window = options_.concurrency;
    }

    void at(clock_reading now) noexcept { now_ = now; }

    // ---- the transport's events

    void start() { link_.start(now_.steady); }
    void dialled(std::uint32_t tag, peer_id peer) { link_.dialled(tag, peer); }
    void opened(peer_id peer, peer_info const& info) {
        if (link_.opened(peer, info, now_.steady)) announce();
    }
    void closed(peer_id peer) {
        answers_turn_ = 0;  // what comes now must not go into a message to a connection that has ended
        link_.closed(peer, now_.steady);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) {
        wire::pair_cursor cursor{frames, options_.limits.max_pairs, link_.is_one_at_a_time(peer)};
        if (cursor.is_probe()) return;
        if (cursor.trouble()) return refuse(peer, cursor, cursor.trouble()->code, cursor.trouble()->why);
        wire::header h;
        wire::pair pair;
        while (cursor.next(pair)) {
            auto const bad = h.parse(pair.header, options_.limits.max_header);
            if (bad)
                refuse(peer, cursor, bad->code, bad->why);
            else if (link_.knows(peer))
                take(peer, h, pair.payload);
            else if (h.verb() == "hello")
                take_hello(peer, h);
            else
                refuse(peer, cursor, wire::misplaced(h.verb()),
                       "this is a subworker's port: ask its control plane");
        }
    }

    /// How many octets of its answers are on their way already: where they are many, more of them wait here.
    void queued(std::uint64_t octets) noexcept { queued_ = octets; }
    [[nodiscard]] peer_id answer_to() const noexcept { return link_.answer_to(); }
    /// Whether there was more to say than a turn should: then another one is due.
    [[nodiscard]] bool goes_on() const noexcept {
        return !owed_.empty() && link_.can_answer() && queued_ <= policy::much_queued;
    }

    // ---- the executor's events

    /// A handler has ended.
    /// \param text  its value, or the error's text
    void executed(std::uint32_t slot, run_result const& result, std::string_view text) {
        auto const& r = runs_[slot];
        if (r.stuck) return returned(slot);
        auto done = done_of(r, result);
        if (!r.dropped) answer(done, r.overtime && !is_timeout(result) ? over_limit : text);
        release(slot);
        look_soon();
    }
    /// What became of a `replace`. \param replaced  another has taken the place of what runs it
    void stuck(std::uint32_t slot, bool replaced) {
        auto& r = runs_[slot];
        if (!replaced) {
            stuck_at_.set(slot, now_.steady + try_again);
            if (std::exchange(r.overdue, true)) return;  // that was said
        }
        note("the handler of task " + r.lease.id.text() + " (" + r.name +
             ") does not return, though its time is over: " +
             (replaced ? "another thread has taken its place" : "its place stays taken"));
        if (!replaced) return;
        run_result gone;
        gone.end = wire::run_end::failure;
        auto done = done_of(r, gone);
        done.took_us.reset();  // nobody knows
        if (!r.dropped) answer(done, r.overtime ? over_limit : std::string_view{});
        clear_limits(slot);
        r.stuck = true;
        running_.erase(runs_, slot);
        stuck_.push_back(runs_, slot);
        if (r.given_up) --given_up_;
    }
    /// A run that was to be retracted had not begun.
    void retracted(std::uint32_t slot) {
        auto const& r = runs_[slot];
        wire::done_message done;
        done.lease = r.lease;
        done.end = r.cancelled ? wire::run_end::cancelled : wire::run_end::returned;
        done.unbegun = true;
        if (!r.dropped) answer(done, {});
        release(slot);
    }
    /// A handler was seen running.
    void begun(std::uint32_t slot) {
        auto& r = runs_[slot];
        if (r.begun) return;
        r.begun = true;
        waiting_.erase(runs_, slot);
        running_.push_back(runs_, slot);
        set_limits(slot);
        if (link_.can_answer()) say_begun(r);
    }
    /// Calls `f(slot)` for each run that is not known to run, when it is time to look whether it does.
    template <class F>
    void each_to_look_at(F&& f) {
        if (now_.steady < std::min(look_at_, tell_at_)) return;
        look_at_ = instant::max();
        for (auto slot = waiting_.front(); slot != none;) {
            auto const next = runs_[slot].next;
            f(slot);
            slot = next;
        }
        if (running_.size() < std::min<std::size_t>(options_.concurrency, outstanding())) look_soon();
    }

    /// A handler has told of its progress: `each_to_tell` is worth calling.
    void progressed() noexcept {
        if (tell_at_ == instant::max()) tell_at_ = std::max(now_.steady, told_at_ + progress_every);
    }
    /// Calls `f(slot, out)` for each run that is known to run, when it is time to tell of progress; what it writes to `out` and returns
    /// true for is told. What finds no way now waits for the next time.
    template <class F>
    void each_to_tell(F&& f) {
        if (now_.steady < tell_at_) return;
        tell_at_ = instant::max();
        told_at_ = now_.steady;
        if (!has_room() || !owed_.empty()) return progressed();
        for (auto slot = running_.front(); slot != none; slot = runs_[slot].next) {
            if (runs_[slot].dropped || !f(slot, progress_)) continue;
            auto header = answers(progress_.size()).begin("progress");
            wire::write_lease(header, runs_[slot].lease);
            answers_->finish(progress_);
        }
    }

    // ---- time and end

    void turn() {
        while (auto const slot = soft_.pop(now_.steady)) actions_.push_back({run_action::kind::stop, *slot});
        while (auto const slot = hard_.pop(now_.steady)) {
            auto& r = runs_[*slot];
            r.overtime = r.timeout_ms != 0 && now_.steady >= r.limit_at;
            actions_.push_back({run_action::kind::end, *slot});
            stuck_at_.set(*slot, now_.steady + stuck_patience);
        }
        while (auto const slot = stuck_at_.pop(now_.steady))
            actions_.push_back({run_action::kind::replace, *slot});
        if (link_.tick(now_.steady, outstanding(), stuck_.size())) announce();
        send_owed();
        put_in_order();
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        return std::min(
            {soft_.next(), hard_.next(), stuck_at_.next(), link_.next_deadline(), look_at_, tell_at_});
    }
    /// Takes nothing new: what has not begun goes back, what runs is finished, then it unregisters and is `finished`.
    void stop() {
        if (stopping_) return;
        stopping_ = true;
        for (auto slot = waiting_.back(); slot != none; slot = runs_[slot].previous) {
            actions_.push_back({run_action::kind::retract, slot});
        }
        link_.unregister(now_.steady);
    }
    /// Asks every handler that runs to stop: for an owner that cannot wait any longer.
    void stop_handlers() {
        for (auto slot = running_.front(); slot != none; slot = runs_[slot].next) {
            actions_.push_back({run_action::kind::stop, slot});
        }
    }
    /// After `stop`: the time for finishing is over. What still runs goes back unfinished, and its end will be told to
    /// nobody. \return how many those are
    std::size_t hand_back() {
        handed_back_ = true;
        std::size_t count = 0;
        for (auto slot = running_.front(); slot != none; slot = runs_[slot].next) {
            if (runs_[slot].dropped) continue;
            wire::done_message done;
            done.lease = runs_[slot].lease;
            done.end = wire::run_end::returned;
            answer(done, {});
            runs_[slot].dropped = true;
            ++count;
        }
        for (auto const* list : {&running_, &waiting_}) {
            for (auto slot = list->front(); slot != none; slot = runs_[slot].next) {
                if (std::exchange(runs_[slot].given_up, true)) continue;
                ++given_up_;
                actions_.push_back({run_action::kind::end, slot});
            }
        }
        return count;
    }
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }
    /// After `stop`: everything is answered, and the control plane knows that the worker has left or cannot be told.
    [[nodiscard]] bool finished() const noexcept {
        bool const said = handed_back_ || owed_.empty() || !link_.can_answer();
        return stopping_ && outstanding() == given_up_ && said &&
               (link_.is_unregistered() || !link_.can_speak());
    }
    /// What the control plane refused that is no reason to end, in words; mostly empty.
    [[nodiscard]] std::string take_trouble() {
        auto trouble = std::exchange(trouble_, {});
        auto const refused = link_.take_trouble();
        if (!trouble.empty() && !refused.empty()) trouble += "; ";
        return trouble += refused;
    }
    /// Handlers whose time is over and that do not return, though others have their places.
    [[nodiscard]] std::size_t stuck() const noexcept { return stuck_.size(); }
    /// Why it gave up for good; empty while it has not.
    [[nodiscard]] std::string const& fatal() const noexcept { return link_.fatal(); }
    /// What the control plane refused it with.
    [[nodiscard]] errc fatal_code() const noexcept { return link_.fatal_code(); }

    // ---- what it wants done

    [[nodiscard]] core::outbox& outbox() noexcept { return out_; }
    /// What the executor is to do; taken out.
    [[nodiscard]] std::vector<run_action> take_actions() { return std::exchange(actions_, {}); }
    [[nodiscard]] bool has_actions() const noexcept { return !actions_.empty(); }
    void swap_actions(std::vector<run_action>& other) noexcept {
        other.clear();
        actions_.swap(other);
    }
    [[nodiscard]] run_record const& run(std::uint32_t slot) const noexcept { return runs_[slot]; }
    [[nodiscard]] std::size_t outstanding() const noexcept { return waiting_.size() + running_.size(); }
    [[nodiscard]] std::size_t running() const noexcept { return running_.size(); }
    [[nodiscard]] bool registered() const noexcept { return link_.is_registered(); }
    [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }
    [[nodiscard]] worker_options const& options() const noexcept { return options_; }
    /// Payloads over this can't be sent: the control plane's limit, as it said.
    [[nodiscard]] std::uint64_t max_payload() const noexcept { return max_payload_; }

private:
    static constexpr std::chrono::milliseconds progress_every{100};
    static constexpr std::chrono::milliseconds stuck_patience{500};
    static constexpr std::chrono::milliseconds try_again{5000};
    static constexpr std::string_view over_limit = "the attempt exceeded its time limit";

    struct owed_answer {
        wire::done_message done;
        std::string text;
    };

    // ---- messages

    void take(peer_id peer, wire::header const& h, std::string_view payload) {
        auto const verb = h.verb();
        if (verb == "run") return take_run(peer, h, payload);
        if (verb == "recall" || verb == "cancel") return take_back(h, verb == "cancel");
        if (verb == "registered") return take_registered(h, payload);
        if (link_.message(peer, h, payload, now_.steady)) announce();
    }
    void take_run(peer_id peer, wire::header const& h, std::string_view payload) {
        wire::run_message message;
        message.level = link_.level_of(peer);
        if (message.read(h)) return;
        if (stopping_ || outstanding() >= hard_window()) {
            wire::done_message done;
            done.lease = message.lease;
            done.end = wire::run_end::returned;
            done.unbegun = true;
            return answer(done, {});
        }
        auto const slot = runs_.take();
        auto& r = runs_[slot];
        r.lease = message.lease;
        r.level = message.level;
        r.name.assign(message.name);
        r.arguments.assign(payload);
        r.content.assign(message.content);
        r.traceparent.assign(message.traceparent);
        r.soft_timeout_ms = message.soft_timeout_ms;
        r.timeout_ms = message.timeout_ms;
        r.begun = r.dropped = r.overtime = r.cancelled = r.given_up = r.stuck = r.overdue = false;
        r.sequence = ++sequence_;
        waiting_.push_back(runs_, slot);
        actions_.push_back({run_action::kind::execute, slot});
        look_soon();
    }
    /// A control plane that sends more than was announced does so by a race at most: some room is left for it.
    [[nodiscard]] std::size_t hard_window() const noexcept { return std::size_t{options_.window} * 2 + 64; }
    void take_back(wire::header const& h, bool cancel) {
        wire::lease_name lease;
        if (wire::read_lease(h, 2, lease)) return;
        auto const slot = find(lease);
        if (slot == none) return;
        auto& r = runs_[slot];
        if (cancel && !std::exchange(r.cancelled, true) && r.begun) set_cancel_limit(slot);
        if (!r.begun) actions_.push_back({run_action::kind::retract, slot});
        if (cancel) actions_.push_back({run_action::kind::stop, slot});
    }
    /// Answers whoever is wrong here.
    void refuse(peer_id peer, wire::pair_cursor const& cursor, errc code, std::string_view why) {
        wire::envelope envelope;
        cursor.copy_envelope(envelope);
        auto& pairs = out_[out_.open(peer, cursor.form(), envelope)].pairs;
        pairs.begin("error").token("-").token(name_of(code));
        pairs.finish(why);
    }
    void take_hello(peer_id peer, wire::header const& h) {
        if (link_.hello(peer, h)) announce();
        if (!link_.knows(peer)) return;
        if (auto const limit = wire::read_number(h.get("max_payload"))) max_payload_ = *limit;
    }
    void take_registered(wire::header const& h, std::string_view payload) {
        std::vector<wire::lease_name> dropped;
        if (!wire::read_drop_document(payload, dropped)) return;
        link_.registered(h, now_.steady);
        for (auto const& lease : dropped) drop(lease);
        // Runs over this connection could not be told of as begun before it was registered.
        if (link_.can_answer()) say_all_begun();
    }
    /// The lease is another's now: the run is given up and its end is told to nobody.
    void drop(wire::lease_name const& lease) {
        std::erase_if(owed_, [&](owed_answer const& o) {
            return o.done.lease.id == lease.id && o.done.lease.attempt == lease.attempt;
        });
        auto const slot = find(lease);
        if (slot == none) return;
        runs_[slot].dropped = true;
        if (!runs_[slot].begun) actions_.push_back({run_action::kind::retract, slot});
        actions_.push_back({run_action::kind::stop, slot});
    }
    [[nodiscard]] std::uint32_t find(wire::lease_name const& lease) const noexcept {
        for (auto const* list : {&waiting_, &running_}) {
            for (auto slot = list->front(); slot != none; slot = runs_[slot].next) {
                if (runs_[slot].lease.id == lease.id && runs_[slot].lease.attempt == lease.attempt)
                    return slot;
            }
        }
        return none;
    }
    /// Says who we are and what we hold, so that the control plane can compare it with what it thinks.
    void announce() {
        std::vector<wire::lease_name> held;
        for (auto const* list : {&running_, &waiting_}) {
            for (auto slot = list->front(); slot != none; slot = runs_[slot].next) {
                if (!runs_[slot].dropped) held.push_back(runs_[slot].lease);
            }
        }
        for (auto const& o : owed_) held.push_back(o.done.lease);
        link_.send_registration(std::move(held));
        // A control plane that has restarted does not know yet which of them have begun.
        if (link_.can_answer()) say_all_begun();
    }
    void say_all_begun() {
        for (auto slot = running_.front(); slot != none; slot = runs_[slot].next) say_begun(runs_[slot]);
    }
    void say_begun(run_record const& r) {
        if (r.dropped) return;
        auto header = answers().begin("began");
        wire::write_lease(header, r.lease);
        answers_->finish({});
    }

    // ---- answers

    static bool is_timeout(run_result const& result) noexcept {
        return result.end == wire::run_end::failure && result.code == errc::timeout;
    }
    [[nodiscard]] static wire::done_message done_of(run_record const& r, run_result const& result) noexcept {
        wire::done_message done;
        done.lease = r.lease;
        done.end = result.end;
        done.code = result.code;
        done.final = result.final;
        done.retry_after_ms = result.retry_after_ms;
        done.took_us = result.took_us;
        if (r.overtime) {
            done.end = wire::run_end::failure;
            done.code = errc::timeout;
        } else if (r.cancelled && result.end == wire::run_end::failure) {
            done.end = wire::run_end::cancelled;
        }
        return done;
    }
    /// The message in which answers of this turn are gathered.
    /// \param octets  of the next one
    [[nodiscard]] wire::pair_writer& answers(std::size_t octets = 0) {
        if (answers_turn_ != out_.turn() || !answers_->takes_more(octets)) {
            answers_ = &out_[out_.open(link_.answer_to(), wire::form::packed)].pairs;
            answers_turn_ = out_.turn();
        }
        return *answers_;
    }
    [[nodiscard]] bool has_room() const noexcept {
        return link_.can_answer() && queued_ <= policy::much_queued && out_.octets() < policy::much_a_turn;
    }
    void answer(wire::done_message const& done, std::string_view text) {
        ++answered_;
        if (!owed_.empty() || !has_room()) {
            owed_.push_back({done, std::string{text}});
            return;
        }
        auto header = answers(text.size()).begin("done");
        done.write(header);
        answers_->finish(text);
    }
    void send_owed() {
        for (; !owed_.empty() && has_room(); owed_.pop_front()) {
            auto header = answers(owed_.front().text.size()).begin("done");
            owed_.front().done.write(header);
            answers_->finish(owed_.front().text);
        }
    }
    void release(std::uint32_t slot) {
        constexpr std::size_t worth_keeping = 4096;
        auto& r = runs_[slot];
        (r.begun ? running_ : waiting_).erase(runs_, slot);
        if (r.given_up) --given_up_;
        clear_limits(slot);
        if (r.arguments.capacity() > worth_keeping) r.arguments = {};
        runs_.give(slot);
    }
    void set_limits(std::uint32_t slot) {
        auto& r = runs_[slot];
        using std::chrono::milliseconds;
        if (r.soft_timeout_ms != 0)
            soft_.set(slot, saturating_add(now_.steady, milliseconds{r.soft_timeout_ms}));
        r.limit_at = instant::max();
        if (r.timeout_ms != 0) r.limit_at = saturating_add(now_.steady, milliseconds{r.timeout_ms});
        if (r.timeout_ms != 0) hard_.set(slot, r.limit_at);
        if (r.cancelled) set_cancel_limit(slot);
    }
    void clear_limits(std::uint32_t slot) {
        soft_.clear(slot);
        hard_.clear(slot);
        stuck_at_.clear(slot);
    }
    void set_cancel_limit(std::uint32_t slot) {
        hard_.set(slot, std::min(runs_[slot].limit_at, saturating_add(now_.steady, options_.cancel_grace)));
    }
    /// One that was stuck has come to its end after all.
    void returned(std::uint32_t slot) {
        note("the handler of task " + runs_[slot].lease.id.text() + " (" + runs_[slot].name +
             "), which was given up, has returned");
        stuck_.erase(runs_, slot);
        runs_.give(slot);
    }
    void note(std::string const& what) {
        constexpr std::size_t most = 4096;
        if (trouble_.size() < most) trouble_.append(trouble_.empty() ? "" : "; ").append(what);
    }
    /// Runs begin in order of priority, and what is least urgent is taken back first, also where one turn brought it the other
    /// way round: it comes over four connections, and the threads look while the actions are done.
    void put_in_order() {
        auto const rank = [this](run_action const& a) {
            auto const level = index_of(runs_[a.run].level);
            return a.what == run_action::kind::execute ? level : 2 * priority_count - level;
        };
        if (!std::ranges::is_sorted(actions_, {}, rank)) std::ranges::stable_sort(actions_, {}, rank);
    }
    /// Whether handlers that run have been told of is looked at a moment later: most runs are over by then, and need not
    /// be told of at all.
    void look_soon() noexcept {
        if (waiting_.empty()) return;
        look_at_ = std::min(look_at_, now_.steady + std::chrono::milliseconds{1});
    }

    worker_options options_;
    core::outbox out_;
    worker_link_state link_;
    clock_reading now_{};
    slab<run_record> runs_;
    slot_list waiting_;  // not known to run
    slot_list running_;
    deadlines soft_;
    deadlines hard_;
    deadlines stuck_at_;
    slot_list stuck_;  // answered, and not returned
    std::string trouble_;
    std::vector<run_action> actions_;
    std::deque<owed_answer> owed_;  // in order; the next ones go behind them
    bool handed_back_ = false;
    std::uint64_t queued_ = 0;  // octets that the way to the control plane holds
    wire::pair_writer* answers_ = nullptr;
    std::uint64_t answers_turn_ = 0;
    std::uint64_t sequence_ = 0;
    std::uint64_t answered_ = 0;
    std::size_t given_up_ = 0;  // runs whose end nobody waits for
    std::uint64_t max_payload_ = 16U << 20U;
    instant look_at_ = instant::max();
    instant tell_at_ = instant::max();  // of progress
    instant told_at_{};
    std::string progress_;
    bool stopping_ = false;
};

}  // namespace fastqueue::core
