#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fastqueue {

/// Where a task stands. The last four are final: nothing leaves them.
enum class task_state : std::uint8_t {
    scheduled,  ///< waits for its time
    queued,     ///< waits for a worker
    assigned,   ///< at a worker, not begun as far as known
    running,
    retrying,  ///< failed, waits for its next attempt
    success,
    failure,
    cancelled,
    expired,  ///< its time ran out before it began
};

inline constexpr std::array<std::string_view, 9> task_state_names{
    "scheduled", "queued", "assigned", "running", "retrying", "success", "failure", "cancelled", "expired"};

[[nodiscard]] constexpr std::string_view name_of(task_state s) noexcept {
    return task_state_names[static_cast<std::size_t>(s)];
}

[[nodiscard]] constexpr std::optional<task_state> parse_task_state(std::string_view name) noexcept {
    for (std::size_t i = 0; i < task_state_names.size(); ++i) {
        if (task_state_names[i] == name) return static_cast<task_state>(i);
    }
    return std::nullopt;
}

[[nodiscard]] constexpr bool is_final(task_state s) noexcept { return s >= task_state::success; }

/// Whether a task may go from one state straight to another. The table in docs/architecture.md is this
/// function.
[[nodiscard]] constexpr bool may_become(task_state from, task_state to) noexcept {
    using enum task_state;
    switch (from) {
        case scheduled:
            return to == queued || to == cancelled || to == expired;
        case queued:
            return to == assigned || to == running || to == cancelled || to == expired || to == failure;
        case assigned:
            return to == running || to == queued || is_final(to) || to == retrying;
        case running:
            return to == queued || to == retrying || is_final(to);
        case retrying:
            return to == queued || to == cancelled || to == expired;
        default:
            return false;
    }
}

}  // namespace fastqueue
