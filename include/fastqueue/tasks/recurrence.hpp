#pragma once

#include <fastqueue/model/catch_up.hpp>
#include <fastqueue/model/cron_expression.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/tasks/invocation.hpp>
#include <fastqueue/tasks/task_tokens.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue {

/// When a periodic task is submitted: made by `every` or `cron`, and refined fluently. Each function throws error (bad_option) for a
/// value out of its range. A value; one thread at a time.
class recurrence {
public:
    /// Not before this time. An interval is counted from it; without it, from when the schedule is made.
    template <class Duration>
    recurrence& starting(std::chrono::sys_time<Duration> when) & {
        return add(" start_us=", detail::epoch_us("starting", when));
    }
    template <class Duration>
    recurrence&& starting(std::chrono::sys_time<Duration> when) && {
        return std::move(starting(when));
    }
    /// Not after this time.
    template <class Duration>
    recurrence& until(std::chrono::sys_time<Duration> when) & {
        return add(" until_us=", detail::epoch_us("until", when));
    }
    template <class Duration>
    recurrence&& until(std::chrono::sys_time<Duration> when) && {
        return std::move(until(when));
    }
    /// So many times, 1 and up.
    recurrence& times(std::uint64_t count) & {
        if (count == 0 || count > detail::max_wire_number) detail::bad_option("times", "a number from 1");
        return add(" count=", count);
    }
    recurrence&& times(std::uint64_t count) && { return std::move(times(count)); }
    /// Also while the task of the last firing has not ended. Without it such a firing is skipped.
    recurrence& overlapping() & {
        tokens_ += " overlap=allow";
        return *this;
    }
    recurrence&& overlapping() && { return std::move(overlapping()); }
    /// What becomes of missed firings (`catch_up::one`).
    recurrence& missed(catch_up what) & {
        static constexpr std::string_view names[] = {"one", "none", "all"};
        tokens_.append(" catch_up=").append(names[static_cast<std::size_t>(what)]);
        return *this;
    }
    recurrence&& missed(catch_up what) && { return std::move(missed(what)); }

    /// As FQ1 has it, with a space before each.
    [[nodiscard]] std::string const& tokens() const noexcept { return tokens_; }

private:
    explicit recurrence(std::string tokens) : tokens_{std::move(tokens)} {}
    recurrence& add(std::string_view key, std::uint64_t value) {
        tokens_.append(key).append(std::to_string(value));
        return *this;
    }
    template <class Rep, class Period>
    friend recurrence every(std::chrono::duration<Rep, Period> interval);
    friend recurrence cron(std::string_view expression, std::string_view zone);

    std::string tokens_;
};

/// Again and again after this interval, to the millisecond: at least 1 ms, at most a year.
/// \throws error (bad_option)
template <class Rep, class Period>
[[nodiscard]] recurrence every(std::chrono::duration<Rep, Period> interval) {
    auto const ms = detail::time_limit_ms("every", interval);
    if (ms > 31'536'000'000) detail::bad_option("every", "at most a year");
    return recurrence{" every_ms=" + std::to_string(ms)};
}

/// At the times that a crontab's five fields say (see cron_expression), by the clock of a time zone: `UTC`, an offset such as
/// `+02:00`, or a name such as `Europe/Berlin`, where the control plane knows them: its time_zone_policy decides.
/// \throws error (bad_option) that says which field is wrong
[[nodiscard]] inline recurrence cron(std::string_view expression, std::string_view zone = "UTC") {
    std::string why;
    if (!cron_expression::parse(expression, why)) detail::bad_option("cron", why);
    if (!detail::is_wire_token(zone))
        detail::bad_option("cron", "a zone has 1 to 255 characters without spaces");
    std::string text{expression};
    std::ranges::replace_if(
        text, [](char c) { return c == ' ' || c == '\t'; }, '_');
    return recurrence{" cron=" + text + " zone=" + std::string{zone}};
}

/// A periodic task as its worker or its program declares it.
struct declared_schedule {
    std::string tokens;  ///< behind the verb `schedule`, with a space before each: names, times, options
    std::string arguments;
};

/// \throws error (bad_name) for a name that cannot be one
template <class R>
[[nodiscard]] declared_schedule declare_schedule(std::string_view name, recurrence const& when,
                                                 invocation<R> const& task) {
    if (!is_valid_name(name))
        throw error{errc::bad_name, "a schedule's name is 1 to 255 of A-Z a-z 0-9 . _ : -"};
    auto const& o = task.options();
    if (o.countdown_ms || o.eta_us || o.expires_us)
        detail::bad_option(
            "schedule", "a countdown, an eta and expires_at have no meaning for what fires again and again");
    if (!task.id().empty())
        detail::bad_option("schedule", "each firing is a task of its own: an id cannot be given");
    return {' ' + std::string{name} + ' ' + task.name() + when.tokens() + detail::wish_tokens(task),
            task.arguments()};
}

}  // namespace fastqueue
