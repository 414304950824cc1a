#pragma once

#include <fastqueue/module.h>
#include <fastqueue/model/error.hpp>
#include <fastqueue/tasks/context.hpp>
#include <fastqueue/tasks/definition.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::detail {

/// A task of a loaded module, called through the C boundary.
class module_task {
public:
    module_task(std::shared_ptr<void const> library, fastqueue_task const& task) noexcept
        : library_{std::move(library)}, task_{&task} {}

    /// The function of a `task_invoker`.
    static invocation_result run(void const* state, context& ctx, std::string_view content,
                                 std::string_view arguments, std::string& out) {
        auto const& self = *static_cast<module_task const*>(state);
        hosted_run host{ctx, {}, {}};
        auto const id = ctx.id().octets();
        fastqueue_context const shown{&host,       id.data(),     ctx.attempt(), &stop_requested,
                                      &watch_stop, &unwatch_stop, &retry_after,  &progress};
        auto const status = self.task_->run(self.task_->state, &shown, {content.data(), content.size()},
                                            {arguments.data(), arguments.size()}, {&out, &append});
        auto result = to_result(status, out);
        if (status == FASTQUEUE_HANDLER_ERROR) result.retry_after_ms = host.retry_after_ms;
        return result;
    }

private:
    struct hosted_run {
        context& ctx;
        std::optional<std::stop_callback<std::function<void()>>> watch;
        std::optional<std::uint64_t> retry_after_ms;
    };

    static int stop_requested(void* host) noexcept {
        return static_cast<hosted_run*>(host)->ctx.stop_requested() ? 1 : 0;
    }

    static void watch_stop(void* host, void (*notify)(void*), void* argument) noexcept {
        auto& self = *static_cast<hosted_run*>(host);
        self.watch.emplace(self.ctx.stop(), [notify, argument] { notify(argument); });
    }
    static void unwatch_stop(void* host) noexcept { static_cast<hosted_run*>(host)->watch.reset(); }

    static void retry_after(void* host, std::uint64_t ms) noexcept {
        static_cast<hosted_run*>(host)->retry_after_ms = ms;
    }

    static void progress(void* host, fastqueue_bytes text) noexcept {
        // A module is not trusted to keep to the limit.
        static_cast<hosted_run*>(host)->ctx.encoded_progress({text.data, text.size});
    }

    static int append(void* host, char const* data, std::size_t size) noexcept {
        try {
            static_cast<std::string*>(host)->append(data, size);
            return 0;
        } catch (...) {
            return 1;
        }
    }

    // A module is not trusted to keep to the codes, nor its error texts to be UTF-8.
    static invocation_result to_result(std::int32_t status, std::string& out) {
        if (status == FASTQUEUE_SUCCESS) return {};
        write_error_text(out, std::string{out});
        switch (status) {
            case FASTQUEUE_BAD_ARGUMENTS:
                return {errc::bad_arguments, true};
            case FASTQUEUE_UNSUPPORTED_CONTENT:
                return {errc::unsupported_content, true};
            case FASTQUEUE_CANCELLED:
                return {errc::cancelled, true};
            case FASTQUEUE_PERMANENT_FAILURE:
                return {errc::handler_error, true};
            default:
                return {errc::handler_error, false};
        }
    }

    std::shared_ptr<void const> library_;  // keeps it mapped
    fastqueue_task const* task_;
};

}  // namespace fastqueue::detail
