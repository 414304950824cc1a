#pragma once

#include "instant_text.hpp"
#include "values.hpp"

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_options.hpp>
#include <fastqueue/tasks/invocation.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// Which task shall run and how, as options or a line of a file say.
struct task_wishes {
    using ms = std::chrono::milliseconds;

    std::string name;
    std::optional<priority> level;
    std::optional<ms> countdown;
    std::optional<instant_text::instant> eta;
    std::optional<ms> expires;
    std::optional<ms> limit;  ///< of one attempt
    std::optional<ms> soft_limit;
    std::optional<std::uint32_t> retries;  ///< none: as the task's definition says
    std::optional<ms> retry_delay;         ///< none, here and below: the same
    std::optional<double> retry_backoff;
    std::optional<ms> retry_max_delay;
    std::optional<double> retry_jitter;
    std::string key;
    std::string unique;
    std::string callback;
    std::string callback_data;
    std::optional<on_duplicate> duplicate;
    std::vector<std::pair<std::string, std::string>> tags;
    bool at_most_once = false;
    task_id id;  ///< empty: a new one

    /// Whether it is not to begin at once.
    [[nodiscard]] bool later() const {
        if (countdown) return countdown->count() > 0;
        return eta && *eta > std::chrono::system_clock::now();
    }
    void require_name() const {
        if (name.empty())
            throw error{errc::bad_option,
                        "--task-name is missing: which task shall run, for example --task-name add"};
    }
    [[nodiscard]] invocation<void> made(std::string arguments) const {
        if (countdown && eta)
            throw error{errc::bad_option, "countdown and eta each say when it may begin: give one of them"};
        invocation<void> task{name, std::move(arguments)};
        if (retries) task.retries(*retries);
        if (retry_delay || retry_backoff || retry_max_delay) {
            task_options const usual;
            task.retry_delay(retry_delay.value_or(ms{usual.retry_delay_ms}),
                             retry_backoff.value_or(usual.retry_backoff),
                             retry_max_delay.value_or(ms{usual.retry_max_ms}));
        }
        if (retry_jitter) task.retry_jitter(*retry_jitter);
        if (!id.empty()) task.id(id);
        if (level) task.at(*level);
        if (countdown) task.countdown(*countdown);
        if (eta) task.eta(*eta);
        if (expires) task.expires_in(*expires);
        if (limit) task.timeout(*limit);
        if (soft_limit) task.soft_timeout(*soft_limit);
        if (!key.empty()) task.key(key);
        if (!unique.empty()) task.unique(unique, duplicate.value_or(on_duplicate::reject));
        if (unique.empty() && duplicate)
            throw error{errc::bad_option, "on-duplicate is for a unique key: give that, too"};
        if (!callback.empty()) task.callback(callback, callback_data);
        if (callback.empty() && !callback_data.empty())
            throw error{errc::bad_option, "callback-data is for a callback: give its address, too"};
        for (auto const& [name_of_tag, value] : tags) task.tag(name_of_tag, value);
        if (at_most_once) task.at_most_once();
        return task;
    }
};

/// `customer=42`, or `urgent`, whose value is then 1.
[[nodiscard]] inline std::pair<std::string, std::string> read_tag(std::string_view option,
                                                                  std::string_view text) {
    auto const equals = text.find('=');
    auto const key = text.substr(0, equals);
    auto const value = equals == text.npos ? std::string_view{"1"} : text.substr(equals + 1);
    if (key.size() > 64 || !is_valid_name(key) || !fastqueue::detail::is_wire_token(value))
        bad_value(option, text, "KEY=VALUE, the key of A-Z a-z 0-9 . _ : -, the value without spaces");
    return {std::string{key}, std::string{value}};
}

/// As a verb's header has them, with a space before each.
[[nodiscard]] inline std::string tag_fields(std::vector<std::pair<std::string, std::string>> const& tags) {
    std::string out;
    for (auto const& [key, value] : tags)
        out.append(" ").append(tag_prefix).append(key).append("=").append(value);
    return out;
}

/// One of them that an option (`--retry-delay`) and a member of a line (`retry_delay`) may say.
struct task_wish {
    std::string_view option;
    std::string_view member;
    std::string_view kind;
    std::string_view help;
    bool is_text;  ///< a line has it as a string, not as a number
    void (*read)(task_wishes&, std::string_view from, std::string_view value);
    std::string_view variable = {};  ///< that stands in for the option; empty: the one of its name
};

namespace detail {

using wish_text = std::string_view;
inline constexpr std::chrono::milliseconds moment{1};

}  // namespace detail

inline constexpr std::array task_wish_list{
    task_wish{
        "--priority", "priority", "LEVEL", "critical, high, normal or low (default: normal)", true,
        [](task_wishes& w, detail::wish_text n, detail::wish_text v) { w.level = read_priority(n, v); }},
    task_wish{
        "--countdown", "countdown", "SECONDS", "Do not run it before so long from now", false,
        [](task_wishes& w, detail::wish_text n, detail::wish_text v) { w.countdown = read_seconds(n, v); }},
    task_wish{
        "--eta", "eta", "TIME",
        "Do not run it before this time, with its offset from UTC: 2026-12-24T18:00:00+01:00, or Z for none",
        true, [](task_wishes& w, detail::wish_text n, detail::wish_text v) { w.eta = read_instant(n, v); }},
    task_wish{"--expires", "expires", "SECONDS",
              "Give it up if it has not begun so long from now (default: never)", false,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
                  w.expires = read_seconds(n, v, detail::moment);
              }},
    task_wish{"--timeout", "timeout", "SECONDS", "End an attempt that takes longer (default: never)", false,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
                  w.limit = read_seconds(n, v, detail::moment);
              },
              "FASTQUEUE_TASK_TIMEOUT"},
    task_wish{"--soft-timeout", "soft_timeout", "SECONDS",
              "Ask an attempt to stop that takes longer (default: never)", false,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
                  w.soft_limit = read_seconds(n, v, detail::moment);
              }},
    task_wish{"--retries", "retries", "N",
              "Run it again so often after it failed (default: as the task's worker says, or 0)", false,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
                  w.retries = read_number<std::uint32_t>(n, v, 0, max_retries);
              },
              "FASTQUEUE_TASK_RETRIES"},
    task_wish{
        "--retry-delay", "retry_delay", "SECONDS", "How long to wait before the first retry (default: 1)",
        false,
        [](task_wishes& w, detail::wish_text n, detail::wish_text v) { w.retry_delay = read_seconds(n, v); }},
    task_wish{"--retry-backoff", "retry_backoff", "FACTOR",
              "Each further wait is so many times longer (default: 2)", false,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
                  w.retry_backoff = read_fraction(n, v, 1, 100);
              }},
    task_wish{"--retry-max-delay", "retry_max_delay", "SECONDS", "No wait is longer (default: 600)", false,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
                  w.retry_max_delay = read_seconds(n, v);
              }},
    task_wish{"--retry-jitter", "retry_jitter", "PART",
              "So much of each wait is left to chance (default: 0.1)", false,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
                  w.retry_jitter = read_fraction(n, v, 0, 1);
              }},
    task_wish{
        "--delivery", "delivery", "HOW",
        "at_least_once, or at_most_once: not again after its subworker was lost (default: at_least_once)",
        true,
        [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
            w.at_most_once =
                read_word(n, v, std::array<detail::wish_text, 2>{"at_least_once", "at_most_once"}) == 1;
        }},
    task_wish{"--key", "key", "KEY", "Where balancing goes by keys, tasks of one key go to one subworker",
              true,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) { w.key = read_token(n, v); }},
    task_wish{"--unique", "unique", "KEY", "While a task with this key lives, no second one does", true,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) { w.unique = read_token(n, v); }},
    task_wish{
        "--on-duplicate", "on_duplicate", "reject|attach|replace",
        "With --unique, if there is another one: be refused, get its result, or take its place if it has not "
        "begun (default: reject)",
        true,
        [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
            constexpr std::array<detail::wish_text, 3> words{"reject", "attach", "replace"};
            w.duplicate = static_cast<on_duplicate>(read_word(n, v, words));
        }},
    task_wish{"--callback", "callback", "ADDRESS",
              "Tell its end to a ZeroMQ PULL socket there, as tcp://127.0.0.1:7000", true,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
                  w.callback = read_peer(n, v).text();
              }},
    task_wish{"--callback-data", "callback_data", "TEXT", "Handed back with the callback, as base64url", true,
              [](task_wishes& w, detail::wish_text n, detail::wish_text v) {
                  if (v.size() > 768) bad_value(n, v.substr(0, 60), "at most 768 octets");
                  w.callback_data = v;
              }},
};

}  // namespace fastqueue::cli
