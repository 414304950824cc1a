#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

// What the drivers that speak a protocol over a socket of their own share.
namespace bench {

/// The other side has ended: the case is over.
struct peer_gone : std::runtime_error {
    peer_gone() : std::runtime_error{"the other side has gone"} {}
};

/// Sends at once what is sent, and blocks nobody.
inline void make_quick(descriptor const& socket) {
    int const on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
}

/// A connected socket that never blocks: what is put waits until the system takes it, what has come until it is taken.
class stream {
public:
    explicit stream(descriptor socket) : socket_{std::move(socket)} {
        make_quick(socket_);
        in_.resize(256 * 1024);
    }
    [[nodiscard]] int socket() const noexcept { return socket_.get(); }

    /// Reads once. \throws peer_gone
    void fill() {
        make_room();
        auto const got = ::recv(socket_.get(), in_.data() + have_, in_.size() - have_, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) throw peer_gone{};
        if (got > 0)
            have_ += static_cast<std::size_t>(got);
        else if (errno != EAGAIN && errno != EINTR)
            fail("recv");
    }
    [[nodiscard]] std::string_view unread() const noexcept { return {in_.data() + taken_, have_ - taken_}; }
    void take(std::size_t size) noexcept { taken_ += size; }

    /// What is appended here is sent by the next `flush`.
    [[nodiscard]] std::string& out() noexcept { return out_; }
    /// Sends what the system takes now. \throws peer_gone
    void flush() {
        sent_ += offer(std::string_view{out_}.substr(sent_));
        if (sent_ > out_.size() / 2) out_.erase(0, std::exchange(sent_, 0));
    }
    /// The same for octets that are copied only where the system does not take them yet. \throws peer_gone
    void send(std::string_view octets) {
        if (!unsent()) octets.remove_prefix(offer(octets));
        out_ += octets;
    }
    [[nodiscard]] bool unsent() const noexcept { return sent_ < out_.size(); }

private:
    /// \return how many it took
    std::size_t offer(std::string_view octets) {
        std::size_t taken = 0;
        while (taken < octets.size()) {
            auto const sent =
                ::send(socket_.get(), octets.data() + taken, octets.size() - taken, MSG_NOSIGNAL);
            if (sent > 0)
                taken += static_cast<std::size_t>(sent);
            else if (errno == EAGAIN)
                break;
            else if (errno == EPIPE || errno == ECONNRESET)
                throw peer_gone{};
            else if (errno != EINTR)
                fail("send");
        }
        return taken;
    }
    void make_room() {
        have_ -= taken_;
        if (taken_ > 0) std::memmove(in_.data(), in_.data() + std::exchange(taken_, 0), have_);
        if (have_ == in_.size()) in_.resize(2 * in_.size());
    }

    descriptor socket_;
    std::string in_;
    std::string out_;
    std::size_t have_ = 0;   // octets of in_
    std::size_t taken_ = 0;  // of these
    std::size_t sent_ = 0;   // octets of out_
};

/// Waits for octets on some streams, and for room to send where some are left to be sent.
template <class Stream = stream>
class waiter {
public:
    waiter() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {}
    /// The stream stays where it is from now on.
    void add(Stream& s) {
        set(EPOLL_CTL_ADD, s, EPOLLIN);
        streams_.push_back({&s});
    }
    /// Sends what was put, waits, calls `f(stream&)` for each that has octets to be read.
    template <class F>
    void wait(F&& f) {
        for (auto& s : streams_) send(s);
        std::array<::epoll_event, 4> events{};
        auto const count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            auto const& event = events[static_cast<std::size_t>(i)];
            if (event.events != EPOLLOUT) f(*static_cast<Stream*>(event.data.ptr));
        }
    }

private:
    struct entry {
        Stream* stream;
        bool sending = false;
    };
    void send(entry& s) {
        s.stream->flush();
        if (s.stream->unsent() == s.sending) return;
        s.sending = !s.sending;
        set(EPOLL_CTL_MOD, *s.stream, s.sending ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    void set(int operation, Stream& s, std::uint32_t events) {
        ::epoll_event event{};
        event.events = events;
        event.data.ptr = &s;
        if (::epoll_ctl(epoll_.get(), operation, s.socket(), &event) != 0) fail("epoll_ctl");
    }

    descriptor epoll_;
    std::vector<entry> streams_;
};

/// Waits again and again, until a peer has gone.
template <class Stream, class F>
void wait_for_ever(waiter<Stream>& ready, F&& f) {
    try {
        while (true) ready.wait(f);
    } catch (peer_gone const&) {}
}

/// A client's closed loop: `send(slot)` puts a task, `take(stream, now)` takes what answers have come.
template <class Stream, class Send, class Take>
void run_closed_loop(load& tasks, waiter<Stream>& ready, Send&& send, Take&& take) {
    for (auto now = steady::now(); !tasks.over(now); now = steady::now()) {
        while (tasks.more(now)) send(tasks.submit(now));
        ready.wait([&](Stream& from) {
            from.fill();
            take(from, steady::now());
        });
    }
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
/// Tries for `seconds`: the server may not listen yet.
[[nodiscard]] inline descriptor connect_to(std::string const& port, double seconds = 10) {
    auto const at = loopback(static_cast<std::uint16_t>(std::stoul(port)));
    auto const end = steady::now() + std::chrono::duration<double>(seconds);
    while (true) {
        descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (::connect(socket.get(), reinterpret_cast<::sockaddr const*>(&at), sizeof at) == 0) return socket;
        if (steady::now() > end) fail("connect");
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
}

}  // namespace bench
