#pragma once

#include <fastqueue/core/slot_list.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_options.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fastqueue::core {

/// What the control plane knows of a task's name: its four lanes, who can run it, and how long it takes.
struct name_entry {
    std::string name;
    std::array<slot_list, priority_count> lanes;  ///< tasks that wait, oldest first
    std::vector<std::uint32_t> classes;           ///< of workers that know it
    std::uint32_t able = 0;     ///< workers that know it and may get work, those of this process not counted
    std::uint32_t cost_us = 0;  ///< how long a run takes, smoothed; 0: not known yet
    std::string default_text;   ///< what its definition says of its treatment, as a header has it
    std::optional<task_options> defaults;  ///< the same, read: for tasks that do not say it themselves
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    bool known = false;   ///< a worker has announced it, once
    bool paused = false;  ///< an operator holds its tasks back

    /// Takes a run's duration into account: quickly upwards, slowly downwards, for the damage is done by a
    /// long task that was taken for a short one.
    void ran_for(std::uint64_t took_us) noexcept {
        auto const sample = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(took_us, 1, 1U << 30U));
        if (cost_us == 0)
            cost_us = sample;
        else if (sample > cost_us)
            cost_us += (sample - cost_us + 1) / 2;
        else
            cost_us -= (cost_us - sample + 7) / 8;  // or what is shorter than 8 would count as 8 for ever
    }
};

/// Gives each task name a dense number. Names are never taken out: their number is bounded by the caller.
/// One thread at a time.
class name_table {
public:
    /// The number of `name`, or `none`.
    [[nodiscard]] std::uint32_t find(std::string_view name) const noexcept {
        if (latest_ < by_number_.size() && by_number_[latest_]->name == name)
            return latest_;  // they come in runs
        auto const at = index_.find(name);
        return at == index_.end() ? none : latest_ = at->second;
    }
    std::uint32_t intern(std::string_view name) {
        if (auto const known = find(name); known != none) return known;
        auto const slot = static_cast<std::uint32_t>(entries_.size());
        auto& e = entries_.emplace_back();
        e.name = name;
        by_number_.push_back(&e);
        index_.emplace(e.name, slot);
        return slot;
    }
    [[nodiscard]] name_entry& operator[](std::uint32_t slot) noexcept { return *by_number_[slot]; }
    [[nodiscard]] name_entry const& operator[](std::uint32_t slot) const noexcept {
        return *by_number_[slot];
    }
    [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(entries_.size()); }
    [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
    [[nodiscard]] auto end() const noexcept { return entries_.end(); }

private:
    std::deque<name_entry> entries_;  // a deque: the index shows into the names
    std::vector<name_entry*> by_number_;
    std::unordered_map<std::string_view, std::uint32_t> index_;
    mutable std::uint32_t latest_ = 0;  // that was found
};

}  // namespace fastqueue::core
