#pragma once

#include <fastqueue/observer/log.hpp>
#include <fastqueue/policy/observer.hpp>

#include <spdlog/spdlog.h>

#include <memory>
#include <string_view>
#include <utility>

namespace fastqueue::observer {

/// Writes the lines of `observer::log` to a logger of spdlog's: what happens to tasks as `debug`, a task that failed or has no
/// worker any more as `warn`; workers that join and leave as `info`, the others and notices as `warn`. What the logger's level
/// leaves out is not even formatted. Link `fastqueue::spdlog`. One thread at a time; the logger may be anybody's besides.
class spdlog {
public:
    /// Says nothing.
    spdlog() = default;
    /// \param logger  must not block: an asynchronous one, or a sink that is quick
    explicit spdlog(std::shared_ptr<::spdlog::logger> logger)
        : target_{logger ? std::make_shared<target>(target{std::move(logger)}) : nullptr},
          lines_{[to = target_](std::string_view line) { to->logger->log(to->as, line); }} {}

    void on(policy::task_event const& event) noexcept {
        bool const bad = event.state == task_state::failure || event.state == task_state::retrying;
        write(bad ? level::warn : level::debug, event);
    }
    void on(policy::worker_event const& event) noexcept {
        using enum policy::worker_change;
        bool const usual = event.change == joined || event.change == left;
        write(usual ? level::info : level::warn, event);
    }
    void on(policy::notice_event const& event) noexcept { write(level::warn, event); }

private:
    using level = ::spdlog::level::level_enum;

    template <class Event>
    void write(level as, Event const& event) noexcept {
        if (!target_ || !target_->logger->should_log(as)) return;
        target_->as = as;
        lines_.on(event);
    }

    struct target {
        std::shared_ptr<::spdlog::logger> logger;
        level as = level::debug;  // of the line that is being written
    };
    std::shared_ptr<target> target_;  // shared with the function that writes the lines
    log lines_;
};

static_assert(policy::observer<spdlog>);

}  // namespace fastqueue::observer
