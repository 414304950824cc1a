#pragma once

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
        fill(t, stored);
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
                                   content_of(task.content),
                                   s_.dispatch.names().intern(task.name),
                                   r.code,
                                   r.state,
                                   std::string{r.worker},
                                   {},
                                   0,
                                   task.number};
        if (r.dead) bury(stored);
        auto const kept = stored.has_value ? s_.cache.insert(entry, task.id.hash(0), result, r.value,
                                                             ended_at(r.finished_us), life_.gone())
                                           : none;
        auto const forgotten = s_.ledger.end(entry, r.state, kept);
        if (forgotten != none) s_.cache.erase(forgotten);
        s_.ended.push_back(task.number);
    }
    void member(std::string_view name) override { s_.reunion.expect(name); }

    /// All has been told.
    void finish() { s_.reunion.begin(s_.now.steady, s_.options.reunion); }

private:
    void fill(core::task& t, policy::stored_task const& stored) {
        auto const& r = stored.task;
        t = core::task{};
        t.id = r.id;
        t.number = r.number;
        t.sequence = s_.next_sequence++;
        t.submitted_us = r.submitted_us;
        t.name = s_.dispatch.names().intern(r.name);
        t.content = content_of(r.content);
        t.level = r.level;
        t.at_most_once = r.options.delivery == delivery::at_most_once;
        t.key_hash = r.options.key_hash;
        t.attempt = std::max(stored.last.attempt, stored.claimed);
        t.failures = stored.last.failures;
        t.deaths = stored.last.deaths;
        t.octets = stored.octets;
        t.left = stored.left;
        if (!t.left) s_.task_octets += t.octets;
        t.arguments.assign(r.arguments);
        if (is_plain(stored)) return;
        t.terms = s_.terms.take();
        s_.terms[t.terms] =
            task_terms{r.options, std::string{r.traceparent}, std::string{stored.last.history}};
    }
    static bool is_plain(policy::stored_task const& stored) noexcept {
        auto const& o = stored.task.options;
        return o.retries == 0 && o.timeout_ms == 0 && o.soft_timeout_ms == 0 &&
               stored.task.traceparent.empty() && stored.last.history.empty();
    }
    /// Whether its attempt ended with this process: only a task that ran here is claimed and may run again.
    static bool is_charged(core::task const& t, policy::stored_task const& stored) noexcept {
        return !t.at_most_once && stored.claimed > stored.last.attempt;
    }
    std::uint32_t content_of(std::string_view content) {
        if (content.empty() || content == "json") return 0;
        auto const at = std::ranges::find(s_.contents, content);
        if (at != s_.contents.end()) return static_cast<std::uint32_t>(at - s_.contents.begin());
        s_.contents.emplace_back(content);
        return static_cast<std::uint32_t>(s_.contents.size() - 1);
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
        letter.traceparent = stored.task.traceparent;
        letter.options = stored.task.options;
        letter.level = stored.task.level;
        letter.submitted_us = stored.task.submitted_us;
        letter.finished_us = stored.result.finished_us;
        letter.attempt = stored.result.attempt;
        letter.code = stored.result.code;
        letter.text = stored.result.value;
        letter.worker = stored.result.worker;
        letter.history = stored.result.history;
        s_.dead.add(std::move(letter), [this](policy::task_number gone) { s_.store.forget(gone); });
    }

    plane_state<P>& s_;
    task_life<P>& life_;
};

}  // namespace fastqueue::core
