#pragma once

#include <fastqueue/shell/client_operations.hpp>

#include <asio/io_context.hpp>
#include <concepts>
#include <memory>
#include <utility>

namespace fastqueue {

/// A client without a thread: it lives in its user's loop, and works whenever that is turned. Its connection keeps the loop
/// going (`run` does not return) until it is stopped or destroyed.
///
///     asio::io_context io;
///     fastqueue::async_client client{io};
///     auto const sum = co_await client.async_call(tasks::add(5, 3), asio::use_awaitable);
///
/// Threads: operations may be begun from any thread. The loop must be turned by one thread at a time. `stop` and the
/// destructor belong to that thread, or to any while the loop is not turned; and the client ends before the loop does.
template <class Policies = default_policies>
class basic_async_client : public shell::client_operations<Policies> {
    using transport_type = typename Policies::transport_policy;
    static_assert(std::constructible_from<transport_type, asio::io_context&>,
                  "Policies::transport_policy cannot be a guest in an asio::io_context");

public:
    /// Connects when it is first used.
    explicit basic_async_client(asio::io_context& loop, client_options options = {})
        : shell::client_operations<Policies>{std::move(options), std::make_unique<transport_type>(loop)} {}
    /// Operations that have not ended do so with `stopped`.
    ~basic_async_client() { stop(); }
    basic_async_client(basic_async_client const&) = delete;
    basic_async_client& operator=(basic_async_client const&) = delete;

    /// Ends all operations with `stopped` and closes the connections, so that the loop can end.
    void stop() { this->driver().stop_here(); }
};

using async_client = basic_async_client<>;

}  // namespace fastqueue
