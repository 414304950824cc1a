#include <fastqueue/core/courier.hpp>
#include <fastqueue/shell/perform.hpp>
#include <fastqueue/shell/queued.hpp>
#include <fastqueue/transport/tcp.hpp>

#include <zmq.h>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "transport/tcp_world.hpp"

namespace {

using namespace fastqueue;
using namespace std::chrono_literals;
using test::post;

/// A libzmq socket with a context of its own. It never waits in a call.
class libzmq_socket {
public:
    explicit libzmq_socket(int type) : context_{zmq_ctx_new()}, socket_{open_socket(type)} {
        set(ZMQ_LINGER, 0);
        set(ZMQ_RECONNECT_IVL, 10);
    }
    libzmq_socket(libzmq_socket const&) = delete;
    libzmq_socket& operator=(libzmq_socket const&) = delete;
    ~libzmq_socket() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }
    void set(int option, int value) { REQUIRE(zmq_setsockopt(socket_, option, &value, sizeof value) == 0); }
    void connect(endpoint const& to) { REQUIRE(zmq_connect(socket_, to.text().c_str()) == 0); }
    std::uint16_t bind() {
        REQUIRE(zmq_bind(socket_, "tcp://127.0.0.1:*") == 0);
        char text[256];
        std::size_t size = sizeof text;
        REQUIRE(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text, &size) == 0);
        return make_endpoint(text).port;
    }
    [[nodiscard]] bool bind(endpoint const& at) { return zmq_bind(socket_, at.text().c_str()) == 0; }
    [[nodiscard]] bool send(std::vector<std::string> const& frames) {
        for (std::size_t i = 0; i < frames.size(); ++i) {
            int const flags = ZMQ_DONTWAIT | (i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
            if (zmq_send(socket_, frames[i].data(), frames[i].size(), flags) < 0) return false;
        }
        return true;
    }
    /// Empty where there is none.
    [[nodiscard]] std::vector<std::string> receive() {
        std::vector<std::string> frames;
        for (;;) {
            zmq_msg_t message;
            zmq_msg_init(&message);
            int const size = zmq_msg_recv(&message, socket_, ZMQ_DONTWAIT);
            if (size >= 0) {
                frames.emplace_back(static_cast<char*>(zmq_msg_data(&message)),
                                    static_cast<std::size_t>(size));
            }
            bool const more = size >= 0 && zmq_msg_more(&message) != 0;
            zmq_msg_close(&message);
            if (!more) return frames;
        }
    }

private:
    void* open_socket(int type) { return ::zmq_socket(context_, type); }

    void* context_;
    void* socket_;
};

/// A courier on a transport, as a role has it.
struct courier_role {
    explicit courier_role(test::tcp_world::node& node) : net{node} {
        net.sink.on_opened = [this](peer_id p) { CHECK(courier.opened(p, now())); };
        net.sink.on_closed = [this](peer_id p) { CHECK(courier.closed(p, net.sink.why_closed(p), now())); };
        net.sink.on_turn_end = [this] { finish_turn(); };
    }
    [[nodiscard]] instant now() const { return net.transport.now().steady; }
    void finish_turn() {
        courier.turn(now(), 0, [this](peer_id p) { return shell::queued(net.transport, p); });
        shell::perform(out, 0, net.transport, frames,
                       [this](std::uint32_t tag, peer_id p) { courier.dialled(tag, p); });
        net.transport.arm(courier.next_deadline());
    }

    test::tcp_world::node& net;
    core::outbox out;
    core::courier courier{{}, out};
    std::vector<std::string_view> frames;
};

std::vector<std::string> const samples{"", "short", std::string(255, 'a'), std::string(256, 'b'),
                                       std::string(3U << 20U, 'c')};

}  // namespace

TEST_CASE("tcp: a libzmq DEALER talks to our listener, also with large messages", "[interop]") {
    test::tcp_world world;
    auto& server = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    server.sink.on_message = [&](peer_id p, auto frames) { CHECK_FALSE(server.transport.send(p, frames)); };
    libzmq_socket dealer{ZMQ_DEALER};
    dealer.connect(where);
    for (int round = 0; round < 50; ++round) {
        REQUIRE(dealer.send(samples));
        std::vector<std::string> got;
        REQUIRE(world.pump([&] { return !(got = dealer.receive()).empty(); }));
        REQUIRE(got == samples);
    }
    REQUIRE(server.sink.arrivals.size() == 1);
    CHECK_FALSE(server.sink.arrivals[0].one_at_a_time);
}

TEST_CASE("tcp: a libzmq REQ is told as a peer that asks one thing at a time", "[interop]") {
    test::tcp_world world;
    auto& server = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    server.sink.on_message = [&](peer_id p, auto frames) { CHECK_FALSE(server.transport.send(p, frames)); };
    libzmq_socket req{ZMQ_REQ};
    req.connect(where);
    REQUIRE(req.send({"question"}));
    std::vector<std::string> got;
    REQUIRE(world.pump([&] { return !(got = req.receive()).empty(); }));
    CHECK(got == std::vector<std::string>{"question"});
    CHECK(server.sink.arrivals[0].one_at_a_time);
    CHECK(server.sink.letters[0].frames == std::vector<std::string>{"", "question"});
}

TEST_CASE("tcp: we dial a libzmq ROUTER, and several of us do", "[interop]") {
    test::tcp_world world;
    libzmq_socket router{ZMQ_ROUTER};
    auto const port = router.bind();
    auto& client = world.add();
    auto const first = client.transport.dial({"127.0.0.1", port}, 1);
    auto const second = client.transport.dial({"localhost", port}, 2);
    REQUIRE(world.pump([&] { return client.sink.arrivals.size() == 2; }));
    REQUIRE_FALSE(post(client.transport, first, {"from the first", ""}));
    REQUIRE_FALSE(post(client.transport, second, {"from the second"}));
    for (int answered = 0; answered < 2;) {
        REQUIRE(world.pump([&] {
            auto const got = router.receive();
            if (got.empty()) return false;
            REQUIRE(router.send({got[0], "echo", got[1]}));
            ++answered;
            return true;
        }));
    }
    REQUIRE(world.pump([&] { return client.sink.letters.size() == 2; }));
    for (auto const& letter : client.sink.letters) {
        CHECK(letter.frames ==
              std::vector<std::string>{"echo", letter.peer == first ? "from the first" : "from the second"});
    }
}

TEST_CASE("tcp: a libzmq peer whose socket type does not fit is refused, others are served", "[interop]") {
    test::tcp_world world;
    auto& server = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    libzmq_socket pull{ZMQ_PULL};
    pull.connect(where);
    (void)world.pump_for(200ms, [] { return false; });
    CHECK(server.sink.arrivals.empty());
    libzmq_socket dealer{ZMQ_DEALER};
    dealer.connect(where);
    REQUIRE(dealer.send({"hello"}));
    REQUIRE(world.pump([&] { return server.sink.letters.size() == 1; }));
}

TEST_CASE("tcp: a libzmq peer comes back after we have closed it", "[interop]") {
    test::tcp_world world;
    auto& server = world.add();
    endpoint where;
    REQUIRE_FALSE(server.transport.listen({"127.0.0.1", 0}, 1, where));
    libzmq_socket dealer{ZMQ_DEALER};
    dealer.connect(where);
    REQUIRE(world.pump([&] { return server.sink.arrivals.size() == 1; }));
    server.transport.close(server.sink.arrivals[0].peer);
    REQUIRE(world.pump([&] { return server.sink.arrivals.size() == 2; }));
}

TEST_CASE("tcp: a libzmq ROUTER that goes is told as a lost connection", "[interop]") {
    test::tcp_world world;
    auto& client = world.add();
    peer_id peer{};
    {
        libzmq_socket router{ZMQ_ROUTER};
        peer = client.transport.dial({"127.0.0.1", router.bind()}, 1);
        REQUIRE(world.pump([&] { return client.sink.has_opened(peer); }));
    }
    REQUIRE(world.pump([&] { return client.sink.has_closed(peer); }));
    CHECK(client.sink.why_closed(peer) == errc::connection_lost);
}

TEST_CASE("tcp: we push to a libzmq PULL, and it gets all, whole and in order", "[interop]") {
    test::tcp_world world;
    libzmq_socket pull{ZMQ_PULL};
    pull.set(ZMQ_RCVHWM, 0);
    auto& client = world.add();
    auto const peer = client.transport.dial_push({"127.0.0.1", pull.bind()}, 1);
    REQUIRE(world.pump([&] { return client.sink.has_opened(peer); }));
    constexpr int count = 2000;
    for (int i = 0; i < count; ++i)
        REQUIRE_FALSE(post(client.transport, peer, {"FQ1 result " + std::to_string(i), "8"}));
    REQUIRE_FALSE(post(client.transport, peer, samples));
    for (int i = 0; i < count; ++i) {
        std::vector<std::string> got;
        REQUIRE(world.pump([&] { return !(got = pull.receive()).empty(); }));
        REQUIRE(got == std::vector<std::string>{"FQ1 result " + std::to_string(i), "8"});
    }
    std::vector<std::string> got;
    REQUIRE(world.pump([&] { return !(got = pull.receive()).empty(); }));
    bool const whole = got == samples;
    CHECK(whole);
    CHECK(client.sink.endings.empty());
}

TEST_CASE("tcp: a libzmq PULL that goes is told to our PUSH", "[interop]") {
    test::tcp_world world;
    auto& client = world.add();
    peer_id peer{};
    {
        libzmq_socket pull{ZMQ_PULL};
        peer = client.transport.dial_push({"127.0.0.1", pull.bind()}, 1);
        REQUIRE(world.pump([&] { return client.sink.has_opened(peer); }));
    }
    REQUIRE(world.pump([&] { return client.sink.has_closed(peer); }));
    CHECK(client.sink.why_closed(peer) == errc::connection_lost);
}

TEST_CASE("tcp: a libzmq socket that is no PULL refuses our PUSH", "[interop]") {
    test::tcp_world world;
    libzmq_socket router{ZMQ_ROUTER};
    auto& client = world.add();
    auto const peer = client.transport.dial_push({"127.0.0.1", router.bind()}, 1);
    REQUIRE(world.pump([&] { return client.sink.has_closed(peer); }));
    CHECK(client.sink.why_closed(peer) == errc::socket_type_mismatch);
}

TEST_CASE("tcp: a courier's letters come to a libzmq PULL, though that is bound late, goes and comes again",
          "[interop]") {
    test::tcp_world world;
    courier_role role{world.add()};
    auto const where = world.unused_address();
    auto const post = [&](int i) {
        REQUIRE(
            role.courier.post(where, "FQ1 result " + std::to_string(i), std::to_string(i), 0, role.now()));
    };
    for (int i = 0; i < 100; ++i) post(i);
    REQUIRE(world.pump([&] { return role.net.sink.endings.size() >= 2; }));
    CHECK(role.net.sink.endings[0].why == errc::refused);
    auto const comes = [&](libzmq_socket& pull, int from) {
        for (int i = from; i < from + 100; ++i) {
            std::vector<std::string> got;
            REQUIRE(world.pump([&] { return !(got = pull.receive()).empty(); }));
            REQUIRE(got == std::vector<std::string>{"FQ1 result " + std::to_string(i), std::to_string(i)});
        }
    };
    {
        libzmq_socket pull{ZMQ_PULL};
        REQUIRE(pull.bind(where));
        comes(pull, 0);
        CHECK(role.courier.waiting() == 0);
    }
    auto const ended = role.net.sink.endings.size();
    REQUIRE(world.pump([&] { return role.net.sink.endings.size() > ended; }));  // it has gone
    for (int i = 100; i < 200; ++i) post(i);
    libzmq_socket pull{ZMQ_PULL};
    REQUIRE(world.pump([&] { return pull.bind(where); }));
    comes(pull, 100);
    CHECK(role.courier.counters().sent == 200);
    CHECK(role.courier.counters().failed == 0);
    CHECK(role.net.sink.letters_seen == 0);
}
