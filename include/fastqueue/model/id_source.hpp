#pragma once

#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fastqueue {

/// Makes ids of version 7 from random bits that it fetches for many at once, since asking the system for them each time
/// costs as much as all else that a client does for a small task. One thread at a time. A child after `fork` would make
/// its parent's ids: it must have a source of its own.
class id_source {
public:
    /// \throws error if the system has no random numbers to give
    [[nodiscard]] task_id next(wall_instant now) {
        if (used_ == pool_.size()) refill();
        std::uint16_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, &pool_[used_], sizeof high);
        std::memcpy(&low, &pool_[used_ + sizeof high], sizeof low);
        std::memset(&pool_[used_], 0, id_octets);  // an id that was given out cannot be found here again
        used_ += id_octets;
        return task_id::make_v7(now, high, low);
    }

private:
    void refill() {
        random_bytes(pool_.data(), pool_.size());
        used_ = 0;
    }

    static constexpr std::size_t id_octets = 10;  // the rest of an id is its time

    std::array<std::uint8_t, 200 * id_octets> pool_;
    std::size_t used_ = pool_.size();
};

}  // namespace fastqueue
