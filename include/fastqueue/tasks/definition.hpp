#pragma once

#include <fastqueue/json/utf8.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/tasks/argument.hpp>
#include <fastqueue/tasks/context.hpp>
#include <fastqueue/tasks/failure.hpp>
#include <fastqueue/tasks/treatment.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue {

/// What became of one run of a handler. The value, or the error's text, is in the string that `invoke` was given.
struct invocation_result {
    errc code{};                                       ///< zero: success
    bool is_final = false;                             ///< of a failure: trying again is useless
    std::optional<std::uint64_t> retry_after_ms = {};  ///< of another one: when it is worth while

    [[nodiscard]] constexpr bool ok() const noexcept { return code == errc{}; }
};

/// Longer texts of errors are cut.
inline constexpr std::size_t max_error_text = 4096;

/// Writes `what` to `out` as FQ1 wants texts: UTF-8, what is not becoming U+FFFD, and at most `max_error_text` octets.
/// \throws std::bad_alloc
inline void write_error_text(std::string& out, std::string_view what) {
    out.clear();
    while (!what.empty()) {
        auto const length = json::utf8_length(what.substr(0, 4));
        auto const piece = length == 0 ? std::string_view{"\xEF\xBF\xBD"} : what.substr(0, length);
        if (out.size() + piece.size() > max_error_text) return;
        out += piece;
        what.remove_prefix(std::max<std::size_t>(length, 1));
    }
}

namespace detail {

enum class run_phase : unsigned char { reading_arguments, running, writing_result };

inline invocation_result report(std::string& out, run_phase phase, std::string_view what) {
    if (phase == run_phase::writing_result) {
        write_error_text(out, "the result cannot be written: " + std::string{what});
        return {errc::handler_error, true};
    }
    write_error_text(out, what);
    return phase == run_phase::reading_arguments ? invocation_result{errc::bad_arguments, true}
                                                 : invocation_result{errc::handler_error, false};
}

// In a catch (...): says in `out` what is being thrown.
inline invocation_result report_exception(std::string& out, run_phase phase) {
    try {
        throw;
    } catch (permanent_failure const& e) {
        write_error_text(out, e.what());
        return {errc::handler_error, true};
    } catch (retry_after const& e) {
        write_error_text(out, e.what());
        return {errc::handler_error, false, static_cast<std::uint64_t>(e.wait().count())};
    } catch (task_cancelled const& e) {
        write_error_text(out, e.what());
        return {errc::cancelled, true};
    } catch (error const& e) {
        return report(out, phase, e.text());
    } catch (std::exception const& e) {
        return report(out, phase, e.what());
    } catch (...) {
        return report(out, phase, "unknown exception");
    }
}

}  // namespace detail

/// How a task is run with arguments of one content type. `state` is the definition's.
struct task_invoker {
    using function = invocation_result (*)(void const* state, context&, std::string_view content,
                                           std::string_view arguments, std::string& out);

    std::string content;
    function run;
};

/// A run of a handler that is over, as an `after` hook sees it.
struct finished_run {
    errc code{};            ///< zero: success
    std::string_view text;  ///< the encoded value, or the error's text

    [[nodiscard]] constexpr bool ok() const noexcept { return code == errc{}; }
};

/// A task that a worker can run: its name, what it takes and gives, and the code. Copies share the code, and keep a module
/// mapped that it came from. Const members may be called from several threads at once.
///
/// `retries(3).retry_delay(1s).timeout(10s)` and so on say how tasks of this name are treated that do not say it themselves, whoever
/// submits them: its workers tell the control plane.
class task_definition : public treatment<task_definition> {
public:
    /// \param state     what each invoker is given; shared by copies
    /// \param invokers  at least one; JSON's first
    task_definition(std::string name, std::vector<parameter> parameters, std::string result_type,
                    std::shared_ptr<void const> state, std::vector<task_invoker> invokers)
        : name_{std::move(name)},
          parameters_{std::move(parameters)},
          result_type_{std::move(result_type)},
          state_{std::move(state)},
          invokers_{std::move(invokers)} {}

    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    [[nodiscard]] std::vector<parameter> const& parameters() const noexcept { return parameters_; }
    /// The result's type in words; `null` for a handler that returns nothing.
    [[nodiscard]] std::string const& result_type() const noexcept { return result_type_; }
    /// What the task does, for people; may be empty.
    [[nodiscard]] std::string const& description() const noexcept { return description_; }
    /// The file of the module it came from; empty for the program's own.
    [[nodiscard]] std::string const& module() const noexcept { return module_; }
    [[nodiscard]] std::vector<task_invoker> const& invokers() const noexcept { return invokers_; }

    /// `add(x: integer, y: integer = ...) -> integer`
    [[nodiscard]] std::string signature() const {
        std::string text = name_ + '(';
        for (auto const& p : parameters_) {
            if (&p != parameters_.data()) text += ", ";
            text += p.name.empty() ? p.type : p.name + ": " + p.type;
            if (p.has_default) text += " = ...";
        }
        return text + ") -> " + result_type_;
    }

    task_definition& describe(std::string_view text) {
        description_ = text;
        return *this;
    }
    /// How its tasks are treated, all at once.
    task_definition& treat(task_options const& usual) {
        options_ = usual;
        return *this;
    }
    /// Has `f(context&)` called before each run of this task, in its thread. What it throws is the task's error, and the handler does
    /// not run. Several are called in the order in which they were added.
    task_definition& before(std::function<void(context&)> f) {
        before_.push_back(std::move(f));
        return *this;
    }
    /// Has `f(context&, finished_run const&)` called after each run, also after one that failed. What it throws is the task's error,
    /// if the run itself was none. Several are called in the order in which they were added.
    task_definition& after(std::function<void(context&, finished_run const&)> f) {
        after_.push_back(std::move(f));
        return *this;
    }
    task_definition& from_module(std::string_view path) {
        module_ = path;
        return *this;
    }

    /// Runs the handler in the calling thread.
    /// \param content    how the arguments are encoded and the result shall be; empty: JSON
    /// \param[out] out   the encoded result, or the error's text (UTF-8). Its memory is used again from call to call
    /// \return success, or
    ///         errc::unsupported_content  the task is not there in that content type
    ///         errc::bad_arguments        the arguments do not fit: the handler has not run
    ///         errc::cancelled            the handler threw `task_cancelled`
    ///         errc::handler_error        the handler threw anything else, or its result cannot be encoded
    [[nodiscard]] invocation_result invoke(context& ctx, std::string_view content, std::string_view arguments,
                                           std::string& out) const noexcept {
        try {
            out.clear();
            if (content.empty()) content = serialization::json::content;
            for (auto const& each : invokers_) {
                if (each.content == content) return run(each, ctx, arguments, out);
            }
            write_error_text(
                out, "task \"" + name_ + "\" cannot be called with content \"" + std::string{content} + '"');
            return {errc::unsupported_content, true};
        } catch (...) {  // no memory left even to say so
            out.clear();
            return {errc::handler_error, false};
        }
    }

private:
    [[nodiscard]] invocation_result run(task_invoker const& invoker, context& ctx, std::string_view arguments,
                                        std::string& out) const {
        auto made = guarded(out, [&] {
            for (auto const& f : before_) f(ctx);
            return invoker.run(state_.get(), ctx, invoker.content, arguments, out);
        });
        for (auto const& f : after_) {
            finished_run const over{made.code, out};
            std::string words;
            auto const said = guarded(words, [&] {
                f(ctx, over);
                return invocation_result{};
            });
            if (!made.ok() || said.ok()) continue;
            made = said;
            out = std::move(words);
        }
        return made;
    }
    template <class F>
    [[nodiscard]] static invocation_result guarded(std::string& out, F&& f) {
        try {
            return f();
        } catch (...) {
            return detail::report_exception(out, detail::run_phase::running);
        }
    }

    std::string name_;
    std::vector<parameter> parameters_;
    std::string result_type_;
    std::string description_;
    std::string module_;
    std::shared_ptr<void const> state_;
    std::vector<task_invoker> invokers_;
    std::vector<std::function<void(context&)>> before_;
    std::vector<std::function<void(context&, finished_run const&)>> after_;
};

}  // namespace fastqueue
