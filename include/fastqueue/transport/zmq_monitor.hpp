#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <zmq.hpp>

namespace fastqueue::transport::detail {

/// What libzmq tells of a socket's connections.
struct zmq_event {
    std::uint16_t what = 0;   ///< ZMQ_EVENT_...
    std::uint32_t value = 0;  ///< most often a descriptor
};

/// A socket's events. Goes before its socket.
class zmq_monitor {
public:
    /// \param name  used once in its context
    /// \throws ::zmq::error_t  no socket or descriptor is left
    zmq_monitor(::zmq::context_t& context, ::zmq::socket_t& watched, std::uint64_t name)
        : watched_{watched}, events_{context, ::zmq::socket_type::pair} {
        auto const address = "inproc://events-" + std::to_string(name);
        if (zmq_socket_monitor(watched_.handle(), address.c_str(), ZMQ_EVENT_ALL) != 0)
            throw ::zmq::error_t{};
        // Without a bound: where events may not be queued, libzmq's I/O thread waits, and with it all connections.
        events_.set(::zmq::sockopt::rcvhwm, 0);
        events_.connect(address);
    }
    zmq_monitor(zmq_monitor const&) = delete;
    zmq_monitor& operator=(zmq_monitor const&) = delete;
    ~zmq_monitor() { zmq_socket_monitor(watched_.handle(), nullptr, 0); }

    [[nodiscard]] void* handle() noexcept { return events_.handle(); }

    /// \return false: nothing has happened
    [[nodiscard]] bool next(zmq_event& out) {
        ::zmq::message_t event;
        ::zmq::message_t address;
        if (zmq_msg_recv(event.handle(), events_.handle(), ZMQ_DONTWAIT) < 0) return false;
        zmq_msg_recv(address.handle(), events_.handle(), ZMQ_DONTWAIT);
        if (event.size() != sizeof out.what + sizeof out.value) return next(out);
        std::memcpy(&out.what, event.data(), sizeof out.what);
        std::memcpy(&out.value, static_cast<char const*>(event.data()) + sizeof out.what, sizeof out.value);
        return true;
    }

private:
    ::zmq::socket_ref watched_;
    ::zmq::socket_t events_;
};

}  // namespace fastqueue::transport::detail
