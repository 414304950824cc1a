#pragma once

#include <fastqueue/tasks/invocation.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace fastqueue {

/// Tasks that are handed over together, in one message: all are accepted, or none is. They may be different ones. At most
/// 65536 tasks and 64 MiB. A value; one thread at a time.
class batch {
public:
    template <class R>
    batch& add(invocation<R> const& task) & {
        tasks_.emplace_back(task);
        return *this;
    }
    template <class R>
    batch&& add(invocation<R> const& task) && {
        return std::move(add(task));
    }
    void reserve(std::size_t count) { tasks_.reserve(count); }
    [[nodiscard]] std::size_t size() const noexcept { return tasks_.size(); }
    [[nodiscard]] bool empty() const noexcept { return tasks_.empty(); }
    [[nodiscard]] auto begin() const noexcept { return tasks_.begin(); }
    [[nodiscard]] auto end() const noexcept { return tasks_.end(); }

private:
    std::vector<invocation<void>> tasks_;
};

}  // namespace fastqueue
