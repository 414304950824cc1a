#pragma once

#include <fastqueue/policy/store.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::testing {

/// What a simulated store has committed: it survives the store, as a disk survives a process. A value: a copy is a
/// backup. One thread at a time.
class durable_disk {
public:
    explicit durable_disk(uuid epoch = uuid::make_v4()) : epoch_{epoch} {}

    [[nodiscard]] uuid epoch() const noexcept { return epoch_; }

    /// \return what is there already, if that id is
    std::optional<policy::already_stored> put(policy::task_record const& task) {
        if (auto const at = held_.find(task.id); at != held_.end()) return at->second;
        if (auto const at = numbers_.find(task.id); at != numbers_.end()) {
            auto const& there = tasks_.at(at->second);
            return policy::already_stored{task.id, there.result ? there.result->state : task_state::queued,
                                          there.task.fingerprint};
        }
        numbers_.emplace(task.id, task.number);
        auto& kept = tasks_[task.number];
        kept = {task, {}, {}, {}, {}, {}, {}, 0, {}, {}, {}, false, 0};
        kept.name = task.name;
        kept.content = task.content;
        kept.arguments = task.arguments;
        kept.attributes = task.attributes;
        kept.last.number = task.number;
        kept.last.id = task.id;
        return std::nullopt;
    }
    void claim(policy::task_number number, std::uint32_t attempt) {
        if (auto* const kept = alive(number)) kept->claimed = attempt;
    }
    void requeue(policy::attempt_record const& attempt) {
        auto* const kept = alive(attempt.number);
        if (kept == nullptr) return;
        kept->history = attempt.history;
        kept->last = attempt;
    }
    void finish(policy::result_record const& result) {
        auto* const kept = alive(result.number);
        if (kept == nullptr) return;
        kept->value = result.value;
        kept->worker = result.worker;
        kept->history = result.history;
        kept->result = result;
        kept->has_value = true;
        kept->ended = ++ends_;
        if (!result.dead) drop_arguments(*kept);
    }
    void forget(policy::task_number number) {
        auto const at = tasks_.find(number);
        if (at == tasks_.end() || !at->second.result) return;
        at->second.value.clear();
        at->second.has_value = false;
        at->second.result->dead = false;
        drop_arguments(at->second);
    }
    void erase(policy::task_number number) {
        auto const at = tasks_.find(number);
        if (at == tasks_.end() || !at->second.result) return;
        numbers_.erase(at->second.task.id);
        tasks_.erase(at);
    }
    void member(std::string const& name, bool there) {
        if (there) {
            members_.insert(name);
        } else {
            members_.erase(name);
        }
    }
    /// Another control plane has stored this: a `put` with that id finds it taken.
    void hold(policy::already_stored const& task) { held_[task.id] = task; }

    [[nodiscard]] bool knows(task_id const& id) const { return numbers_.contains(id); }
    /// Whether that task is there and has ended.
    [[nodiscard]] bool has_ended(task_id const& id) const {
        auto const at = numbers_.find(id);
        return at != numbers_.end() && tasks_.at(at->second).result.has_value();
    }
    /// Of a task that has not ended; else none.
    [[nodiscard]] std::string arguments(policy::task_number number) const {
        auto const at = tasks_.find(number);
        return at == tasks_.end() || at->second.result ? std::string{} : at->second.arguments;
    }

    /// As `policy::durable_store` has it.
    void restore(policy::restore_sink& sink, std::uint64_t octets) const {
        for (auto const& name : members_) sink.member(name);
        bool leaving = false;
        std::map<std::uint64_t, record const*> ended;
        for (auto const& [number, k] : tasks_) {
            if (k.result) {
                ended.emplace(k.ended, &k);
                continue;
            }
            leaving = leaving || k.arguments.size() > octets;
            if (!leaving) octets -= k.arguments.size();
            sink.task(as_task(k, leaving && !k.arguments.empty()));
        }
        for (auto const& [order, k] : ended) sink.end(as_end(*k));
    }

private:
    struct record {
        policy::task_record task;  // its views and those below are set when it is told
        std::string name;
        std::string content;
        std::string arguments;
        std::string attributes;
        policy::attempt_record last;
        std::string history;
        std::uint32_t claimed = 0;
        std::optional<policy::result_record> result;
        std::string value;
        std::string worker;
        bool has_value = false;
        std::uint64_t ended = 0;
    };

    record* alive(policy::task_number number) {
        auto const at = tasks_.find(number);
        return at == tasks_.end() || at->second.result ? nullptr : &at->second;
    }
    static void drop_arguments(record& k) {
        k.arguments.clear();
        k.task.options = {};
    }
    static policy::task_record task_of(record const& k) {
        auto task = k.task;
        task.name = k.name;
        task.content = k.content;
        task.arguments = k.arguments;
        task.attributes = k.attributes;
        return task;
    }
    static policy::stored_task as_task(record const& k, bool left) {
        policy::stored_task stored{task_of(k), k.arguments.size(), left, k.last, k.claimed};
        if (left) stored.task.arguments = {};
        stored.last.history = k.history;
        return stored;
    }
    static policy::stored_end as_end(record const& k) {
        policy::stored_end stored{task_of(k), *k.result, k.has_value};
        stored.result.value = k.value;
        stored.result.worker = k.worker;
        stored.result.history = k.history;
        return stored;
    }

    uuid epoch_;
    std::map<policy::task_number, record> tasks_;
    std::map<task_id, policy::task_number> numbers_;
    std::map<task_id, policy::already_stored> held_;
    std::set<std::string> members_;
    std::uint64_t ends_ = 0;
};

}  // namespace fastqueue::testing
