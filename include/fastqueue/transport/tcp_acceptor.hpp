#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/transport/loop_gate.hpp>
#include <fastqueue/transport/native_socket.hpp>
#include <fastqueue/transport/peer_table.hpp>
#include <fastqueue/transport/tcp_listener.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/socket_base.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::transport {

/// The listeners of one loop. Where the system has no descriptor or memory left for a connection, accepting
/// rests for a tenth of a second: trying again at once would only burn the processor. One thread at a time.
class tcp_acceptor {
public:
    /// What to do with a new connection, from the loop: its listener's tag, its socket (closed if it is not
    /// moved from) and the peer's address.
    using admission = std::function<void(std::uint32_t, asio::ip::tcp::socket&&, std::string)>;

    tcp_acceptor(detail::loop_gate& gate, admission admit)
        : gate_{gate}, io_{gate.io()}, admit_{std::move(admit)} {}

    /// \return success, or why nothing is bound: see `open_listener`
    [[nodiscard]] std::error_code listen(endpoint const& where, std::uint32_t tag, int backlog,
                                         endpoint& bound) {
        auto const id = listeners_.emplace(io_, tag);
        auto& listener = *listeners_.find(id);
        listener.id = id;
        if (auto const failed = open_listener(io_, where, backlog, listener.acceptor, bound)) {
            listeners_.erase(id);
            return failed;
        }
        await_connections(listener);
        return {};
    }
    void stop_listening() noexcept {
        std::vector<peer_id> open;
        listeners_.for_each([&](tcp_listener const& l) { open.push_back(l.id); });
        for (auto const id : open) listeners_.erase(id);
        again_.reset();
    }

    /// When accepting goes on after a rest.
    [[nodiscard]] std::optional<instant> next_deadline() const noexcept { return again_; }
    void tick(instant now) {
        if (!again_ || now < *again_) return;
        again_.reset();
        listeners_.for_each([this](tcp_listener& l) { await_connections(l); });
    }

private:
    static constexpr int most_a_turn = 64;
    static constexpr std::chrono::milliseconds rest{100};

    void await_connections(tcp_listener& l) {
        if (l.waiting) return;
        l.waiting = true;
        auto ready = [this, id = l.id](std::error_code const& ec) {
            auto* const listener = listeners_.find(id);
            if (ec || listener == nullptr) return;
            listener->waiting = false;
            accept(*listener);
        };
        l.acceptor.async_wait(asio::socket_base::wait_read, gate_.wrap(std::move(ready)));
    }

    void accept(tcp_listener& l) {
        for (int i = 0; i < most_a_turn; ++i) {
            asio::ip::tcp::socket socket{io_};
            asio::ip::tcp::endpoint from;
            auto const ec = detail::accept_socket(l.acceptor, socket, from);
            if (ec == std::errc::operation_would_block) break;
            if (ec == std::errc::connection_aborted || ec == std::errc::interrupted) continue;
            if (ec) {
                again_ = gate_.clock().now().steady + rest;
                return;
            }
            admit_(l.tag, std::move(socket), detail::address_text(from.address()));
        }
        await_connections(l);
    }

    detail::loop_gate& gate_;
    asio::io_context& io_;
    admission admit_;
    peer_table<tcp_listener> listeners_;
    std::optional<instant> again_;
};

}  // namespace fastqueue::transport
