#pragma once

#include <fastqueue/model/base64url.hpp>
#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_attributes.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_options.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/serialization/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
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

/// A task to be run: its name, its encoded arguments and how it wants to be treated. `R` is the type of its result. It is a
/// value that a client's `call`, `delay` and batches take, and may be sent any number of times: each is another task
/// unless `id` fixes which. Made by calling a `task` handle or by `invoke`. One thread at a time.
///
/// Options are set fluently: `tasks::add(5, 3).at(priority::critical).retries(3).timeout(2s)`. Each throws
/// error (bad_option) for a value out of its range.
template <class R>
class invocation {
public:
    using result_type = R;

    /// From parts; `arguments` are encoded already.
    /// \throws error (bad_name) if `name` cannot name a task
    invocation(std::string_view name, std::string arguments,
               std::string_view content = serialization::json::content)
        : name_{name}, arguments_{std::move(arguments)}, content_{content} {
        if (!is_valid_name(name)) {
            throw error{errc::bad_name, "a task's name is 1 to 255 of A-Z a-z 0-9 . _ : -"};
        }
    }

    /// The same task, whatever is said of its result's type.
    template <class Other>
    explicit invocation(invocation<Other> const& other)
        : name_{other.name()},
          arguments_{other.arguments()},
          content_{other.content()},
          options_{other.options()},
          id_{other.id()},
          key_{other.key()},
          attributes_{other.attributes()} {}

    invocation& at(priority p) & { return options_.priority = p, *this; }
    invocation&& at(priority p) && { return std::move(at(p)); }

    /// How often it is tried again after its handler failed or was too slow, 0 to 1000.
    invocation& retries(std::uint32_t n) & {
        if (n > max_retries) detail::bad_option("retries", "at most 1000");
        return options_.retries = n, *this;
    }
    invocation&& retries(std::uint32_t n) && { return std::move(retries(n)); }

    /// The wait before the first retry; each further one is longer by `backoff` (1 to 100), up to `longest`.
    template <class Rep, class Period>
    invocation& retry_delay(std::chrono::duration<Rep, Period> first, double backoff = 2,
                            std::chrono::milliseconds longest = std::chrono::minutes{10}) & {
        if (!(backoff >= 1 && backoff <= 100)) detail::bad_option("retry_delay", "the back-off is 1 to 100");
        options_.retry_delay_ms = detail::option_ms("retry_delay", first);
        options_.retry_max_ms = detail::option_ms("retry_delay", longest);
        return options_.retry_backoff = backoff, *this;
    }
    template <class Rep, class Period>
    invocation&& retry_delay(std::chrono::duration<Rep, Period> first, double backoff = 2,
                             std::chrono::milliseconds longest = std::chrono::minutes{10}) && {
        return std::move(retry_delay(first, backoff, longest));
    }

    /// So much of each wait before a retry is left to chance, 0 to 1: then tasks that failed together do not come back together.
    invocation& retry_jitter(double part) & {
        if (!(part >= 0 && part <= 1)) detail::bad_option("retry_jitter", "the part is 0 to 1");
        return options_.retry_jitter = part, *this;
    }
    invocation&& retry_jitter(double part) && { return std::move(retry_jitter(part)); }

    /// An attempt that takes longer ends as `timeout`. Longer than 0.
    template <class Rep, class Period>
    invocation& timeout(std::chrono::duration<Rep, Period> limit) & {
        return options_.timeout_ms = detail::time_limit_ms("timeout", limit), *this;
    }
    template <class Rep, class Period>
    invocation&& timeout(std::chrono::duration<Rep, Period> limit) && {
        return std::move(timeout(limit));
    }

    /// After this time the handler is asked to stop. Longer than 0.
    template <class Rep, class Period>
    invocation& soft_timeout(std::chrono::duration<Rep, Period> limit) & {
        return options_.soft_timeout_ms = detail::time_limit_ms("soft_timeout", limit), *this;
    }
    template <class Rep, class Period>
    invocation&& soft_timeout(std::chrono::duration<Rep, Period> limit) && {
        return std::move(soft_timeout(limit));
    }

    /// Not before so long after it was accepted. Takes the place of an `eta`.
    template <class Rep, class Period>
    invocation& countdown(std::chrono::duration<Rep, Period> wait) & {
        options_.countdown_ms = detail::option_ms("countdown", wait);
        return options_.eta_us.reset(), *this;
    }
    template <class Rep, class Period>
    invocation&& countdown(std::chrono::duration<Rep, Period> wait) && {
        return std::move(countdown(wait));
    }

    /// Not before this time (UTC). Takes the place of a `countdown`.
    template <class Duration>
    invocation& eta(std::chrono::sys_time<Duration> when) & {
        options_.eta_us = detail::epoch_us("eta", when);
        return options_.countdown_ms.reset(), *this;
    }
    template <class Duration>
    invocation&& eta(std::chrono::sys_time<Duration> when) && {
        return std::move(eta(when));
    }

    /// If it has not begun so long after it was accepted, it ends as `expired`. Takes the place of `expires_at`.
    template <class Rep, class Period>
    invocation& expires_in(std::chrono::duration<Rep, Period> wait) & {
        options_.expires_ms = detail::option_ms("expires_in", wait);
        return options_.expires_us.reset(), *this;
    }
    template <class Rep, class Period>
    invocation&& expires_in(std::chrono::duration<Rep, Period> wait) && {
        return std::move(expires_in(wait));
    }

    /// If it has not begun at this time (UTC), it ends as `expired`. Takes the place of `expires_in`.
    template <class Duration>
    invocation& expires_at(std::chrono::sys_time<Duration> when) & {
        options_.expires_us = detail::epoch_us("expires_at", when);
        return options_.expires_ms.reset(), *this;
    }
    template <class Duration>
    invocation&& expires_at(std::chrono::sys_time<Duration> when) && {
        return std::move(expires_at(when));
    }

    /// Never run again after its worker was lost, and never sent ahead.
    invocation& at_most_once() & { return options_.delivery = delivery::at_most_once, *this; }
    invocation&& at_most_once() && { return std::move(at_most_once()); }

    /// Which task this is: the same id sent again is the same task. Without it the client chooses one for each sending.
    invocation& id(task_id const& id) & {
        if (id.empty()) detail::bad_option("id", "all zeros name nothing");
        return id_ = id, *this;
    }
    invocation&& id(task_id const& id) && { return std::move(this->id(id)); }

    /// For balancing policies that keep a key with one worker: 1 to 255 printable ASCII characters without spaces.
    invocation& key(std::string_view key) & {
        if (!detail::is_wire_token(key))
            detail::bad_option("key", "1 to 255 printable characters without spaces");
        return key_ = key, *this;
    }
    invocation&& key(std::string_view key) && { return std::move(this->key(key)); }

    /// While a task with this key lives, in whatever state, no second one does: 1 to 255 printable ASCII characters without spaces.
    /// \param otherwise  what becomes of this one then: it is refused (error duplicate, whose text is the other one's id), or gets
    ///                   the other one's result, or takes its place if that has not begun
    invocation& unique(std::string_view key, on_duplicate otherwise = on_duplicate::reject) & {
        static constexpr std::string_view words[] = {"reject", "attach", "replace"};
        if (!detail::is_wire_token(key))
            detail::bad_option("unique", "1 to 255 printable characters without spaces");
        if (attributes_.find(" unique=") != std::string::npos)
            detail::bad_option("unique", "a task has one such key");
        attributes_.append(" unique=").append(key);
        if (otherwise != on_duplicate::reject)
            attributes_.append(" on_duplicate=").append(words[static_cast<std::size_t>(otherwise)]);
        return *this;
    }
    invocation&& unique(std::string_view key, on_duplicate otherwise = on_duplicate::reject) && {
        return std::move(unique(key, otherwise));
    }

    /// Something by which the task can be found and cancelled with others; at most eight, each key once.
    /// \param key    1 to 64 of `A-Z a-z 0-9 . _ : -`
    /// \param value  1 to 255 printable ASCII characters without spaces
    invocation& tag(std::string_view key, std::string_view value) & {
        if (key.size() > 64 || !is_valid_name(key))
            detail::bad_option("tag", "a key is 1 to 64 of A-Z a-z 0-9 . _ : -");
        if (!detail::is_wire_token(value))
            detail::bad_option("tag", "a value is 1 to 255 printable characters without spaces");
        auto const name = ' ' + std::string{tag_prefix}.append(key) + '=';
        if (attributes_.find(name) != std::string::npos)
            detail::bad_option("tag", "the key " + std::string{key} + " stands twice");
        if (tags_ == max_tags) detail::bad_option("tag", "a task has at most 8 tags");
        ++tags_;
        attributes_.append(name).append(value);
        return *this;
    }
    invocation&& tag(std::string_view key, std::string_view value) && { return std::move(tag(key, value)); }

    /// Its end is told to a PULL socket there, with meta and `data`, which is handed back as base64url. The control plane must allow
    /// the host; it tries for a minute. What must not be lost is asked for with `wait`: PUSH has no acknowledgement.
    /// \param address  as `tcp://127.0.0.1:7000`
    /// \param data     at most 768 octets
    invocation& callback(std::string_view address, std::string_view data = {}) & {
        endpoint at;
        if (auto const why = parse_endpoint(address, at); !why.empty() || at.port == 0 || at.is_wildcard())
            detail::bad_option("callback",
                               "'" + std::string{address.substr(0, 300)} +
                                   "' is no address to connect to; write it as tcp://127.0.0.1:7000");
        if (data.size() > 768) detail::bad_option("callback", "the data is at most 768 octets");
        if (attributes_.find(" callback=") != std::string::npos)
            detail::bad_option("callback", "a task has one callback");
        attributes_.append(" callback=").append(at.text());
        if (!data.empty()) attributes_.append(" callback_data=").append(base64url(data));
        return *this;
    }
    invocation&& callback(std::string_view address, std::string_view data = {}) && {
        return std::move(callback(address, data));
    }

    /// The result tells attempt, worker and times.
    invocation& with_meta() & { return options_.meta = true, *this; }
    invocation&& with_meta() && { return std::move(with_meta()); }

    [[nodiscard]] std::string const& name() const noexcept { return name_; }
    [[nodiscard]] std::string const& arguments() const noexcept { return arguments_; }  ///< encoded
    [[nodiscard]] std::string_view content() const noexcept { return content_; }  ///< how they are encoded
    [[nodiscard]] task_options const& options() const noexcept { return options_; }
    [[nodiscard]] task_id const& id() const noexcept { return id_; }  ///< empty: the client chooses
    [[nodiscard]] std::string const& key() const noexcept { return key_; }
    /// Unique key, tags and the like as a header has them, with a space before each.
    [[nodiscard]] std::string const& attributes() const noexcept { return attributes_; }

private:
    std::string name_;
    std::string arguments_;
    std::string_view content_;  // of a serialization policy: lives for ever
    task_options options_;
    task_id id_;
    std::string key_;
    std::string attributes_;
    std::size_t tags_ = 0;
};

/// An invocation by name, for callers that share no handle with the worker. Arguments are written as JSON by position.
/// \throws error (bad_name), error (bad_value) for an argument JSON cannot carry
template <class R, class... Ts>
[[nodiscard]] invocation<R> invoke(std::string_view name, Ts const&... arguments) {
    std::string bytes;
    serialization::json::encode_arguments(bytes, arguments...);
    return {name, std::move(bytes)};
}

}  // namespace fastqueue
