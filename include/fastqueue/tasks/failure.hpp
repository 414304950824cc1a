#pragma once

#include <stdexcept>

namespace fastqueue {

/// Thrown by a handler that knows that trying again is useless: the task ends in `failure` with this text, whatever
/// retries it has left.
class permanent_failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Thrown by a handler that was asked to stop and did: the attempt ends as cancelled, not as failed.
class task_cancelled : public std::runtime_error {
public:
    task_cancelled() : std::runtime_error{"the handler stopped because it was asked to"} {}
    using std::runtime_error::runtime_error;
};

}  // namespace fastqueue
