#pragma once

#include <fastqueue/model/hash.hpp>

#include <cstdint>
#include <string_view>

namespace fastqueue::testing {

/// One number for everything that has happened so far, in its order: two runs that differ anywhere differ in
/// it.
class trace_hash {
public:
    void add(std::uint64_t word) noexcept { state_ = mix(state_ ^ word, 0x9e3779b97f4a7c15U) + word; }
    void add(std::string_view bytes) noexcept { add(hash_bytes(bytes)); }
    [[nodiscard]] std::uint64_t value() const noexcept { return state_; }

private:
    std::uint64_t state_ = 0x243f6a8885a308d3U;
};

}  // namespace fastqueue::testing
