#pragma once

#include "policies.hpp"

#include <fastqueue/executor/process.hpp>
#include <fastqueue/policies.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <utility>

namespace fastqueue::cli {

/// Whether the bundle leaves it to the start of a role where handlers run.
inline constexpr bool executor_is_chosen =
    std::constructible_from<cli_policies::executor_policy, std::unique_ptr<executor::process>>;

/// Makes an executor for handlers in processes of their own, where that is wanted; else nothing: the role makes the usual one.
template <class Policies>
[[nodiscard]] typename policy_instances<Policies>::executor_maker executor_maker(bool in_processes) {
    if constexpr (executor_is_chosen) {
        if (!in_processes) return {};
        return [](policy::executor_options options, std::function<void()> wake) {
            return std::make_unique<cli_policies::executor_policy>(
                std::make_unique<executor::process>(std::move(options), std::move(wake)));
        };
    }
    return {};
}

}  // namespace fastqueue::cli
