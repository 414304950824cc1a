#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/core/worker_desk.hpp>
#include <fastqueue/model/name.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::core {

/// Why a task is where it is.
struct task_reason {
    std::string_view reason;  ///< for programs: `no_worker`, `all_busy`, `running` ...
    std::string text;         ///< for people: a sentence
};

/// Answers the question that an operator asks of a task that does not come: what does it wait for?
template <class P>
class task_reasons {
public:
    task_reasons(plane_state<P> const& state, task_life<P> const& life, worker_desk<P> const& workers)
        : s_{state}, life_{life}, workers_{workers} {}

    /// \param slot  of a task that has not ended
    [[nodiscard]] task_reason of(std::uint32_t slot) const {
        auto const& t = s_.tasks[slot];
        switch (t.state) {
            case task_state::running:
                return running(t);
            case task_state::assigned:
                return at_worker(t);
            case task_state::scheduled:
                return {"countdown", "it is not to begin yet: its time comes in " + due_text(slot)};
            case task_state::retrying:
                return {"retry_delay", "attempt " + std::to_string(t.attempt) + " failed; try " +
                                           std::to_string(s_.troubles_of(t).first) + " of " +
                                           std::to_string(retries(t)) + " comes in " + due_text(slot)};
            default:
                return waiting(t);
        }
    }
    /// \param result  as it is kept; nullptr: no longer
    [[nodiscard]] task_reason of_ended(task_state state, cached_result const* result) const {
        std::string text = "it has ended as " + std::string{name_of(state)};
        if (result == nullptr) return {"ended", text + "; its result is no longer kept"};
        if (!result->worker.empty()) text += " at " + std::string{result->worker.view()};
        if (result->code != errc{}) text += " (" + std::string{name_of(result->code)} + ")";
        return {"ended", text + ", " + since(result->finished_us) + " ago"};
    }

private:
    [[nodiscard]] static std::string seconds(std::uint64_t ms) {
        return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
    }
    [[nodiscard]] std::string since(std::uint64_t us) const { return seconds(s_.ms_since(us)); }
    [[nodiscard]] std::string due_text(std::uint32_t slot) const {
        auto const due = life_.due_in(slot);
        return due ? seconds(static_cast<std::uint64_t>(due->count())) : "a moment";
    }
    [[nodiscard]] std::uint32_t retries(task const& t) const noexcept {
        return t.terms == none ? 0 : s_.terms[t.terms].options.retries;
    }

    [[nodiscard]] task_reason running(task const& t) const {
        std::string text =
            "it runs at " + std::string{s_.worker_name(t.worker)} + " since " + since(t.started_us);
        auto const limit = t.terms == none ? 0 : s_.terms[t.terms].options.timeout_ms;
        text += limit == 0 ? "; it has no time limit" : "; its limit is " + seconds(limit);
        if (t.cancel_requested) text += "; it was asked to stop";
        return {"running", text};
    }
    [[nodiscard]] task_reason at_worker(task const& t) const {
        std::string const worker{s_.worker_name(t.worker)};
        if (t.recalled)
            return {"recalled", "it was sent to " + worker +
                                    " and is called back: something long is in front of it there"};
        return {"sent_ahead", "it is at " + worker + " and begins there in a moment"};
    }
    [[nodiscard]] task_reason waiting(task const& t) const {
        if (s_.stopping) return {"stopping", "the control plane is shutting down and gives nothing out"};
        if (t.restored)
            return {
                "reunion",
                "the control plane has restarted: workers of before have a moment to say that they run it"};
        auto const& name = s_.dispatch.names()[t.name].name;
        if (s_.dispatch.is_paused(t.level))
            return {"paused", "tasks of its priority are held back: fastqueue resume --priority " +
                                  std::string{name_of(t.level)}};
        if (s_.dispatch.names()[t.name].paused)
            return {"paused", "tasks of its name are held back: fastqueue resume --task-name " + name};
        std::uint32_t ready = 0;
        std::uint32_t away = 0;
        std::string who;
        for (auto const& [id, w] : workers_.by_name()) {
            auto const& r = s_.workers[w];
            if (std::ranges::find(r.announced.tasks, name) == r.announced.tasks.end()) continue;
            if (r.state == worker_state::active && !r.set_aside) {
                ++ready;
                continue;
            }
            if (++away <= 3) who += (who.empty() ? "" : ", ") + id + " is " + std::string{r.state_name()};
        }
        if (ready > 0) return all_busy(t, ready);
        if (away > 0)
            return {"workers_away", "none of the workers that know '" + name + "' can be given work: " + who};
        return {"no_worker", no_worker(name)};
    }
    [[nodiscard]] std::string no_worker(std::string const& name) const {
        std::vector<std::string> known;
        for (auto const& entry : s_.dispatch.names()) {
            if (entry.known && entry.name != name) known.push_back(entry.name);
        }
        auto const near = nearest_names(name, known, 3);
        std::string text = "no worker knows '" + name + "'";
        for (std::size_t i = 0; i < near.size(); ++i) text += (i == 0 ? "; near are " : ", ") + near[i];
        return text;
    }
    [[nodiscard]] task_reason all_busy(task const& t, std::uint32_t ready) const {
        auto const level = index_of(t.level);
        std::uint64_t higher = 0;
        std::uint64_t same = 0;
        for (auto const& entry : s_.dispatch.names()) {
            for (std::size_t i = 0; i < level; ++i) higher += entry.lanes[i].size();
            same += entry.lanes[level].size();
        }
        std::uint64_t before = 0;
        auto const& lane = s_.dispatch.names()[t.name].lanes[level];
        for (auto at = lane.front(); at != none && s_.tasks[at].id != t.id; at = s_.tasks[at].next) ++before;
        return {"all_busy",
                (ready == 1 ? std::string{"the worker that can run it is busy; "}
                            : "all " + std::to_string(ready) + " workers that can run it are busy; ") +
                    "there wait " + std::to_string(higher) + " tasks of higher priority and " +
                    std::to_string(same - 1) + " others of its own, " + std::to_string(before) +
                    " of them of its kind and before it"};
    }

    plane_state<P> const& s_;
    task_life<P> const& life_;
    worker_desk<P> const& workers_;
};

}  // namespace fastqueue::core
