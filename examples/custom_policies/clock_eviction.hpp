#pragma once

#include <fastqueue/fastqueue.hpp>

#include <cstdint>
#include <vector>

/// Which result leaves a full cache: the hand goes round, passes those that were used since it was there last, and takes the
/// first that was not.
class clock_eviction {
public:
    explicit clock_eviction(fastqueue::policy::slot capacity) : slots_(capacity) {}

    void inserted(fastqueue::policy::slot s, std::uint64_t) noexcept { slots_[s] = {true, false}; }
    void used(fastqueue::policy::slot s) noexcept { slots_[s].used = true; }
    void erased(fastqueue::policy::slot s) noexcept { slots_[s].here = false; }
    fastqueue::policy::slot victim() noexcept {
        while (true) {
            auto& under_hand = slots_[hand_];
            if (under_hand.here && !under_hand.used) return hand_;
            under_hand.used = false;
            hand_ = (hand_ + 1) % static_cast<fastqueue::policy::slot>(slots_.size());
        }
    }

private:
    struct slot {
        bool here = false;
        bool used = false;
    };
    std::vector<slot> slots_;
    fastqueue::policy::slot hand_ = 0;
};
