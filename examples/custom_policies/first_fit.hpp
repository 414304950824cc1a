#pragma once

#include <fastqueue/fastqueue.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

/// Which worker gets a task: the first that has room. Those that came last have nothing to do at quiet times, and can be
/// switched off. It looks at all of them: for tens of workers, not for thousands.
class first_fit {
public:
    explicit first_fit(std::uint64_t) noexcept {}

    void joined(fastqueue::policy::worker_slot w, std::uint32_t, fastqueue::policy::load) {
        if (w >= has_room_.size()) has_room_.resize(w + std::size_t{1});
        has_room_[w] = true;
    }
    void left(fastqueue::policy::worker_slot w) noexcept { has_room_[w] = false; }
    void load_changed(fastqueue::policy::worker_slot, fastqueue::policy::load) noexcept {}
    fastqueue::policy::worker_slot pick(std::uint64_t) noexcept {
        auto const first = std::find(has_room_.begin(), has_room_.end(), true);
        return static_cast<fastqueue::policy::worker_slot>(first - has_room_.begin());
    }

private:
    std::vector<bool> has_room_;
};
