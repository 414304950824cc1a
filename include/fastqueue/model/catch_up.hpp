#pragma once

#include <cstdint>

namespace fastqueue {

/// What becomes of a periodic task's firings that were missed, since the control plane was down or stood still: those that are
/// followed by another one that is due, and one that is more than ten seconds late.
enum class catch_up : std::uint8_t {
    one,   ///< the latest of them is made up for
    none,  ///< they are passed over
    all,   ///< each is made up for
};

}  // namespace fastqueue
