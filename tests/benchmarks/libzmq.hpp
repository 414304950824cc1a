#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"

#include <zmq.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

// libzmq as it comes: DEALER, `zmq_proxy` between ROUTER and DEALER, DEALER. One context with one I/O thread a
// process, no high-water marks.
namespace bench::libzmq {

[[noreturn]] inline void fail(char const* what) {
    throw std::runtime_error{std::string{what} + ": " + ::zmq_strerror(::zmq_errno())};
}

/// A socket with a context of its own, or in another's.
class socket {
public:
    socket(void* context, int type) : socket_{::zmq_socket(context, type)} {
        if (socket_ == nullptr) fail("zmq_socket");
        int const none = 0;
        for (int const option : {ZMQ_SNDHWM, ZMQ_RCVHWM, ZMQ_LINGER})
            ::zmq_setsockopt(socket_, option, &none, sizeof none);
    }
    socket(socket const&) = delete;
    socket& operator=(socket const&) = delete;
    ~socket() { ::zmq_close(socket_); }

    [[nodiscard]] void* get() const noexcept { return socket_; }
    [[nodiscard]] std::string listen_somewhere() {
        std::array<char, 64> at{};
        auto size = at.size();
        if (::zmq_bind(socket_, "tcp://127.0.0.1:*") != 0) fail("zmq_bind");
        if (::zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, at.data(), &size) != 0) fail("zmq_getsockopt");
        return at.data();
    }
    void connect(std::string const& to) {
        if (::zmq_connect(socket_, to.c_str()) != 0) fail("zmq_connect");
    }
    void send(void const* data, std::size_t size, int flags = 0) {
        if (::zmq_send(socket_, data, size, flags) < 0) fail("zmq_send");
    }
    /// \return how long it was; -1: nothing is there (with ZMQ_DONTWAIT)
    int receive(void* data, std::size_t room, int flags = 0) {
        while (true) {
            auto const size = ::zmq_recv(socket_, data, room, flags);
            if (size >= 0 || ::zmq_errno() == EAGAIN) return size;
            if (::zmq_errno() != EINTR) fail("zmq_recv");
        }
    }

private:
    void* socket_;
};

struct context {
    context() = default;
    context(context const&) = delete;
    context& operator=(context const&) = delete;
    ~context() { ::zmq_ctx_term(handle); }
    void* handle = ::zmq_ctx_new();
};

inline void serve(channel& talk) {
    context zmq;
    socket front{zmq.handle, ZMQ_ROUTER};
    socket back{zmq.handle, ZMQ_DEALER};
    auto const at = front.listen_somewhere();
    talk.say(at + ' ' + back.listen_somewhere());
    ::zmq_proxy(front.get(), back.get(), nullptr);
}

inline void work(std::string const& addresses) {
    context zmq;
    socket proxy{zmq.handle, ZMQ_DEALER};
    proxy.connect(addresses.substr(addresses.find(' ') + 1));
    std::array<char, 256> from{};
    octets task;
    while (true) {
        auto const size = proxy.receive(from.data(), from.size());
        proxy.receive(&task, sizeof task);
        task.add();
        proxy.send(from.data(), static_cast<std::size_t>(size), ZMQ_SNDMORE);
        proxy.send(&task, sizeof task);
    }
}

class client {
public:
    client(std::string const& addresses, std::uint32_t) {
        proxy_.connect(addresses.substr(0, addresses.find(' ')));
    }

    void run(load& tasks) {
        for (auto now = steady::now(); !tasks.over(now); now = steady::now()) {
            auto const before = tasks.in_flight();
            while (tasks.more(now)) {
                octets const task{tasks.submit(now)};
                proxy_.send(&task, sizeof task);
            }
            take_answers(tasks, std::max(before, tasks.in_flight()) / 2);
        }
    }

private:
    /// Waits for one, then takes what is there, but no more than leaves `enough` in flight for the others to do.
    void take_answers(load& tasks, std::uint32_t enough) {
        octets answer;
        if (tasks.in_flight() == 0) return;
        for (int flags = 0; proxy_.receive(&answer, sizeof answer, flags) >= 0; flags = ZMQ_DONTWAIT) {
            tasks.answered(answer.slot, answer.x, steady::now());
            if (tasks.in_flight() <= enough) return;
        }
    }

    context zmq_;
    socket proxy_{zmq_.handle, ZMQ_DEALER};
};

}  // namespace bench::libzmq
