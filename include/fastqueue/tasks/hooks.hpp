#pragma once

#include <fastqueue/tasks/context.hpp>
#include <fastqueue/tasks/definition.hpp>
#include <fastqueue/tasks/resources.hpp>

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue {

/// The rest of a run, as an interceptor sees it: the interceptors within and the handler. Lives as long as the interceptor's
/// call.
class next_run {
public:
    next_run(std::function<invocation_result()> const& run, std::string const& out) noexcept
        : run_{&run}, out_{&out} {}
    next_run(next_run const&) = delete;
    next_run& operator=(next_run const&) = delete;

    /// Runs it. Does not throw: what the handler threw is told below. Calling it again is an error.
    void operator()() {
        if (called_) throw error{errc::bad_option, "an interceptor ran a task twice"};
        called_ = true;
        result_ = (*run_)();
    }
    [[nodiscard]] bool called() const noexcept { return called_; }
    [[nodiscard]] bool succeeded() const noexcept { return called_ && result_.ok(); }
    /// How it failed; none if it succeeded.
    [[nodiscard]] errc code() const noexcept { return result_.code; }
    /// The encoded value, or the error's text.
    [[nodiscard]] std::string_view text() const noexcept { return *out_; }
    [[nodiscard]] invocation_result result() const noexcept { return result_; }

private:
    std::function<invocation_result()> const* run_;
    std::string const* out_;
    invocation_result result_;
    bool called_ = false;
};

/// What a worker does around its tasks. Set up first, run then: const members may be called from several threads at once. A
/// value.
class worker_hooks {
public:
    using interceptor = std::function<void(context&, next_run&)>;

    std::vector<interceptor> around;              ///< of each run, the first is outermost
    std::vector<std::function<void()>> on_start;  ///< before a worker takes its first task; in order
    std::vector<std::function<void()>> on_stop;   ///< after its last; in reverse order
    std::vector<resource_factory> per_thread;     ///< what each of its threads has for itself

    [[nodiscard]] bool empty() const noexcept {
        return around.empty() && on_start.empty() && on_stop.empty() && per_thread.empty();
    }
    void merge(worker_hooks const& other) {
        around.insert(around.end(), other.around.begin(), other.around.end());
        on_start.insert(on_start.end(), other.on_start.begin(), other.on_start.end());
        on_stop.insert(on_stop.end(), other.on_stop.begin(), other.on_stop.end());
        per_thread.insert(per_thread.end(), other.per_thread.begin(), other.per_thread.end());
    }

    /// Runs a task with all that is around it.
    /// \param run  the handler itself; writes to `out`
    [[nodiscard]] invocation_result run(context& ctx, std::string& out,
                                        std::function<invocation_result()> const& run) const {
        return run_from(0, ctx, out, run);
    }

private:
    [[nodiscard]] invocation_result run_from(std::size_t first, context& ctx, std::string& out,
                                             std::function<invocation_result()> const& handler) const {
        if (first == around.size()) return handler();
        std::function<invocation_result()> const inner = [&] {
            return run_from(first + 1, ctx, out, handler);
        };
        next_run next{inner, out};
        try {
            around[first](ctx, next);
        } catch (...) {
            return detail::report_exception(out, detail::run_phase::running);
        }
        if (next.called()) return next.result();
        out = "an interceptor did not let the task run";
        return {errc::handler_error, false};
    }
};

}  // namespace fastqueue
