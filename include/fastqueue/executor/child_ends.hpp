#pragma once

#include <fastqueue/executor/descriptor_pairs.hpp>

#include <array>
#include <cstddef>
#include <utility>

namespace fastqueue::executor::detail {

/// What a child talks through.
struct child_ends {
    static constexpr std::size_t count = 3;
    using list = std::array<int, count>;

    descriptor jobs;    ///< requests come, answers go
    descriptor stops;   ///< the numbers of jobs that should stop come
    descriptor errors;  ///< its stderr

    child_ends() = default;
    child_ends(descriptor j, descriptor s, descriptor e) noexcept
        : jobs{std::move(j)}, stops{std::move(s)}, errors{std::move(e)} {}
    explicit child_ends(list const& fds) noexcept : jobs{fds[0]}, stops{fds[1]}, errors{fds[2]} {}
    [[nodiscard]] list numbers() const noexcept { return {jobs.get(), stops.get(), errors.get()}; }
};

}  // namespace fastqueue::executor::detail
