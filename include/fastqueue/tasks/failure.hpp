#pragma once

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

namespace fastqueue {

/// Thrown by a handler that knows that trying again is useless: the task ends in `failure` with this text, whatever
/// retries it has left.
class permanent_failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Thrown by a handler that knows when trying again is worth while: the attempt has failed with this text, and the next one, if
/// the task has retries left, begins after this wait in place of the task's own delay.
class retry_after : public std::runtime_error {
public:
    /// \param wait  from the attempt's end; below 0 is 0
    retry_after(std::chrono::milliseconds wait, std::string const& what)
        : std::runtime_error{what}, wait_{std::max(wait, std::chrono::milliseconds{})} {}

    [[nodiscard]] std::chrono::milliseconds wait() const noexcept { return wait_; }

private:
    std::chrono::milliseconds wait_;
};

/// Thrown by a handler that was asked to stop and did: the attempt ends as cancelled, not as failed.
class task_cancelled : public std::runtime_error {
public:
    task_cancelled() : std::runtime_error{"the handler stopped because it was asked to"} {}
    using std::runtime_error::runtime_error;
};

}  // namespace fastqueue
