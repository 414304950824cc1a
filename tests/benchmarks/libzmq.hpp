#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

// libzmq as it comes: DEALER, `zmq_proxy` between ROUTER and DEALER, DEALER. One context with one I/O thread a
// process, no high-water marks.
namespace bench::libzmq {

[[noreturn]] inline void fail(char const* what) {
    throw std::runtime_error{std::string{what} + ": " + ::zmq_strerror(::zmq_errno())};
}

/// Octets in libzmq's keeping.
class message {
public:
    message() { ::zmq_msg_init(&message_); }
    message(packing const& form, octets const& o) {
        if (::zmq_msg_init_size(&message_, form.size()) != 0) fail("zmq_msg_init_size");
        form.write(::zmq_msg_data(&message_), o);
    }
    message(message const&) = delete;
    message& operator=(message const&) = delete;
    ~message() { ::zmq_msg_close(&message_); }

    [[nodiscard]] ::zmq_msg_t* get() noexcept { return &message_; }
    [[nodiscard]] octets read(packing const& form) {
        return form.read({static_cast<char const*>(::zmq_msg_data(&message_)), ::zmq_msg_size(&message_)});
    }
    void overwrite(octets const& o) noexcept { std::memcpy(::zmq_msg_data(&message_), &o, sizeof o); }

private:
    ::zmq_msg_t message_{};
};

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
    /// Sends it as it is, without copying.
    void send(message& m, int flags = 0) {
        if (::zmq_msg_send(m.get(), socket_, flags) < 0) fail("zmq_msg_send");
    }
    /// \return whether there was one; false only with ZMQ_DONTWAIT
    bool receive(message& m, int flags = 0) {
        while (::zmq_msg_recv(m.get(), socket_, flags) < 0) {
            if (::zmq_errno() == EAGAIN) return false;
            if (::zmq_errno() != EINTR) fail("zmq_msg_recv");
        }
        return true;
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

inline void work(std::string const& addresses, std::size_t payload) {
    context zmq;
    socket proxy{zmq.handle, ZMQ_DEALER};
    proxy.connect(addresses.substr(addresses.find(' ') + 1));
    packing const form{payload};
    message from;
    message task;
    while (true) {
        proxy.receive(from);
        proxy.receive(task);
        auto o = task.read(form);
        o.add();
        task.overwrite(o);
        proxy.send(from, ZMQ_SNDMORE);
        proxy.send(task);
    }
}

class client {
public:
    client(std::string const& addresses, share const& part) : form_{part.payload} {
        proxy_.connect(addresses.substr(0, addresses.find(' ')));
    }

    void run(load& tasks) {
        for (auto now = steady::now(); !tasks.over(now); now = steady::now()) {
            auto const before = tasks.in_flight();
            while (tasks.more(now)) {
                message task{form_, {tasks.submit(now)}};
                proxy_.send(task);
            }
            take_answers(tasks, std::max(before, tasks.in_flight()) / 2);
        }
    }

private:
    /// Waits for one, then takes what is there, but no more than leaves `enough` in flight for the others to do.
    void take_answers(load& tasks, std::uint32_t enough) {
        message answer;
        if (tasks.in_flight() == 0) return;
        for (int flags = 0; proxy_.receive(answer, flags); flags = ZMQ_DONTWAIT) {
            auto const o = answer.read(form_);
            tasks.answered(o.slot, o.x, steady::now());
            if (tasks.in_flight() <= enough) return;
        }
    }

    context zmq_;
    socket proxy_{zmq_.handle, ZMQ_DEALER};
    packing form_;
};

}  // namespace bench::libzmq
