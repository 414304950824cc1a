#pragma once

#include <cstddef>
#include <cstdint>

namespace zmtp_fuzz {

/// Gives `data` to a connection in three different cuts and checks: memory within the limits, only whole and
/// legal messages, the same result for each cut.
/// \return how many messages were delivered
/// \throws std::logic_error  an invariant is broken
int fuzz_one(std::uint8_t const* data, std::size_t size);

}  // namespace zmtp_fuzz
