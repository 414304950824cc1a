#pragma once

#include <fastqueue/eviction/ghost_list.hpp>
#include <fastqueue/eviction/slot_ring.hpp>
#include <fastqueue/policy/eviction.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace fastqueue::eviction {

/// S3-FIFO: newcomers pass through a small queue, a tenth of the cache, and only those that are used twice there get into the
/// main one; who left the small queue a while ago and comes back gets in at once. So what is never asked for again leaves
/// soon, and a scan does not wash out the rest; a use costs no more than a counter. O(1) a call on average, 24 octets a
/// slot and 32 to 64 for who left, no allocation after construction.
/// \source Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023
class s3fifo {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit s3fifo(policy::slot capacity)
        : rings_{capacity, 2},
          slots_(capacity),
          ghosts_{capacity},
          small_size_{std::max(1U, capacity / 10)} {}

    void inserted(policy::slot s, std::uint64_t hash) noexcept {
        slots_[s] = {hash, 0, ghosts_.has(hash) ? main : small};
        enter(s);
    }
    void used(policy::slot s) noexcept {
        constexpr std::uint8_t most = 3;
        if (slots_[s].uses < most) ++slots_[s].uses;
    }
    void erased(policy::slot s) noexcept { leave(s); }
    /// Moves on those that have earned it until it meets one that has not.
    [[nodiscard]] policy::slot victim() noexcept {
        while (true) {
            bool const from_small = count_[small] > 0 && (count_[small] >= small_size_ || count_[main] == 0);
            auto const s = rings_.back(from_small ? small : main);
            auto& about = slots_[s];
            if (from_small && about.uses < 2) {
                if (!ghosts_.has(about.hash)) ghosts_.add(about.hash);
                return s;
            }
            if (!from_small && about.uses == 0) return s;
            leave(s);
            about.uses = from_small ? std::uint8_t{0} : static_cast<std::uint8_t>(about.uses - 1);
            about.queue = main;
            enter(s);
        }
    }

private:
    enum queue : std::uint8_t { small, main };
    struct about_slot {
        std::uint64_t hash = 0;
        std::uint8_t uses = 0;  // since it entered its queue, as far as they count
        enum queue queue = small;
    };

    void enter(policy::slot s) noexcept {
        rings_.push_front(s, slots_[s].queue);
        ++count_[slots_[s].queue];
    }
    void leave(policy::slot s) noexcept {
        rings_.unlink(s);
        --count_[slots_[s].queue];
    }

    detail::slot_ring rings_;  // of each queue, the newest first
    std::vector<about_slot> slots_;
    detail::ghost_list ghosts_;
    std::array<policy::slot, 2> count_{};
    policy::slot small_size_;
};

static_assert(policy::eviction<s3fifo>);

}  // namespace fastqueue::eviction
