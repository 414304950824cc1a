#pragma once

#include <cstddef>
#include <cstdint>

namespace cron_fuzz {

/// Reads `data` as a cron expression and checks: what is refused is refused by a short printable sentence, what is accepted has a
/// next time, which matches and comes after, and so on.
/// \return whether it is an expression
/// \throws std::logic_error  an invariant is broken
bool fuzz_one(std::uint8_t const* data, std::size_t size);

}  // namespace cron_fuzz
