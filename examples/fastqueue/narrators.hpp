#pragma once

#include "output.hpp"

#include <fastqueue/observer/log.hpp>
#include <fastqueue/policies.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::cli {

/// An observer policy: tells an operator of workers that come and go, and of what is odd; not of each task.
class plane_narrator {
public:
    plane_narrator() = default;  // says nothing
    /// \param local  the control plane's own worker, of which nobody needs to be told
    explicit plane_narrator(std::string local)
        : local_{std::move(local)}, log_{[](std::string_view line) { say(std::string{line}); }} {}

    void on(policy::task_event const&) noexcept {}
    void on(policy::worker_event const& event) noexcept {
        if (event.worker != local_) log_.on(event);
    }
    void on(policy::notice_event const& event) noexcept { log_.on(event); }

private:
    std::string local_;
    observer::log log_;
};

/// An observer policy: tells whether a subworker has its control plane.
class subworker_narrator {
public:
    subworker_narrator() = default;  // says nothing
    explicit subworker_narrator(std::string control_plane) : control_plane_{std::move(control_plane)} {}

    void on(policy::task_event const&) noexcept {}
    void on(policy::worker_event const& event) noexcept {
        if (control_plane_.empty()) return;
        bool const joined = event.change == policy::worker_change::joined;
        try {
            say(joined ? "registered with the control plane " + control_plane_
                       : "lost the control plane " + control_plane_ + "; waiting for it");
        } catch (...) {  // no memory for a line: work goes on
        }
    }
    void on(policy::notice_event const&) noexcept {}

private:
    std::string control_plane_;
};

struct plane_policies : default_policies {
    using observer_policy = plane_narrator;
};
struct subworker_policies : default_policies {
    using observer_policy = subworker_narrator;
};

}  // namespace fastqueue::cli
