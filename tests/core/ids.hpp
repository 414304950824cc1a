#pragma once

#include <fastqueue/model/task_id.hpp>

#include <cstdint>
#include <string>

namespace core_test {

/// An id for each number. The octet below `n` bears the variant.
inline fastqueue::uuid id(std::uint64_t n) { return fastqueue::uuid::make_v7({}, 0, n << 8U); }
inline std::string text(std::uint64_t n) { return id(n).text(); }

}  // namespace core_test
