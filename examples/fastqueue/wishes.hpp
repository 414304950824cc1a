#pragma once

#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/tasks/invocation.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace fastqueue::cli {

/// Which task shall run and how, as options or a line of a file say.
struct task_wishes {
    std::string name;
    std::optional<priority> level;
    std::optional<std::chrono::milliseconds> countdown;
    std::optional<std::chrono::milliseconds> limit;  ///< of one attempt
    std::uint32_t retries = 0;
    task_id id;  ///< empty: a new one

    [[nodiscard]] invocation<void> made(std::string arguments) const {
        invocation<void> task{name, std::move(arguments)};
        task.retries(retries);
        if (!id.empty()) task.id(id);
        if (level) task.at(*level);
        if (countdown) task.countdown(*countdown);
        if (limit) task.timeout(*limit);
        return task;
    }
};

}  // namespace fastqueue::cli
