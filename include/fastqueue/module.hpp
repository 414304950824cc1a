#pragma once

#include <fastqueue/module.h>
#include <fastqueue/task.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::detail {

[[nodiscard]] inline fastqueue_bytes to_bytes(std::string_view text) noexcept {
    return {text.data(), text.size()};
}
[[nodiscard]] inline std::string_view to_view(fastqueue_bytes bytes) noexcept {
    return bytes.size == 0 ? std::string_view{} : std::string_view{bytes.data, bytes.size};
}

// Who runs a handler, seen from inside a module.
class module_host final : public run_host {
public:
    explicit module_host(fastqueue_context const& host) noexcept : host_{&host} {}
    module_host(module_host const&) = delete;
    module_host& operator=(module_host const&) = delete;
    ~module_host() {
        if (source_) host_->unwatch_stop(host_->host);
    }

    [[nodiscard]] bool stop_requested() const noexcept override {
        return host_->stop_requested(host_->host) != 0;
    }

    // Only who asks for a token pays for its shared state.
    [[nodiscard]] std::stop_token token() override {
        if (!source_) {
            source_.emplace();
            host_->watch_stop(host_->host, &notify, &*source_);
        }
        return source_->get_token();
    }

    void progress(std::string_view text) noexcept override { host_->progress(host_->host, to_bytes(text)); }

private:
    static void notify(void* source) noexcept { static_cast<std::stop_source*>(source)->request_stop(); }

    fastqueue_context const* host_;
    std::optional<std::stop_source> source_;
};

[[nodiscard]] inline std::int32_t to_status(invocation_result const& result) noexcept {
    if (result.ok()) return FASTQUEUE_SUCCESS;
    switch (result.code) {
        case errc::bad_arguments:
            return FASTQUEUE_BAD_ARGUMENTS;
        case errc::unsupported_content:
            return FASTQUEUE_UNSUPPORTED_CONTENT;
        case errc::cancelled:
            return FASTQUEUE_CANCELLED;
        default:
            return result.is_final ? FASTQUEUE_PERMANENT_FAILURE : FASTQUEUE_HANDLER_ERROR;
    }
}

[[nodiscard]] inline std::int32_t run_in_module(void const* state, fastqueue_context const* host,
                                                fastqueue_bytes content, fastqueue_bytes arguments,
                                                fastqueue_output output) noexcept {
    auto const& task = *static_cast<task_definition const*>(state);
    std::array<std::uint8_t, 16> id{};
    std::memcpy(id.data(), host->id, id.size());
    module_host runs_it{*host};
    context ctx{task_id{id}, host->attempt, task.name(), runs_it};
    std::string out;
    auto const result = task.invoke(ctx, to_view(content), to_view(arguments), out);
    if (output.append(output.host, out.data(), out.size()) != 0) return FASTQUEUE_HANDLER_ERROR;
    if (result.retry_after_ms) host->retry_after(host->host, *result.retry_after_ms);
    return to_status(result);
}

/// A registry as the C boundary shows it. One a module, in its `fastqueue_module_entry`.
class module_export {
public:
    explicit module_export(registry (*make)()) noexcept {
        try {
            registry_ = make();
            if (registry_.hooks().empty())
                describe();
            else
                fail("hooks, interceptors and resources of threads need a program that links its tasks");
        } catch (std::exception const& e) {
            fail(e.what());
        } catch (...) {
            fail("unknown exception");
        }
    }
    module_export(module_export const&) = delete;
    module_export& operator=(module_export const&) = delete;

    [[nodiscard]] fastqueue_module const* get() const noexcept { return &module_; }

private:
    void describe() {
        lists_.reserve(registry_.size());
        for (auto const& task : registry_) {
            auto& list = lists_.emplace_back();
            for (auto const& p : task.parameters()) {
                list.parameters.push_back({to_bytes(p.name), to_bytes(p.type), p.has_default ? 1U : 0U});
            }
            for (auto const& each : task.invokers()) list.contents.push_back(to_bytes(each.content));
            list.defaults = default_tokens(task.options());
            tasks_.push_back({to_bytes(task.name()), to_bytes(task.description()),
                              to_bytes(task.result_type()), list.parameters.data(), list.parameters.size(),
                              list.contents.data(), list.contents.size(), to_bytes(list.defaults), &task,
                              &run_in_module});
        }
        for (auto const& declared : registry_.schedules())
            schedules_.push_back({to_bytes(declared.tokens), to_bytes(declared.arguments)});
        module_.schedules = schedules_.data();
        module_.schedule_count = schedules_.size();
        module_.tasks = tasks_.data();
        module_.task_count = tasks_.size();
    }

    void fail(std::string_view why) noexcept {
        try {
            write_error_text(error_, why.empty() ? "it does not say why" : why);
            module_.error = to_bytes(error_);
        } catch (...) {
            module_.error = to_bytes("out of memory");
        }
    }

    struct lists {
        std::vector<fastqueue_parameter> parameters;
        std::vector<fastqueue_bytes> contents;
        std::string defaults;
    };

    registry registry_;
    std::vector<lists> lists_;  // one a task
    std::vector<fastqueue_task> tasks_;
    std::vector<fastqueue_schedule> schedules_;
    std::string error_;
    fastqueue_module module_{FASTQUEUE_MODULE_STAMP, {nullptr, 0}, nullptr, 0, nullptr, 0};
};

}  // namespace fastqueue::detail

/// Makes a shared object a task module. Stands once in it, outside of any namespace; `make_registry` is a function without
/// parameters that returns a `fastqueue::registry`. It is called once, when a worker loads the module; what it throws
/// becomes the worker's error message.
#define FASTQUEUE_MODULE(make_registry)                                                         \
    extern "C" FASTQUEUE_MODULE_EXPORT ::fastqueue_module const* fastqueue_module_entry(void) { \
        static ::fastqueue::detail::module_export const exported{                               \
            +[]() -> ::fastqueue::registry { return make_registry(); }};                        \
        return exported.get();                                                                  \
    }
