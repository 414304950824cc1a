// Our connection against a real libzmq socket of the same process, over loopback TCP.
#include <fastqueue/zmtp/connection.hpp>

#include "support/catch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace fastqueue;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 10s;  // every wait ends after this, and the test fails

using frames = std::vector<std::string>;

class file {
public:
    explicit file(int fd) : fd_{fd} { REQUIRE(fd >= 0); }
    file(file&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    ~file() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

sockaddr_in loopback(int port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(static_cast<std::uint16_t>(port));
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
}

bool wait_for(int fd, short what, std::chrono::milliseconds most) {
    pollfd p{fd, what, 0};
    return ::poll(&p, 1, static_cast<int>(most.count())) > 0;
}

class listener {
public:
    listener() : fd_{::socket(AF_INET, SOCK_STREAM, 0)} {
        auto address = loopback(0);
        REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(fd_.get(), 8) == 0);
        socklen_t size = sizeof address;
        REQUIRE(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
    }
    std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
    file accept() {
        REQUIRE(wait_for(fd_.get(), POLLIN, patience));
        return file{::accept(fd_.get(), nullptr, nullptr)};
    }

private:
    file fd_;
    int port_ = 0;
};

file dial(std::string const& endpoint) {
    auto const port = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
    file out{::socket(AF_INET, SOCK_STREAM, 0)};
    auto address = loopback(port);
    REQUIRE(::connect(out.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return out;
}

// A connection of ours on a socket, turned by hand.
class ours {
public:
    ours(file socket, zmtp::connection_options options)
        : socket_{std::move(socket)}, connection{options, now()} {}

    // Turns until `done`; false when the patience or the connection is at its end.
    bool until(std::function<bool()> const& done) {
        auto const end = now() + patience;
        while (!done()) {
            if (now() >= end || error || closed) return false;
            turn(10ms);
        }
        return true;
    }

    bool until_closed() {
        auto const end = now() + patience;
        while (now() < end && !error && !closed) turn(10ms);
        return error || closed;
    }

    void send(frames const& message) {
        std::vector<std::string_view> const views(message.begin(), message.end());
        REQUIRE_FALSE(connection.send(views));
    }

    void ready() { ++readies; }
    void message(std::span<std::string_view const> m) { received.emplace_back(m.begin(), m.end()); }

    // Writes what the peer takes, reads what is there, within `most`.
    void turn(std::chrono::milliseconds most) {
        write();
        auto const due = connection.next_deadline();
        if (due && now() >= *due) error = connection.tick(now());
        bool const writing = !connection.pending().empty();
        if (!wait_for(socket_.get(), static_cast<short>(POLLIN | (writing ? POLLOUT : 0)), most)) return;
        auto const n = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (n == 0) closed = true;
        if (n > 0) {
            traffic.append(buffer_.data(), static_cast<std::size_t>(n));
            error = connection.receive({buffer_.data(), static_cast<std::size_t>(n)}, now(), *this);
        }
        write();
    }

    void write() {
        while (!connection.pending().empty()) {
            auto const waiting = connection.pending();
            auto const n = ::send(socket_.get(), waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n <= 0) return;
            connection.consumed(static_cast<std::size_t>(n), now());
        }
    }

    static instant now() { return std::chrono::steady_clock::now(); }

private:
    file socket_;
    std::vector<char> buffer_ = std::vector<char>(64 * 1024);

public:
    zmtp::connection connection;
    std::error_code error;
    bool closed = false;
    int readies = 0;
    std::vector<frames> received;
    std::string traffic;  // all that came
};

// A libzmq socket that never blocks for longer than the patience.
class theirs {
public:
    explicit theirs(int type) : context_{zmq_ctx_new()}, socket_{zmq_socket(context_, type)} {
        set(ZMQ_LINGER, 0);
        set(ZMQ_RCVTIMEO, static_cast<int>(std::chrono::milliseconds{patience}.count()));
        set(ZMQ_SNDTIMEO, static_cast<int>(std::chrono::milliseconds{patience}.count()));
    }
    theirs(theirs const&) = delete;
    ~theirs() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }

    void set(int option, int value) { REQUIRE(zmq_setsockopt(socket_, option, &value, sizeof value) == 0); }
    void set(int option, std::string_view value) {
        REQUIRE(zmq_setsockopt(socket_, option, value.data(), value.size()) == 0);
    }
    void connect(std::string const& endpoint) { REQUIRE(zmq_connect(socket_, endpoint.c_str()) == 0); }
    std::string bind() {
        REQUIRE(zmq_bind(socket_, "tcp://127.0.0.1:*") == 0);
        std::array<char, 256> name{};
        std::size_t size = name.size();
        REQUIRE(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, name.data(), &size) == 0);
        return name.data();
    }

    void send(frames const& message) {
        for (std::size_t i = 0; i < message.size(); ++i) {
            int const more = i + 1 < message.size() ? ZMQ_SNDMORE : 0;
            REQUIRE(zmq_send(socket_, message[i].data(), message[i].size(), more) ==
                    static_cast<int>(message[i].size()));
        }
    }

    // Whether a message is there; for polling while our side is turned.
    bool readable() {
        zmq_pollitem_t item{socket_, 0, ZMQ_POLLIN, 0};
        return zmq_poll(&item, 1, 0) > 0;
    }

    frames receive() {
        frames out;
        int more = 1;
        while (more != 0) {
            zmq_msg_t part;
            zmq_msg_init(&part);
            REQUIRE(zmq_msg_recv(&part, socket_, 0) >= 0);
            out.emplace_back(static_cast<char const*>(zmq_msg_data(&part)), zmq_msg_size(&part));
            more = zmq_msg_more(&part);
            zmq_msg_close(&part);
        }
        return out;
    }

private:
    void* context_;
    void* socket_;
};

zmtp::connection_options as(zmtp::socket_type type, bool accepted, std::string identity = {}) {
    zmtp::connection_options out;
    out.type = type;
    out.accepted = accepted;
    out.identity = std::move(identity);
    return out;
}

std::vector<frames> const samples{
    {"x"},
    {""},
    {"", "hi"},
    {"a", "", "b", std::string(255, 'c'), std::string(256, 'd')},
    {std::string(300, 'e'), std::string(300, 'f')},
    {std::string(1 << 20, 'g'), "tail"},
    frames(2000, "many"),
};

}  // namespace

TEST_CASE("libzmq: its DEALER dials our ROUTER, and all samples go both ways", "[interop]") {
    listener door;
    theirs dealer{ZMQ_DEALER};
    dealer.set(ZMQ_ROUTING_ID, "worker-1");
    dealer.connect(door.endpoint());
    ours router{door.accept(), as(zmtp::socket_type::router, true)};
    REQUIRE(router.until([&] { return router.connection.ready(); }));
    CHECK(router.connection.peer_type() == zmtp::socket_type::dealer);
    CHECK(router.connection.peer_identity() == "worker-1");
    CHECK(router.readies == 1);
    for (auto const& sample : samples) {
        router.received.clear();
        dealer.send(sample);
        REQUIRE(router.until([&] { return !router.received.empty(); }));
        CHECK(router.received == std::vector<frames>{sample});
        router.send(sample);
        REQUIRE(router.until([&] { return dealer.readable(); }));
        CHECK(dealer.receive() == sample);
    }
}

TEST_CASE("libzmq: our DEALER dials its ROUTER, and all samples go both ways", "[interop]") {
    theirs router{ZMQ_ROUTER};
    ours dealer{dial(router.bind()), as(zmtp::socket_type::dealer, false, "me")};
    REQUIRE(dealer.until([&] { return dealer.connection.ready(); }));
    CHECK(dealer.connection.peer_type() == zmtp::socket_type::router);
    for (auto const& sample : samples) {
        dealer.received.clear();
        dealer.send(sample);
        REQUIRE(dealer.until([&] { return router.readable(); }));
        auto got = router.receive();
        REQUIRE(got.front() == "me");
        CHECK(frames(got.begin() + 1, got.end()) == sample);
        router.send(got);
        REQUIRE(dealer.until([&] { return !dealer.received.empty(); }));
        CHECK(dealer.received == std::vector<frames>{sample});
    }
}

TEST_CASE("libzmq: its ROUTER dials our DEALER", "[interop]") {
    listener door;
    theirs router{ZMQ_ROUTER};
    router.connect(door.endpoint());
    ours dealer{door.accept(), as(zmtp::socket_type::dealer, true, "back")};
    REQUIRE(dealer.until([&] { return dealer.connection.ready(); }));
    dealer.send({"one", "two"});
    REQUIRE(dealer.until([&] { return router.readable(); }));
    CHECK(router.receive() == frames{"back", "one", "two"});
    router.send({"back", "answer"});
    REQUIRE(dealer.until([&] { return !dealer.received.empty(); }));
    CHECK(dealer.received == std::vector<frames>{{"answer"}});
}

TEST_CASE("libzmq: our ROUTER dials its DEALER", "[interop]") {
    theirs dealer{ZMQ_DEALER};
    ours router{dial(dealer.bind()), as(zmtp::socket_type::router, false)};
    REQUIRE(router.until([&] { return router.connection.ready(); }));
    router.send({"from", "router"});
    REQUIRE(router.until([&] { return dealer.readable(); }));
    CHECK(dealer.receive() == frames{"from", "router"});
    dealer.send({"from dealer"});
    REQUIRE(router.until([&] { return !router.received.empty(); }));
    CHECK(router.received == std::vector<frames>{{"from dealer"}});
}

TEST_CASE("libzmq: its REQ asks our ROUTER again and again", "[interop]") {
    listener door;
    theirs req{ZMQ_REQ};
    req.connect(door.endpoint());
    ours router{door.accept(), as(zmtp::socket_type::router, true)};
    for (int i = 0; i < 20; ++i) {
        auto const question = "question " + std::to_string(i);
        router.received.clear();
        req.send({question});
        REQUIRE(router.until([&] { return !router.received.empty(); }));
        REQUIRE(router.received == std::vector<frames>{{"", question}});
        router.send({"", "answer to", question});
        REQUIRE(router.until([&] { return req.readable(); }));
        CHECK(req.receive() == frames{"answer to", question});
    }
    CHECK(router.connection.peer_type() == zmtp::socket_type::req);
}

TEST_CASE("libzmq: our PUSH feeds its PULL", "[interop]") {
    theirs pull{ZMQ_PULL};
    ours push{dial(pull.bind()), as(zmtp::socket_type::push, false)};
    REQUIRE(push.until([&] { return push.connection.ready(); }));
    push.send({"callback", "value"});
    REQUIRE(push.until([&] { return pull.readable(); }));
    CHECK(pull.receive() == frames{"callback", "value"});
}

TEST_CASE("libzmq: many small messages arrive in order, both ways at once", "[interop]") {
    listener door;
    theirs dealer{ZMQ_DEALER};
    dealer.set(ZMQ_RCVHWM, 0);
    dealer.set(ZMQ_SNDHWM, 0);
    dealer.connect(door.endpoint());
    ours router{door.accept(), as(zmtp::socket_type::router, true)};
    REQUIRE(router.until([&] { return router.connection.ready(); }));
    constexpr int count = 20'000;
    for (int i = 0; i < count; ++i) {
        dealer.send({"d", std::to_string(i)});
        router.send({"r", std::to_string(i)});
    }
    int back = 0;
    bool in_order = true;
    REQUIRE(router.until([&] {
        while (dealer.readable())
            in_order = dealer.receive() == frames{"r", std::to_string(back++)} && in_order;
        return back == count && router.received.size() == count;
    }));
    for (int i = 0; i < count; ++i) {
        in_order = router.received[static_cast<std::size_t>(i)] == frames{"d", std::to_string(i)} && in_order;
    }
    CHECK(in_order);
}

TEST_CASE("libzmq: its heartbeats are answered, and the connection outlives its limits", "[interop]") {
    listener door;
    theirs dealer{ZMQ_DEALER};
    dealer.set(ZMQ_HEARTBEAT_IVL, 50);
    dealer.set(ZMQ_HEARTBEAT_TIMEOUT, 500);
    dealer.set(ZMQ_HEARTBEAT_TTL, 1000);
    dealer.connect(door.endpoint());
    ours router{door.accept(), as(zmtp::socket_type::router, true)};
    REQUIRE(router.until([&] { return router.connection.ready(); }));
    auto const pings = [&] {
        int n = 0;
        for (auto at = router.traffic.find("\4PING"); at != std::string::npos;
             at = router.traffic.find("\4PING", at + 1))
            ++n;
        return n;
    };
    REQUIRE(router.until([&] { return pings() >= 25; }));  // 1.25 s: more than its limits
    dealer.send({"still here"});
    REQUIRE(router.until([&] { return !router.received.empty(); }));
    CHECK(router.received == std::vector<frames>{{"still here"}});
    CHECK_FALSE(router.closed);
}

TEST_CASE("libzmq: it answers our heartbeats", "[interop]") {
    theirs router{ZMQ_ROUTER};
    auto options = as(zmtp::socket_type::dealer, false);
    options.limits.heartbeat_interval = 20ms;
    options.limits.heartbeat_timeout = 5000ms;
    options.limits.heartbeat_ttl = 1000ms;
    ours dealer{dial(router.bind()), options};
    REQUIRE(dealer.until([&] { return dealer.connection.ready(); }));
    auto const pongs = [&] {
        int n = 0;
        for (auto at = dealer.traffic.find("\4PONG"); at != std::string::npos;
             at = dealer.traffic.find("\4PONG", at + 1))
            ++n;
        return n;
    };
    CHECK(dealer.until([&] { return pongs() >= 10; }));
    CHECK(dealer.connection.ready());
}

TEST_CASE("libzmq: who only listens to it stays connected past the TTL it announced", "[interop]") {
    listener door;
    theirs dealer{ZMQ_DEALER};
    dealer.connect(door.endpoint());
    auto options = as(zmtp::socket_type::router, true);
    options.limits.heartbeat_interval = 50ms;
    options.limits.heartbeat_ttl = 600ms;
    ours router{door.accept(), options};
    REQUIRE(router.until([&] { return router.connection.ready(); }));
    // One PING of ours, then traffic towards us alone for three times the TTL.
    REQUIRE(router.until([&] { return router.traffic.find("\4PONG") != std::string::npos; }));
    auto const end = ours::now() + 1800ms;
    while (ours::now() < end && !router.closed) {
        dealer.send({"tick"});
        router.turn(20ms);
    }
    CHECK_FALSE(router.closed);
    CHECK_FALSE(router.error);
}

TEST_CASE("libzmq: a socket type that does not fit is refused on both sides", "[interop]") {
    listener door;
    theirs pull{ZMQ_PULL};
    pull.connect(door.endpoint());
    ours router{door.accept(), as(zmtp::socket_type::router, true)};
    CHECK(router.until_closed());
    CHECK(router.readies == 0);
    if (router.error)
        CHECK(router.error == errc::socket_type_mismatch);  // libzmq may have been the first to close
}
