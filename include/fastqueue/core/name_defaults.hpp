#pragma once

#include <fastqueue/model/task_options.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace fastqueue::core::name_defaults {

/// How tasks of a name are treated that do not say it themselves, from what its definition says, as a header has it. \return empty:
/// it says nothing, or nothing that can be read
[[nodiscard]] inline std::optional<task_options> read(std::string_view text) {
    if (text.empty()) return std::nullopt;
    auto const all = wire::read_options(text);
    if (!all) return std::nullopt;
    task_options said;  // only what a definition may say
    said.retries = all->retries;
    said.retry_delay_ms = all->retry_delay_ms;
    said.retry_backoff = all->retry_backoff;
    said.retry_max_ms = all->retry_max_ms;
    said.retry_jitter = all->retry_jitter;
    said.soft_timeout_ms = all->soft_timeout_ms;
    said.timeout_ms = all->timeout_ms;
    return said;
}

inline constexpr std::string_view stored_key = "defaults=";

/// As a store keeps it, among the names of workers.
[[nodiscard]] inline std::string kept(std::string_view name, std::string_view text) {
    return std::string{stored_key}.append(name).append(1, ' ').append(text);
}

}  // namespace fastqueue::core::name_defaults
