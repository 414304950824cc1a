#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_options.hpp>
#include <fastqueue/policy/store.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

namespace fastqueue::core {

/// A task that ended in `failure`, kept with all that is needed to see why and to run it again.
struct dead_letter {
    policy::task_number number = 0;
    task_id id;
    std::string name;
    std::string content;  ///< of the arguments; empty: json
    std::string arguments;
    std::string attributes;
    task_options options;
    priority level = priority::normal;
    std::uint64_t submitted_us = 0;
    std::uint64_t finished_us = 0;
    std::uint32_t attempt = 0;
    errc code{};
    std::string text;     ///< what was said last
    std::string worker;   ///< of the last attempt
    std::string history;  ///< of all attempts: see trouble_log
    bool left = false;    ///< its arguments are still to come from the store
};

/// The dead letters: so many and so many octets; the oldest leave first. One thread at a time.
class dead_letters {
public:
    struct limits {
        std::size_t count = 10'000;
        std::uint64_t octets = 64ULL << 20U;
    };
    explicit dead_letters(limits limit) : limit_{limit} {}

    /// Adds one. `gone(number)` is called for each that has to leave for it, perhaps itself.
    template <class Gone>
    void add(dead_letter letter, Gone&& gone) {
        octets_ += octets_of(letter);
        auto const id = letter.id;
        order_.push_back(id);
        if (letter.left) incomplete_.emplace(letter.number, id);
        letters_.insert_or_assign(id, std::move(letter));
        while (!order_.empty() && (letters_.size() > limit_.count || octets_ > limit_.octets)) {
            auto const oldest = letters_.find(order_.front());
            order_.pop_front();
            if (oldest == letters_.end()) continue;  // it was taken out since
            gone(oldest->second.number);
            drop(oldest);
        }
    }
    [[nodiscard]] dead_letter const* find(task_id const& id) const noexcept {
        auto const at = letters_.find(id);
        return at == letters_.end() ? nullptr : &at->second;
    }
    /// The arguments of one that was added without them have come.
    void complete(policy::task_number number, std::string const& arguments) {
        auto const known = incomplete_.find(number);
        if (known == incomplete_.end()) return;
        auto const at = letters_.find(known->second);
        incomplete_.erase(known);
        if (at == letters_.end()) return;
        octets_ += arguments.size();
        at->second.arguments = arguments;
        at->second.left = false;
    }
    /// Drops one, if it is there.
    void erase(task_id const& id) noexcept {
        auto const at = letters_.find(id);
        if (at == letters_.end()) return;
        drop(at);
        constexpr std::size_t few = 64;  // of those that have left are no trouble
        if (order_.size() > 2 * letters_.size() + few)
            std::erase_if(order_, [this](task_id const& gone) { return !letters_.contains(gone); });
    }
    /// Drops the one that has been there longest, if that is its number.
    void erase_oldest(policy::task_number number) noexcept {
        while (!order_.empty()) {
            auto const oldest = letters_.find(order_.front());
            if (oldest != letters_.end() && oldest->second.number != number) return;
            order_.pop_front();
            if (oldest == letters_.end()) continue;  // it was taken out since
            return drop(oldest);
        }
    }
    /// Calls `f(letter)` for each, the latest first, until it returns false.
    template <class F>
    void each(F&& f) const {
        for (auto id = order_.rbegin(); id != order_.rend(); ++id) {
            auto const at = letters_.find(*id);
            if (at != letters_.end() && !f(at->second)) return;
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return letters_.size(); }

private:
    using letter_map = std::map<task_id, dead_letter>;

    static std::uint64_t octets_of(dead_letter const& l) noexcept {
        return sizeof l + l.arguments.size() + l.text.size() + l.history.size() + l.name.size() +
               l.attributes.size();
    }
    void drop(letter_map::iterator at) noexcept {
        octets_ -= octets_of(at->second);
        letters_.erase(at);
    }

    limits limit_;
    letter_map letters_;
    std::deque<task_id> order_;  // of their ends; may name some that have left
    std::unordered_map<policy::task_number, task_id> incomplete_;  // may name such, too
    std::uint64_t octets_ = 0;
};

}  // namespace fastqueue::core
