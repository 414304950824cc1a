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
#include <fastqueue/tasks/treatment.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue {

/// A task to be run: its name, its encoded arguments and how it wants to be treated. `R` is the type of its result. It is a
/// value that a client's `call`, `delay` and batches take, and may be sent any number of times: each is another task
/// unless `id` fixes which. Made by calling a `task` handle or by `invoke`. One thread at a time.
///
/// Options are set fluently: `tasks::add(5, 3).at(priority::critical).retries(3).timeout(2s)`. Each throws
/// error (bad_option) for a value out of its range.
template <class R>
class invocation : public treatment<invocation<R>> {
    using base = treatment<invocation<R>>;
    using base::options_;

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
        : base{other.options()},
          name_{other.name()},
          arguments_{other.arguments()},
          content_{other.content()},
          id_{other.id()},
          key_{other.key()},
          attributes_{other.attributes()} {}

    invocation& at(priority p) & { return options_.priority = p, *this; }
    invocation&& at(priority p) && { return std::move(at(p)); }

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
        if (auto const why = parse_endpoint(address, at); !why.empty() || !at.is_destination())
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
    [[nodiscard]] task_id const& id() const noexcept { return id_; }  ///< empty: the client chooses
    [[nodiscard]] std::string const& key() const noexcept { return key_; }
    /// Unique key, tags and the like as a header has them, with a space before each.
    [[nodiscard]] std::string const& attributes() const noexcept { return attributes_; }

private:
    std::string name_;
    std::string arguments_;
    std::string_view content_;  // of a serialization policy: lives for ever
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
