#pragma once

#include <fastqueue/tasks/context.hpp>
#include <fastqueue/tasks/handler.hpp>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <concepts>
#include <exception>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace fastqueue {

namespace detail {

template <class F, class Signature>
class awaiting_handler;

template <class F, class R, class... Ps>
class awaiting_handler<F, asio::awaitable<R>(Ps...)> {
public:
    explicit awaiting_handler(F function) : function_{std::move(function)} {}

    R operator()(Ps... arguments) const {
        asio::io_context loop{1};
        asio::cancellation_signal cancel;
        auto const ask = [&] { asio::post(loop, [&] { cancel.emit(asio::cancellation_type::terminal); }); };
        std::optional<std::stop_callback<decltype(ask)>> watch;
        auto const watch_stop = [&](auto& first) {
            if constexpr (std::same_as<std::remove_cvref_t<decltype(first)>, context>)
                watch.emplace(first.stop(), ask);
        };
        (watch_stop(arguments), ...);

        std::exception_ptr failed;
        std::conditional_t<std::is_void_v<R>, bool, std::optional<R>> value{};
        auto const all = [&]() -> asio::awaitable<void> {
            if constexpr (std::is_void_v<R>)
                co_await function_(static_cast<Ps&&>(arguments)...);
            else
                value.emplace(co_await function_(static_cast<Ps&&>(arguments)...));
        };
        asio::co_spawn(loop, all(), asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) {
                           failed = std::move(e);
                           watch.reset();
                       }));
        loop.run();
        if (failed) std::rethrow_exception(failed);
        if constexpr (!std::is_void_v<R>) return *std::move(value);
    }

private:
    F function_;
};

}  // namespace detail

/// Makes a handler of a coroutine: `registry.define(tasks::fetch, fastqueue::awaiting([](std::string url) ->
/// asio::awaitable<std::string> { ... }))`. The coroutine runs to its end in a loop of its own on the worker's thread
/// (`co_await asio::this_coro::executor`), so a worker has as many at once as its concurrency. Where its first parameter is
/// a `context&`, the task's stop signal cancels what it awaits.
///
/// \param function  has one signature, returns `asio::awaitable<R>`, and is called from several threads at once
template <class F>
[[nodiscard]] auto awaiting(F function) {
    static_assert(detail::has_one_signature<F>,
                  "the coroutine has no single signature: an overload, or an auto parameter");
    return detail::awaiting_handler<F, typename detail::signature_of<F>::type>{std::move(function)};
}

}  // namespace fastqueue
