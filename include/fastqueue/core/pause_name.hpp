#pragma once

#include <fastqueue/model/priority.hpp>

#include <string>
#include <string_view>

namespace fastqueue::core {

/// How a store keeps what an operator holds back: among the names of workers, which have no `=` in theirs.
namespace pause_name {

inline constexpr std::string_view level_key = "priority=";
inline constexpr std::string_view task_key = "name=";

[[nodiscard]] inline std::string of(priority level) {
    return std::string{level_key} + std::string{name_of(level)};
}
[[nodiscard]] inline std::string of(std::string_view task) {
    return std::string{task_key} + std::string{task};
}

/// Whether a name that was kept is no worker's but a pause's.
[[nodiscard]] inline bool is_one(std::string_view kept) noexcept { return kept.find('=') != kept.npos; }

/// Holds back in `dispatcher` what the name says, as before a restart. What it cannot read it leaves alone.
template <class Dispatcher>
void restore(std::string_view kept, Dispatcher& dispatcher) {
    auto const value = kept.substr(kept.find('=') + 1);
    if (kept.starts_with(level_key)) {
        if (auto const level = parse_priority(value)) dispatcher.pause(*level, true);
    } else if (kept.starts_with(task_key)) {
        dispatcher.pause(dispatcher.names().intern(value), true);
    }
}

}  // namespace pause_name

}  // namespace fastqueue::core
