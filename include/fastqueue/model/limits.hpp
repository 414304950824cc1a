#pragma once

#include <cstdint>

namespace fastqueue {

/// What a control plane takes, stated to its peers in `nodes` and `hello`. Everything that could grow has a
/// number here.
struct limits {
    std::uint32_t max_header = 4096;             ///< octets of one header line
    std::uint32_t max_payload = 16U << 20U;      ///< octets of one payload
    std::uint32_t max_message = 64U << 20U;      ///< octets of one message, all frames together
    std::uint32_t max_pairs = 65'536;            ///< pairs of one message
    std::uint64_t max_tasks = 1'000'000;         ///< tasks that have not ended
    std::uint64_t max_task_bytes = 1ULL << 30U;  ///< octets of the arguments of tasks that have not ended
    std::uint32_t max_outstanding = 65'536;      ///< `call`, `wait` and `watch` unanswered on one connection
    std::uint32_t max_workers = 4096;            ///< registered at once
    std::uint32_t max_task_names = 65'536;       ///< different names ever registered or waited for
    std::uint32_t max_names_a_worker = 4096;     ///< tasks that one worker may announce
    std::uint32_t max_schedules = 100'000;       ///< periodic tasks
};

inline constexpr std::uint32_t max_progress_octets = 4096;  ///< of what a handler tells of its progress

}  // namespace fastqueue
