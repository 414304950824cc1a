#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

// The floor: the task's 16 octets alone over bare TCP through a relay, one read and one write a wake-up.
namespace bench::raw_tcp {

/// The other side has ended: the case is over.
struct peer_gone {};

/// Sends at once what is sent, and blocks nobody.
inline void make_quick(descriptor const& socket) {
    int const on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
}

/// A connected stream of messages of 16 octets; what is put is written by `flush`.
class stream {
public:
    explicit stream(descriptor socket) : socket_{std::move(socket)} {
        make_quick(socket_);
        in_.resize(256 * 1024);
    }
    [[nodiscard]] int socket() const noexcept { return socket_.get(); }

    /// Reads once, calls `f(octets)` for each whole message.
    template <class F>
    void read(F&& f) {
        auto const got = ::recv(socket_.get(), in_.data() + have_, in_.size() - have_, 0);
        if (got == 0) throw peer_gone{};
        if (got < 0) {
            if (errno == EAGAIN || errno == EINTR) return;
            fail("recv");
        }
        have_ += static_cast<std::size_t>(got);
        std::size_t at = 0;
        for (; have_ - at >= sizeof(octets); at += sizeof(octets)) f(octets::read(in_.data() + at));
        have_ -= at;
        std::memmove(in_.data(), in_.data() + at, have_);
    }
    void put(octets const& o) { out_.append(reinterpret_cast<char const*>(&o), sizeof o); }
    void flush() {
        for (std::string_view rest = out_; !rest.empty();) {
            auto const sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
            if (sent > 0) {
                rest.remove_prefix(static_cast<std::size_t>(sent));
            } else if (errno == EAGAIN) {
                ::pollfd room{socket_.get(), POLLOUT, 0};
                ::poll(&room, 1, 1000);
            } else if (errno != EINTR) {
                fail("send");
            }
        }
        out_.clear();
    }

private:
    descriptor socket_;
    std::string in_;
    std::string out_;
    std::size_t have_ = 0;
};

/// Waits for octets on some streams.
class waiter {
public:
    waiter() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {}
    void add(stream& s) {
        ::epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &s;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, s.socket(), &event) != 0) fail("epoll_ctl");
    }
    /// Calls `f(stream&)` for each that has some.
    template <class F>
    void wait(F&& f) {
        std::array<::epoll_event, 4> events{};
        auto const count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i)
            f(*static_cast<stream*>(events[static_cast<std::size_t>(i)].data.ptr));
    }

private:
    descriptor epoll_;
};

/// Waits again and again, until a peer has gone.
template <class F>
void wait_for_ever(waiter& ready, F&& f) {
    try {
        while (true) ready.wait(f);
    } catch (peer_gone const&) {}
}

[[nodiscard]] inline ::sockaddr_in loopback(std::uint16_t port) {
    ::sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}
[[nodiscard]] inline descriptor listen_somewhere(std::string& port) {
    descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto at = loopback(0);
    ::socklen_t length = sizeof at;
    auto* const address = reinterpret_cast<::sockaddr*>(&at);
    if (::bind(socket.get(), address, sizeof at) != 0 || ::listen(socket.get(), 4) != 0 ||
        ::getsockname(socket.get(), address, &length) != 0)
        fail("listen");
    port = std::to_string(ntohs(at.sin_port));
    return socket;
}
[[nodiscard]] inline descriptor connected(std::string const& port) {
    descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto const at = loopback(static_cast<std::uint16_t>(std::stoul(port)));
    if (::connect(socket.get(), reinterpret_cast<::sockaddr const*>(&at), sizeof at) != 0) fail("connect");
    return socket;
}
[[nodiscard]] inline stream connect_to(std::string const& port) { return stream{connected(port)}; }

inline void serve(channel& talk) {
    std::string front;
    std::string back;
    auto const clients = listen_somewhere(front);
    auto const workers = listen_somewhere(back);
    talk.say(front + ' ' + back);
    stream worker{descriptor{::accept(workers.get(), nullptr, nullptr)}};
    stream client{descriptor{::accept(clients.get(), nullptr, nullptr)}};
    waiter ready;
    ready.add(worker);
    ready.add(client);
    wait_for_ever(ready, [&](stream& from) {
        auto& to = &from == &client ? worker : client;
        from.read([&](octets const& o) { to.put(o); });
        to.flush();
    });
}

inline void work(std::string const& addresses) {
    auto relay = connect_to(addresses.substr(addresses.find(' ') + 1));
    waiter ready;
    ready.add(relay);
    wait_for_ever(ready, [&](stream& from) {
        from.read([&](octets o) {
            o.add();
            from.put(o);
        });
        from.flush();
    });
}

class client {
public:
    client(std::string const& addresses, std::uint32_t)
        : relay_{connect_to(addresses.substr(0, addresses.find(' ')))} {
        ready_.add(relay_);
    }
    void run(load& tasks) {
        for (auto now = steady::now(); !tasks.over(now);) {
            while (tasks.more(now)) relay_.put({tasks.submit(now)});
            relay_.flush();
            ready_.wait([&](stream&) {
                now = steady::now();
                relay_.read([&](octets const& o) { tasks.answered(o.slot, o.x, now); });
            });
            now = steady::now();
        }
    }

private:
    stream relay_;
    waiter ready_;
};

}  // namespace bench::raw_tcp
