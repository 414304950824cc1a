#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_state.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace fastqueue {

/// How and where a task ran, if it was asked for.
struct task_meta {
    std::uint32_t attempt = 0;
    std::string worker;
    std::uint64_t submitted_us = 0;  ///< the control plane's clock, microseconds UTC; 0: not yet
    std::uint64_t started_us = 0;
    std::uint64_t finished_us = 0;
};

/// One attempt that ended without a result, of those that a control plane remembers: the last sixteen of a task.
struct failed_attempt {
    std::uint32_t attempt = 0;
    std::uint64_t at_us = 0;  ///< when it ended: the control plane's clock, microseconds UTC
    std::string worker;       ///< may be empty
    std::error_code code;     ///< `handler_error`, `timeout`, `worker_lost` ...
    std::string text;         ///< the beginning of what was said of it
};

/// What became of a task that has ended: its value, or why there is none. No result type needs a default
/// constructor. A value; one thread at a time.
template <class R>
class outcome {
public:
    using value_type = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

    /// Nothing is known yet: `queued`, and `not_finished`. For what makes its results before it has them, as coroutines do.
    outcome() : outcome{task_state::queued, errc::not_finished, "it has not ended"} {}
    /// A task that ended in success.
    [[nodiscard]] static outcome succeeded(value_type value) {
        outcome out{task_state::success, {}, {}};
        out.value_.emplace(std::move(value));
        return out;
    }
    /// A task that ended otherwise, or has not ended.
    [[nodiscard]] static outcome ended(task_state state, std::error_code code, std::string text) {
        return outcome{state, code, std::move(text)};
    }

    [[nodiscard]] explicit operator bool() const noexcept { return value_.has_value(); }
    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    [[nodiscard]] task_state state() const noexcept { return state_; }
    /// Why there is no value: `handler_error`, `timeout`, `cancelled` ...; empty with a value.
    [[nodiscard]] std::error_code error() const noexcept { return code_; }
    /// What the handler or the control plane said of it, UTF-8.
    [[nodiscard]] std::string const& text() const noexcept { return text_; }

    /// The result.
    /// \throws fastqueue::error with error() and text() when there is none
    [[nodiscard]] value_type& value() & {
        check();
        return *value_;
    }
    [[nodiscard]] value_type const& value() const& {
        check();
        return *value_;
    }
    [[nodiscard]] value_type&& value() && {
        check();
        return std::move(*value_);
    }
    [[nodiscard]] value_type& operator*() & noexcept { return *value_; }
    [[nodiscard]] value_type const& operator*() const& noexcept { return *value_; }

    /// Attempt, worker and times, where the control plane sent them.
    [[nodiscard]] task_meta const& meta() const noexcept { return meta_; }
    void meta(task_meta meta) { meta_ = std::move(meta); }

private:
    outcome(task_state state, std::error_code code, std::string text)
        : state_{state}, code_{code}, text_{std::move(text)} {}
    void check() const {
        if (!value_) throw fastqueue::error{code_, text_};
    }

    task_state state_;
    std::error_code code_;
    std::string text_;
    std::optional<value_type> value_;
    task_meta meta_;
};

}  // namespace fastqueue
