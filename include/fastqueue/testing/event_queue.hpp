#pragma once

#include <fastqueue/model/time.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace fastqueue::testing {

/// What is going to happen, by time, and at one moment in the order in which it was decided.
/// \tparam Owner  whom an event concerns
template <class Owner>
class event_queue {
public:
    struct event {
        instant at;
        std::uint64_t sequence;
        Owner owner;
        std::function<void()> run;
    };

    void push(instant at, Owner owner, std::function<void()> run) {
        events_.push_back({at, next_++, owner, std::move(run)});
        std::push_heap(events_.begin(), events_.end(), later);
    }
    [[nodiscard]] bool empty() const noexcept { return events_.empty(); }
    [[nodiscard]] event const& top() const noexcept { return events_.front(); }
    [[nodiscard]] event pop() {
        std::pop_heap(events_.begin(), events_.end(), later);
        auto first = std::move(events_.back());
        events_.pop_back();
        return first;
    }

private:
    [[nodiscard]] static bool later(event const& a, event const& b) noexcept {
        return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }

    std::vector<event> events_;
    std::uint64_t next_ = 0;
};

}  // namespace fastqueue::testing
