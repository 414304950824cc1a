#pragma once

#include "log_record.hpp"
#include "policies.hpp"
#include "store_option.hpp"
#include "worker_log.hpp"

#include <fastqueue/json/writer.hpp>
#include <fastqueue/observer/log.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::cli {

/// An observer policy: tells an operator of workers that come and go, and of what is odd; of each task only at debug.
class plane_narrator {
public:
    plane_narrator() = default;  // says nothing
    /// \param log    must outlive it
    /// \param local  the control plane's own worker, of which nobody needs to be told
    plane_narrator(worker_log& log, std::string local)
        : log_{&log},
          local_{std::move(local)},
          line_{std::make_shared<std::string>()},
          words_{[line = line_](std::string_view text) { *line += text; }} {}

    void on(policy::task_event const& e) noexcept {
        if (log_ == nullptr || !log_->wants(log_level::debug)) return;
        write(log_level::debug, "task", e, [&](json::writer& w) {
            w.key("task").value(e.id.text()).key("name").value(e.name).key("state").value(name_of(e.state));
            if (e.attempt > 0) w.key("attempt").value(e.attempt);
            if (!e.worker.empty()) w.key("worker").value(e.worker);
        });
    }
    void on(policy::worker_event const& e) noexcept {
        if (log_ == nullptr || e.worker == local_) return;
        bool const wanted =
            e.change == policy::worker_change::joined || e.change == policy::worker_change::left;
        write(wanted ? log_level::info : log_level::warning, "worker", e, [&](json::writer& w) {
            w.key("worker")
                .value(e.worker)
                .key("change")
                .value(name_of(e.change))
                .key("reason")
                .value(e.reason);
        });
    }
    void on(policy::notice_event const& e) noexcept {
        if (log_ == nullptr) return;
        write(log_level::warning, "notice", e,
              [&](json::writer& w) { w.key("code").value(name_of(e.code)); });
    }

private:
    template <class Event, class Fields>
    void write(log_level level, std::string_view kind, Event const& event, Fields const& fields) noexcept {
        *line_ = kind == "worker" && !log_->plain() ? "sub" : "";  // short: allocates nothing
        auto const begun = line_->size();
        words_.on(event);
        if (line_->size() > begun)
            log_->tell(level, kind, *line_, fields);  // else one too many in this second
    }

    worker_log* log_ = nullptr;
    std::string local_;
    std::shared_ptr<std::string> line_;  // where `words_` puts its text, wherever this is moved to
    observer::log words_;
};

/// An observer policy: tells whether a subworker has its control plane.
class subworker_narrator {
public:
    subworker_narrator() = default;  // says nothing
    /// \param log  must outlive it
    subworker_narrator(worker_log& log, std::string control_plane)
        : log_{&log}, control_plane_{std::move(control_plane)} {}

    void on(policy::task_event const&) noexcept {}
    void on(policy::worker_event const& event) noexcept {
        if (log_ == nullptr) return;
        bool const joined = event.change == policy::worker_change::joined;
        try {
            auto const text = joined ? "registered with the control plane " + control_plane_
                                     : "lost the control plane " + control_plane_ + "; waiting for it";
            log_->tell(joined ? log_level::info : log_level::warning, joined ? "registered" : "lost", text,
                       [this](json::writer& w) { w.key("control_plane").value(control_plane_); });
        } catch (...) {  // no memory for a line: work goes on
        }
    }
    void on(policy::notice_event const& event) noexcept {
        if (log_ == nullptr) return;
        try {
            log_->tell(log_level::warning, "notice", std::string{event.text},
                       [&](json::writer& w) { w.key("code").value(name_of(event.code)); });
        } catch (...) {  // as above
        }
    }

private:
    worker_log* log_ = nullptr;
    std::string control_plane_;
};

struct plane_policies : cli_policies {
    using observer_policy = plane_narrator;
    using store_policy = plane_store;
};
struct subworker_policies : cli_policies {
    using observer_policy = subworker_narrator;
};

}  // namespace fastqueue::cli
