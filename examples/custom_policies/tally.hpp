#pragma once

#include <fastqueue/fastqueue.hpp>

#include <array>
#include <cstddef>

/// Who watches: counts what happened, in numbers that its owner has. They may be read when the role has ended.
class tally {
public:
    struct numbers {
        std::array<int, fastqueue::task_state_names.size()> tasks{};
        int workers = 0;
    };

    tally() = default;
    explicit tally(numbers& into) noexcept : into_{&into} {}

    void on(fastqueue::policy::task_event const& e) noexcept {
        if (into_ != nullptr) ++into_->tasks[static_cast<std::size_t>(e.state)];
    }
    void on(fastqueue::policy::worker_event const& e) noexcept {
        if (into_ != nullptr && e.change == fastqueue::policy::worker_change::joined) ++into_->workers;
    }
    void on(fastqueue::policy::notice_event const&) noexcept {}

private:
    numbers* into_ = nullptr;
};
