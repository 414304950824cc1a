#pragma once

#include <fastqueue/core/deadlines.hpp>
#include <fastqueue/core/schedule.hpp>
#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/time.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// All schedules, by name and by the time at which they fire. A tick costs what is due. One thread at a time.
class schedule_table {
public:
    [[nodiscard]] std::uint32_t find(std::string_view name) const noexcept {
        auto const at = names_.find(name);
        return at == names_.end() ? none : at->second;
    }
    [[nodiscard]] schedule& operator[](std::uint32_t slot) noexcept { return pool_[slot]; }
    [[nodiscard]] schedule const& operator[](std::uint32_t slot) const noexcept { return pool_[slot]; }
    [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }

    /// Adds one under a name that none has. \return its slot
    std::uint32_t add(schedule&& made) {
        auto const slot = pool_.take();
        octets_ += octets_of(made);
        pool_[slot] = std::move(made);
        names_.emplace(pool_[slot].name, slot);
        arm(slot);
        return slot;
    }
    /// Takes one that a store kept. Of two with one name the later one counts.
    void restore(schedule&& kept) {
        auto const known = find(kept.name);
        if (known != none && pool_[known].revision > kept.revision) return outdated_.push_back(kept.text());
        if (known != none) {
            outdated_.push_back(pool_[known].text());
            erase(known);
        }
        add(std::move(kept));
    }
    /// Texts that the store still has and need not have.
    [[nodiscard]] std::vector<std::string> take_outdated() { return std::exchange(outdated_, {}); }
    void erase(std::uint32_t slot) {
        names_.erase(names_.find(pool_[slot].name));
        octets_ -= octets_of(pool_[slot]);
        due_.clear(slot);
        pool_[slot] = {};
        pool_.give(slot);
    }
    /// It is another one from now on, under the same name.
    void change(std::uint32_t slot, schedule&& made) {
        octets_ += octets_of(made) - octets_of(pool_[slot]);
        pool_[slot] = std::move(made);
        arm(slot);
    }
    /// Of their arguments and definitions.
    [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }
    /// Its next firing, or its pause, has changed.
    void arm(std::uint32_t slot) {
        auto const& d = pool_[slot];
        if (d.paused || d.next_us == 0)
            due_.clear(slot);
        else
            due_.set(slot, from_epoch_us(d.next_us));
    }
    /// It is due, and could not fire: it is due again then.
    void postpone(std::uint32_t slot, wall_instant until) { due_.set(slot, until); }
    /// One that is due, taken out; empty when there is none.
    [[nodiscard]] std::optional<std::uint32_t> pop(wall_instant now) noexcept { return due_.pop(now); }
    [[nodiscard]] instant next_deadline(clock_reading const& now) const noexcept { return due_.next(now); }
    /// Calls `f(slot)` for each, by name, until it returns false.
    template <class F>
    void each(F&& f) const {
        for (auto const& [name, slot] : names_) {
            if (!f(slot)) return;
        }
    }

private:
    [[nodiscard]] static std::uint64_t octets_of(schedule const& d) noexcept {
        return d.arguments.size() + d.definition.size();
    }

    slab<schedule, 64> pool_;
    std::map<std::string, std::uint32_t, std::less<>> names_;
    wall_deadlines due_;
    std::vector<std::string> outdated_;
    std::uint64_t octets_ = 0;
};

}  // namespace fastqueue::core
