#pragma once

#include <fastqueue/core/name_defaults.hpp>
#include <fastqueue/core/pause_name.hpp>
#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/task_life.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::core {

/// Builds a control plane's state from what its store has kept: what waits and what has ended, the ids that were used and
/// the dead letters.
template <class P>
class restorer final : public policy::restore_sink {
public:
    restorer(plane_state<P>& state, task_life<P>& life) : s_{state}, life_{life} {}

    void task(policy::stored_task const& stored) override {
        auto const slot = s_.tasks.take();
        auto& t = s_.tasks[slot];
        life_.fill(t, stored.task, stored.last);
        take_rest(t, stored);
        life_.take_key(slot);
        t.ledger = s_.ledger.insert(t.id, stored.task.fingerprint, slot);
        s_.next_number = std::max(s_.next_number, t.number + 1);
        ++s_.counters.restored;
        if (is_charged(t, stored)) {
            life_.resume(slot, stored);
            if (life_.died(slot, s_.options.id)) return;
            return life_.write_attempt(t, 0);
        }
        life_.resume(slot, stored);
    }
    void end(policy::stored_end const& stored) override {
        auto const& task = stored.task;
        auto const& r = stored.result;
        auto const entry = s_.ledger.insert(task.id, task.fingerprint, none);
        s_.next_number = std::max(s_.next_number, task.number + 1);
        cached_result const result{task.submitted_us,
                                   r.started_us,
                                   r.finished_us,
                                   r.attempt,
                                   s_.content_number(task.content),
                                   s_.dispatch.names().intern(task.name),
                                   r.code,
                                   r.state,
                                   worker_named(r.worker),
                                   {},
                                   0,
                                   task.number,
                                   shared_text{r.history}};
        if (r.dead) bury(stored);
        auto const kept = stored.has_value ? s_.cache.insert(entry, task.id.hash(0), result, r.value,
                                                             ended_at(r.finished_us), life_.gone())
                                           : none;
        life_.close_id(entry, result, kept);
    }
    void member(std::string_view name) override {
        if (name.starts_with(schedule::stored_key)) return take_schedule(name);
        if (name.starts_with(name_defaults::stored_key)) return take_defaults(name);
        pause_name::is_one(name) ? pause_name::restore(name, s_.dispatch) : s_.reunion.expect(name);
    }

    /// All has been told.
    void finish() { s_.reunion.begin(s_.now.steady, s_.options.reunion); }

private:
    /// What its record does not say.
    void take_rest(core::task& t, policy::stored_task const& stored) {
        t.attempt = std::max(stored.last.attempt, stored.claimed);
        t.octets = static_cast<std::uint32_t>(stored.octets);
        t.left = stored.left;
        if (!t.left) s_.task_octets += t.octets;
        t.arguments.assign(stored.task.arguments);
    }
    void take_defaults(std::string_view text) {
        text.remove_prefix(name_defaults::stored_key.size());
        auto const end = std::min(text.find(' '), text.size());
        auto& entry = s_.dispatch.names()[s_.dispatch.names().intern(text.substr(0, end))];
        entry.default_text = text.substr(std::min(end + 1, text.size()));
        entry.defaults = name_defaults::read(entry.default_text);
    }
    void take_schedule(std::string_view text) {
        schedule made;
        if (!made.restore(text))
            return s_.notice(errc::bad_value, "a schedule in the store cannot be read, and was left out");
        s_.schedules.restore(std::move(made));
    }
    /// Results of one worker share its name: those of a time mostly have the same.
    [[nodiscard]] core::shared_text const& worker_named(std::string_view name) {
        if (worker_.view() != name) worker_ = core::shared_text{name};
        return worker_;
    }
    /// Whether its attempt ended with this process: only a task that ran here is claimed and may run again.
    static bool is_charged(core::task const& t, policy::stored_task const& stored) noexcept {
        return !t.at_most_once && stored.claimed > stored.last.attempt;
    }
    /// When that was, on the clock by which results grow old.
    [[nodiscard]] instant ended_at(std::uint64_t us) const noexcept {
        auto const ago = std::min<std::uint64_t>(s_.now_us() - std::min(us, s_.now_us()), 1ULL << 50U);
        return s_.now.steady - std::chrono::microseconds{static_cast<std::int64_t>(ago)};
    }
    void bury(policy::stored_end const& stored) {
        dead_letter letter;
        letter.number = stored.task.number;
        letter.id = stored.task.id;
        letter.name = stored.task.name;
        letter.content = stored.task.content;
        letter.arguments = stored.task.arguments;
        letter.attributes = stored.task.attributes;
        letter.options = stored.task.options;
        letter.level = stored.task.level;
        letter.submitted_us = stored.task.submitted_us;
        letter.finished_us = stored.result.finished_us;
        letter.attempt = stored.result.attempt;
        letter.code = stored.result.code;
        letter.text = stored.result.value;
        letter.worker = stored.result.worker;
        letter.history = stored.result.history;
        life_.keep_letter(std::move(letter));
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    core::shared_text worker_;  // the latest that was asked for
};

}  // namespace fastqueue::core
