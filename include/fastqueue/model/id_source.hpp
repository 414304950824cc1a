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
        std::uint64_t parts[2];
        std::memcpy(parts, &pool_[used_], sizeof parts);
        std::memset(&pool_[used_], 0, sizeof parts);  // an id that was given out cannot be found here again
        used_ += sizeof parts;
        return task_id::make_v7(now, parts[0], parts[1]);
    }

private:
    void refill() {
        random_bytes(pool_.data(), pool_.size());
        used_ = 0;
    }

    std::array<std::uint8_t, 2048> pool_;
    std::size_t used_ = pool_.size();
};

}  // namespace fastqueue
