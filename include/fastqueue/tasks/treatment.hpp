#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue {

namespace detail {

inline constexpr std::uint64_t max_wire_number = std::uint64_t{1} << 53U;  // FQ1's largest

[[noreturn]] inline void bad_option(std::string_view option, std::string const& why) {
    throw error{errc::bad_option, std::string{option} + ": " + why};
}

// In milliseconds, rounded up so that a short wait does not become none.
template <class Rep, class Period>
[[nodiscard]] std::uint64_t option_ms(std::string_view option, std::chrono::duration<Rep, Period> duration) {
    using exact = std::chrono::duration<long double, std::milli>;
    auto const ms = std::chrono::duration_cast<exact>(duration).count();
    if (!(ms >= 0)) bad_option(option, "a duration must not be negative");  // catches NaN too
    if (ms > static_cast<long double>(max_wire_number)) bad_option(option, "the duration is too long");
    auto const whole = static_cast<std::uint64_t>(ms);
    return static_cast<long double>(whole) < ms ? whole + 1 : whole;
}

template <class Rep, class Period>
[[nodiscard]] std::uint64_t time_limit_ms(std::string_view option,
                                          std::chrono::duration<Rep, Period> duration) {
    auto const ms = option_ms(option, duration);
    if (ms == 0) bad_option(option, "a time limit of nothing would let nothing run; leave it out for none");
    return ms;
}

template <class Duration>
[[nodiscard]] std::uint64_t epoch_us(std::string_view option, std::chrono::sys_time<Duration> when) {
    using exact = std::chrono::duration<long double, std::micro>;
    auto const us = std::chrono::duration_cast<exact>(when.time_since_epoch()).count();
    if (!(us >= 0)) bad_option(option, "the time is before 1970");
    if (us > static_cast<long double>(max_wire_number)) bad_option(option, "the time is too far away");
    return static_cast<std::uint64_t>(us);
}

[[nodiscard]] inline bool is_wire_token(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 255 &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace detail

/// How a task is treated when it fails or takes long: what an invocation asks for, and what a definition says for those that ask for
/// nothing. Each function throws error (bad_option) for a value out of its range.
template <class Self>
class treatment {
public:
    /// How often it is tried again after its handler failed or was too slow, 0 to 1000.
    Self& retries(std::uint32_t n) & {
        if (n > max_retries) detail::bad_option("retries", "at most 1000");
        options_.retries = n;
        options_.retries_said = true;
        return self();
    }
    Self&& retries(std::uint32_t n) && { return std::move(static_cast<treatment&>(*this).retries(n)); }

    /// The wait before the first retry; each further one is longer by `backoff` (1 to 100), up to `longest`.
    template <class Rep, class Period>
    Self& retry_delay(std::chrono::duration<Rep, Period> first, double backoff = 2,
                      std::chrono::milliseconds longest = std::chrono::minutes{10}) & {
        if (!(backoff >= 1 && backoff <= 100)) detail::bad_option("retry_delay", "the back-off is 1 to 100");
        options_.retry_delay_ms = detail::option_ms("retry_delay", first);
        options_.retry_max_ms = detail::option_ms("retry_delay", longest);
        options_.retry_backoff = backoff;
        options_.retry_delay_said = true;
        return self();
    }
    template <class Rep, class Period>
    Self&& retry_delay(std::chrono::duration<Rep, Period> first, double backoff = 2,
                       std::chrono::milliseconds longest = std::chrono::minutes{10}) && {
        return std::move(static_cast<treatment&>(*this).retry_delay(first, backoff, longest));
    }

    /// So much of each wait before a retry is left to chance, 0 to 1: then tasks that failed together do not come back together.
    Self& retry_jitter(double part) & {
        if (!(part >= 0 && part <= 1)) detail::bad_option("retry_jitter", "the part is 0 to 1");
        options_.retry_jitter = part;
        options_.retry_jitter_said = true;
        return self();
    }
    Self&& retry_jitter(double part) && {
        return std::move(static_cast<treatment&>(*this).retry_jitter(part));
    }

    /// An attempt that takes longer ends as `timeout`. Longer than 0.
    template <class Rep, class Period>
    Self& timeout(std::chrono::duration<Rep, Period> limit) & {
        options_.timeout_ms = detail::time_limit_ms("timeout", limit);
        return self();
    }
    template <class Rep, class Period>
    Self&& timeout(std::chrono::duration<Rep, Period> limit) && {
        return std::move(static_cast<treatment&>(*this).timeout(limit));
    }

    /// After this time the handler is asked to stop. Longer than 0.
    template <class Rep, class Period>
    Self& soft_timeout(std::chrono::duration<Rep, Period> limit) & {
        options_.soft_timeout_ms = detail::time_limit_ms("soft_timeout", limit);
        return self();
    }
    template <class Rep, class Period>
    Self&& soft_timeout(std::chrono::duration<Rep, Period> limit) && {
        return std::move(static_cast<treatment&>(*this).soft_timeout(limit));
    }

    [[nodiscard]] task_options const& options() const noexcept { return options_; }

protected:
    treatment() = default;
    explicit treatment(task_options const& options) : options_{options} {}
    ~treatment() = default;
    treatment(treatment const&) = default;
    treatment(treatment&&) noexcept = default;
    treatment& operator=(treatment const&) = default;
    treatment& operator=(treatment&&) noexcept = default;

    task_options options_;

private:
    [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace fastqueue
