#include <fastqueue/zmtp/mechanism.hpp>

#include "zmtp/support.hpp"

#include <memory>

using namespace fastqueue;
using namespace fastqueue::zmtp;
using namespace zmtp_test;

namespace {

// A mechanism that seals, with the order of CURVE and no secrets: HELLO, WELCOME, then frames whose body is
// `S`, the flags, and the octets turned over. Move-only, as one with keys would be.
struct toy_mechanism {
    static constexpr std::string_view name = "TOY";
    static constexpr bool seals = true;
    static constexpr std::size_t frame_overhead = 2;

    explicit toy_mechanism(bool server = false) : server_{server} {}

    bool as_server() const noexcept { return server_; }

    std::error_code start(std::string_view metadata, std::string& out) {
        metadata_ = metadata;
        if (!server_) append_command(out, "HELLO", metadata);
        return {};
    }

    handshake_reply on_command(command const& from_peer, std::string&) {
        if (from_peer.name != (server_ ? "HELLO" : "WELCOME")) return {errc::bad_command, false, {}};
        if (from_peer.data == "deny") return {errc::not_authorized, false, {}};
        return {{}, true, from_peer.data};
    }

    void finish(std::string& out) {
        if (server_) append_command(out, "WELCOME", metadata_);
    }

    void refuse(std::string_view reason, std::string& out) { append_command(out, "NO", reason); }

    std::error_code encode_frame(std::uint8_t flags, std::string_view body, std::string& out) {
        if (body == "unsealable") return errc::not_authorized;
        append_header(out, 0, body.size() + 2);
        out.push_back('S');
        out.push_back(static_cast<char>(flags));
        for (char const c : body) out.push_back(static_cast<char>(~c));
        return {};
    }

    std::error_code decode_frame(std::uint8_t flags, std::string_view body, std::uint8_t& plain_flags,
                                 std::string& out) {
        if ((flags & ~frame_flag::large) != 0 || body.size() < 2 || body[0] != 'S') return errc::bad_value;
        plain_flags = static_cast<std::uint8_t>(body[1]);
        for (char const c : body.substr(2)) out.push_back(static_cast<char>(~c));
        return {};
    }

    bool server_;
    std::string metadata_;
    std::unique_ptr<int> key_ = std::make_unique<int>(7);
};

static_assert(mechanism<toy_mechanism>);
static_assert(!mechanism<int>);

using sealed = basic_connection<toy_mechanism>;

struct sealed_pair {
    explicit sealed_pair(limits const& limits = {})
        : client{{socket_type::dealer, false, "me", limits}, {}, toy_mechanism{false}},
          server{{socket_type::router, true, "", limits}, {}, toy_mechanism{true}} {}

    void shake() {
        for (int i = 0; i < 3; ++i) {
            REQUIRE_FALSE(server.receive(drain(client), {}, at_server));
            REQUIRE_FALSE(client.receive(drain(server), {}, at_client));
        }
        REQUIRE(client.ready());
        REQUIRE(server.ready());
    }

    sealed client;
    sealed server;
    recorder at_client;
    recorder at_server;
};

}  // namespace

TEST_CASE("zmtp null_mechanism: READY goes out at once, and READY is all it takes", "[zmtp]") {
    null_mechanism null;
    std::string out;
    REQUIRE_FALSE(null.start("properties", out));
    CHECK(out == "\x04\x10\x05READYproperties");
    out.clear();
    auto const good = null.on_command({"READY", "theirs"}, out);
    CHECK_FALSE(good.error);
    CHECK(good.peer_known);
    CHECK(good.peer_metadata == "theirs");
    null.finish(out);
    CHECK(out.empty());
    CHECK(null.on_command({"HELLO", ""}, out).error == errc::bad_command);
    null.refuse("no", out);
    CHECK(out == hex("04 09 05 45 52 52 4f 52 02 6e 6f"));
    CHECK_FALSE(null.as_server());
}

TEST_CASE("zmtp mechanism: a sealing one shakes hands in its own order, by role", "[zmtp]") {
    sealed_pair pair;
    auto const hello = drain(pair.client);
    CHECK(hello.substr(12, 3) == "TOY");
    CHECK(hello[32] == 0);
    auto const greeting = drain(pair.server);
    CHECK(greeting[32] == 1);
    REQUIRE_FALSE(pair.server.receive(hello, {}, pair.at_server));
    CHECK(pair.server.pending().empty());  // the server speaks when it is asked
    REQUIRE_FALSE(pair.client.receive(greeting, {}, pair.at_client));
    pair.shake();
    CHECK(pair.server.peer_identity() == "me");
    CHECK(pair.at_server.readies == 1);
    CHECK(pair.at_client.readies == 1);
}

TEST_CASE("zmtp mechanism: sealed messages arrive whole however they are cut", "[zmtp]") {
    sealed_pair pair;
    pair.shake();
    std::vector<frame_list> const sent{
        {"one"}, {"", "two", std::string(300, 'x')}, {""}, {std::string(70'000, 'y'), "z"}};
    for (auto const& m : sent) REQUIRE_FALSE(send(pair.client, m));
    auto const wire = drain(pair.client);
    CHECK(wire.find("two") == std::string::npos);
    for (std::size_t const step : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, wire.size()}) {
        pair.at_server.messages.clear();
        for (std::size_t at = 0; at < wire.size(); at += step) {
            REQUIRE_FALSE(pair.server.receive(std::string_view{wire}.substr(at, step), {}, pair.at_server));
        }
        CHECK(pair.at_server.messages == sent);
    }
    CHECK(pair.server.buffered_bytes() < 1'000'000);
    REQUIRE(pair.server.next_deadline());
    REQUIRE_FALSE(pair.server.tick(*pair.server.next_deadline()));
    CHECK(pair.server.buffered_bytes() < 1024);
}

TEST_CASE("zmtp mechanism: PING and PONG are sealed too", "[zmtp]") {
    sealed_pair pair;
    pair.shake();
    REQUIRE_FALSE(send(pair.client, {"x"}));
    REQUIRE_FALSE(pair.client.tick(instant{} + 5s));
    auto const wire = drain(pair.client);
    CHECK(wire.find("PING") == std::string::npos);
    REQUIRE_FALSE(pair.server.receive(wire, instant{} + 5s, pair.at_server));
    CHECK(pair.at_server.messages == std::vector<frame_list>{{"x"}});
    CHECK(pair.server.pending() == hex("00 07 53 04 fb af b0 b1 b8"));
}

TEST_CASE("zmtp mechanism: the limits count plain octets", "[zmtp]") {
    limits limits;
    limits.frame_bytes = 10;
    limits.message_bytes = 15;
    sealed_pair pair{limits};
    pair.shake();
    toy_mechanism hand;
    std::string wire;
    REQUIRE_FALSE(hand.encode_frame(frame_flag::more, std::string(10, 'x'), wire));
    REQUIRE_FALSE(hand.encode_frame(0, std::string(5, 'x'), wire));
    CHECK_FALSE(pair.server.receive(wire, {}, pair.at_server));
    CHECK(pair.at_server.messages.size() == 1);
    SECTION("a message") {
        wire.clear();
        REQUIRE_FALSE(hand.encode_frame(frame_flag::more, std::string(10, 'x'), wire));
        REQUIRE_FALSE(hand.encode_frame(0, std::string(6, 'x'), wire));
        CHECK(pair.server.receive(wire, {}, pair.at_server) == errc::message_too_large);
    }
    SECTION("a frame") {
        CHECK(pair.server.receive(hex("00 0d"), {}, pair.at_server) == errc::frame_too_large);
    }
}

TEST_CASE("zmtp mechanism: its refusals end the connection", "[zmtp]") {
    sealed_pair pair;
    SECTION("a frame that does not open") {
        pair.shake();
        CHECK(pair.server.receive(hex("00 02 58 00"), {}, pair.at_server) == errc::bad_value);
    }
    SECTION("a frame in the clear") {
        pair.shake();
        CHECK(pair.server.receive(hex("04 05 04 50 4f 4e 47"), {}, pair.at_server) == errc::bad_value);
    }
    SECTION("illegal flags inside") {
        pair.shake();
        CHECK(pair.server.receive(hex("00 02 53 08"), {}, pair.at_server) == errc::reserved_flag_set);
    }
    SECTION("a peer it does not like") {
        auto wire = drain(pair.client).substr(0, 64);
        append_command(wire, "HELLO", "deny");
        CHECK(pair.server.receive(wire, {}, pair.at_server) == errc::not_authorized);
        CHECK_FALSE(pair.server.ready());
    }
    SECTION("a peer whose type does not fit hears it in the mechanism's own words") {
        auto wire = drain(pair.client).substr(0, 64);
        std::string metadata;
        append_property(metadata, "Socket-Type", "PULL");
        append_command(wire, "HELLO", metadata);
        drain(pair.server);
        CHECK(pair.server.receive(wire, {}, pair.at_server) == errc::socket_type_mismatch);
        CHECK(drain(pair.server) == "\x04\x1f\x02NOROUTER does not talk to PULL");
    }
    SECTION("a frame that cannot be sealed") {
        pair.shake();
        CHECK(send(pair.server, {"unsealable"}) == errc::not_authorized);
        CHECK_FALSE(pair.server.ready());
    }
}

namespace {

struct answering_sink {
    sealed& self;
    std::error_code sent{};
    std::size_t frames_seen = 0;

    void ready() {}
    void message(std::span<std::string_view const> frames) {
        sent = send(self, {"unsealable"});
        for (auto const frame : frames) frames_seen += frame == "x" ? 1U : 0U;  // the views still live
    }
};

}  // namespace

TEST_CASE("zmtp mechanism: an error of send() inside the sink ends receive()", "[zmtp]") {
    sealed_pair pair;
    pair.shake();
    REQUIRE_FALSE(send(pair.client, {"x", "x"}));
    REQUIRE_FALSE(send(pair.client, {"x"}));
    answering_sink sink{pair.server};
    CHECK(pair.server.receive(drain(pair.client), {}, sink) == errc::not_authorized);
    CHECK(sink.sent == errc::not_authorized);
    CHECK(sink.frames_seen == 2);
}
