#pragma once

#include <fastqueue/policy/observer.hpp>

namespace fastqueue::observer {

/// Watches nothing and costs nothing. The default.
class none {
public:
    void on(policy::task_event const&) noexcept {}
    void on(policy::worker_event const&) noexcept {}
    void on(policy::notice_event const&) noexcept {}
};

static_assert(policy::observer<none>);

}  // namespace fastqueue::observer
