#pragma once

#include <fastqueue/core/name_table.hpp>
#include <fastqueue/core/task.hpp>
#include <fastqueue/core/worker_record.hpp>
#include <fastqueue/model/hash.hpp>
#include <fastqueue/model/indexed_heap.hpp>
#include <fastqueue/policy/balancing.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// Work of this cost at most is sent ahead to a worker whose threads are busy: about what a round trip takes.
inline constexpr std::uint32_t ahead_limit_us = 1000;
/// So many octets of arguments at most wait at a worker whose threads are busy.
inline constexpr std::uint64_t ahead_limit_octets = 16U << 20U;

/// Which task goes to which worker next. Tasks wait in lanes, one FIFO a priority and name. Workers that know
/// the same names are one *class*; each class has its heads of lanes in heaps, by order of acceptance, and
/// its workers with room in two balancing policies: the idle ones, and those that may get short work ahead.
/// So a choice looks at the few classes there are, never at all workers, and never steps over tasks that
/// nobody can run.
///
/// Strict priority: while the first task of a class has no place, nothing behind it gets one.
/// One thread at a time.
template <policy::balancing Balancing>
class dispatcher {
public:
    struct choice {
        std::uint32_t task;
        std::uint32_t worker;
    };

    dispatcher(slab<task>& tasks, slab<worker_record, 16>& workers, std::uint64_t seed)
        : tasks_{tasks}, workers_{workers}, seed_{seed} {}

    [[nodiscard]] name_table& names() noexcept { return names_; }
    [[nodiscard]] name_table const& names() const noexcept { return names_; }
    [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_; }

    /// Puts a task into its lane, at its place by sequence.
    void enqueue(std::uint32_t slot) {
        auto const& t = tasks_[slot];
        auto& lane = lane_of(t);
        auto const before = lane.front();
        lane.insert_in_order(tasks_, slot);
        ++waiting_;
        if (lane.front() != before) head_changed(t.name, t.level);
    }
    /// Takes a task out of its lane.
    void dequeue(std::uint32_t slot) {
        auto const& t = tasks_[slot];
        auto& lane = lane_of(t);
        bool const was_first = lane.front() == slot;
        lane.erase(tasks_, slot);
        --waiting_;
        if (was_first) head_changed(t.name, t.level);
    }

    /// Gives a worker its class by the names it knows (sorted, without repetition), in place of the one it
    /// had.
    void set_capability(std::uint32_t w, std::vector<std::uint32_t> names) {
        clear_capability(w);
        auto& record = workers_[w];
        auto const key = std::pair{record.local, std::move(names)};
        auto const at = by_names_.find(key);
        record.capability = at != by_names_.end() ? at->second : make_class(key);
        ++classes_[record.capability]->members;
    }
    /// The worker knows nothing any more.
    void clear_capability(std::uint32_t w) {
        auto& record = workers_[w];
        if (record.capability == none) return;
        set_serving(w, false);
        auto const c = std::exchange(record.capability, none);
        if (--classes_[c]->members == 0) drop_class(c);
    }
    /// Whether the worker may get work: tells the names that depend on it.
    void set_serving(std::uint32_t w, bool serving) {
        auto& record = workers_[w];
        auto& members = serving_;
        if (w >= members.size()) members.resize(w + std::size_t{1}, false);
        if (members[w] == serving) return;
        members[w] = serving;
        if (!record.local) {
            for (auto const name : classes_[record.capability]->names) able_changed(name, serving);
        }
        room_changed(w);
    }
    /// The worker's outstanding runs or state have changed.
    void room_changed(std::uint32_t w) {
        auto& r = workers_[w];
        if (r.capability == none) return;
        bool const may = w < serving_.size() && serving_[w] && !r.clogged;
        bool const idle = may && r.outstanding < r.concurrency;
        note_filling(r);
        // What is on its way back goes before what would be sent now.
        bool const ahead = may && !idle && !r.filled && !r.blocked() && r.recalled.empty() &&
                           r.charged_us < ahead_limit_us * r.concurrency &&
                           r.charged_octets < ahead_limit_octets;
        auto& c = *classes_[r.capability];
        place(c.idle, c.idle_count, r.among_idle, idle, w);
        place(c.ahead, c.ahead_count, r.among_ahead, ahead, w);
    }

    /// From now on no task of this priority is given out, or they are again. What waits keeps its place.
    void pause(priority level, bool paused) {
        paused_[index_of(level)] = paused;
        for (std::uint32_t name = 0; name < names_.size(); ++name) head_changed(name, level);
    }
    /// The same for the tasks of a name.
    void pause(std::uint32_t name, bool paused) {
        names_[name].paused = paused;
        heads_changed(name);
    }
    [[nodiscard]] bool is_paused(priority level) const noexcept { return paused_[index_of(level)]; }

    /// The next task and its worker; the task has left its lane. Empty when nothing that waits has a place.
    [[nodiscard]] std::optional<choice> next() {
        if (waiting_ == 0) return std::nullopt;
        auto const best = best_head();
        if (best.task == none) return std::nullopt;
        auto const& t = tasks_[best.task];
        auto const w = pick(t);
        dequeue(best.task);
        return choice{best.task, w};
    }

    /// Whether some worker that may get work knows `name`.
    [[nodiscard]] bool is_served(std::uint32_t name) const noexcept {
        for (auto const c : names_[name].classes) {
            if (classes_[c]->members > 0) return true;
        }
        return false;
    }

private:
    struct worker_class {
        explicit worker_class(std::uint64_t seed) : idle{seed}, ahead{seed} {}
        std::vector<std::uint32_t> names;
        bool local = false;
        std::uint32_t members = 0;
        std::uint32_t idle_count = 0;
        std::uint32_t ahead_count = 0;
        std::array<indexed_heap<std::uint64_t>, priority_count>
            heads;  // slot: name; key: the head's sequence
        Balancing idle;
        Balancing ahead;
    };
    using class_key = std::pair<bool, std::vector<std::uint32_t>>;
    struct lane_head {
        std::size_t level = priority_count;
        std::uint64_t sequence = 0;
        std::uint32_t task = none;
        [[nodiscard]] bool before(lane_head const& other) const noexcept {
            return level != other.level ? level < other.level : sequence < other.sequence;
        }
    };

    [[nodiscard]] slot_list& lane_of(task const& t) noexcept {
        return names_[t.name].lanes[index_of(t.level)];
    }

    void head_changed(std::uint32_t name, priority level) {
        auto const first = names_[name].lanes[index_of(level)].front();
        for (auto const c : names_[name].classes) show_head(*classes_[c], name, index_of(level), first);
    }
    void show_head(worker_class& c, std::uint32_t name, std::size_t level, std::uint32_t first) {
        bool const others_can = c.local && names_[name].able > 0;  // then this process leaves it to them
        bool const hidden = others_can || names_[name].paused || paused_[level];
        if (first == none || hidden)
            c.heads[level].erase(name);
        else
            c.heads[level].set(name, tasks_[first].sequence);
    }
    void able_changed(std::uint32_t name, bool more) {
        auto& e = names_[name];
        more ? ++e.able : --e.able;
        if (e.able > 1 || (e.able == 1 && !more)) return;
        heads_changed(name);
    }
    void heads_changed(std::uint32_t name) {
        for (std::size_t level = 0; level < priority_count; ++level) {
            head_changed(name, static_cast<priority>(level));
        }
    }

    std::uint32_t make_class(class_key const& key) {
        auto made = std::make_unique<worker_class>(seed_ + by_names_.size());
        made->local = key.first;
        made->names = key.second;
        std::uint32_t slot = 0;
        while (slot < classes_.size() && classes_[slot]) ++slot;
        if (slot == classes_.size()) classes_.emplace_back();
        classes_[slot] = std::move(made);
        by_names_.emplace(key, slot);
        for (auto const name : key.second) {
            names_[name].classes.push_back(slot);
            names_[name].known = true;
            for (std::size_t level = 0; level < priority_count; ++level) {
                show_head(*classes_[slot], name, level, names_[name].lanes[level].front());
            }
        }
        return slot;
    }
    void drop_class(std::uint32_t slot) {
        auto const dropped = std::move(classes_[slot]);
        for (auto const name : dropped->names) std::erase(names_[name].classes, slot);
        by_names_.erase(class_key{dropped->local, dropped->names});
    }

    /// A worker whose window is full gets more when half of it is done: many runs at once, rather than a few each time that a
    /// few have ended. Half is not less than what it runs: below that it counts as idle, and is filled anyway.
    /// \source RFC 813, which cures TCP of the same, the silly window syndrome
    static void note_filling(worker_record& r) noexcept {
        if (r.outstanding >= r.window)
            r.filled = true;
        else if (r.outstanding <= std::max(r.window / 2, r.concurrency))
            r.filled = false;
    }

    void place(Balancing& policy, std::uint32_t& count, bool& among, bool wanted, std::uint32_t w) {
        auto const& r = workers_[w];
        if (wanted && among) return policy.load_changed(w, r.load());
        if (wanted == among) return;
        among = wanted;
        if (wanted) {
            policy.joined(w, r.announced.weight, r.load());
            ++count;
        } else {
            policy.left(w);
            --count;
        }
    }

    [[nodiscard]] bool may_go_ahead(task const& t) const noexcept {
        auto const cost = names_[t.name].cost_us;
        return cost != 0 && cost < ahead_limit_us && !t.at_most_once;
    }
    [[nodiscard]] bool has_place(worker_class const& c, task const& t) const noexcept {
        return c.idle_count > 0 || (c.ahead_count > 0 && may_go_ahead(t));
    }
    /// The first of all tasks that are first in their class and have a place there.
    [[nodiscard]] lane_head best_head() const noexcept {
        lane_head best;
        for (auto const& c : classes_) {
            if (!c || (c->idle_count == 0 && c->ahead_count == 0)) continue;
            for (std::size_t level = 0; level <= best.level && level < priority_count; ++level) {
                if (c->heads[level].empty()) continue;
                auto const first = names_[c->heads[level].top()].lanes[level].front();
                lane_head const candidate{level, c->heads[level].top_key(), first};
                if (has_place(*c, tasks_[first]) && candidate.before(best)) best = candidate;
                break;
            }
        }
        return best;
    }
    /// Whether nothing stands before a task in a class: also where its own class lets it go ahead, it must not overtake
    /// there.
    [[nodiscard]] static bool is_first(worker_class const& c, task const& t) noexcept {
        auto const level = index_of(t.level);
        for (std::size_t higher = 0; higher < level; ++higher) {
            if (!c.heads[higher].empty()) return false;
        }
        return !c.heads[level].empty() && c.heads[level].top() == t.name;
    }
    /// The worker for a task that has a place: an idle one before a busy one, among classes the least loaded.
    [[nodiscard]] std::uint32_t pick(task const& t) {
        auto best = none;
        bool best_is_idle = false;
        auto const key = t.key_hash == 0 ? 0 : mix(t.key_hash, 0x9e3779b97f4a7c15U);  // in all its bits
        for (auto const c : names_[t.name].classes) {
            auto& in = *classes_[c];
            if (!has_place(in, t) || !is_first(in, t)) continue;
            bool const idle = in.idle_count > 0;
            if (best != none && best_is_idle && !idle) continue;
            auto const w = idle ? in.idle.pick(key) : in.ahead.pick(key);
            if (best == none || (idle && !best_is_idle) || workers_[w].load() < workers_[best].load()) {
                best = w;
                best_is_idle = idle;
            }
        }
        return best;
    }

    slab<task>& tasks_;
    slab<worker_record, 16>& workers_;
    std::uint64_t seed_;
    name_table names_;
    std::vector<std::unique_ptr<worker_class>> classes_;
    std::map<class_key, std::uint32_t> by_names_;
    std::vector<bool> serving_;
    std::array<bool, priority_count> paused_{};
    std::uint32_t waiting_ = 0;
};

}  // namespace fastqueue::core
