#pragma once

#include <fastqueue/model/error.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace fastqueue::wire {

/// Every verb that some port serves, whoever listens there.
inline constexpr std::array<std::string_view, 36> verbs{
    "submit",     "call",  "get",    "wait",     "watch",  "cancel",   "forget",    "register",   "heartbeat",
    "unregister", "run",   "began",  "progress", "done",   "recall",   "hello",     "discover",   "workers",
    "queues",     "stats", "tasks",  "health",   "names",  "inspect",  "why",       "drain",      "dead",
    "rerun",      "purge", "backup", "pause",    "resume", "schedule", "schedules", "unschedule", "trigger"};

/// What a peer is told whose verb is not served where it was sent: it exists elsewhere, or nowhere.
[[nodiscard]] constexpr errc misplaced(std::string_view verb) noexcept {
    return std::ranges::find(verbs, verb) != verbs.end() ? errc::wrong_port : errc::unknown_verb;
}

}  // namespace fastqueue::wire
