#include <fastqueue/zmtp/message_reader.hpp>

#include "zmtp/support.hpp"

using namespace fastqueue;
using namespace fastqueue::zmtp;
using namespace zmtp_test;

namespace {

struct collector {
    std::vector<zmtp_test::frame_list> messages;
    std::vector<std::string> commands;
    std::vector<char const*> places;

    errc command(std::string_view body) {
        commands.emplace_back(body);
        return errc{};
    }
    errc message(std::span<std::string_view const> frames) {
        messages.emplace_back(frames.begin(), frames.end());
        for (auto const frame : frames) places.push_back(frame.data());
        return errc{};
    }
};

struct opened {
    explicit opened(limits const& limits = {}) : reader{limits} { reader.open(); }
    errc feed(std::string_view bytes) { return reader.feed(bytes, mechanism, seen); }

    zmtp::detail::message_reader<null_mechanism> reader;
    null_mechanism mechanism;
    collector seen;
};

std::string frame(std::uint8_t flags, std::string_view body) {
    std::string out;
    append_frame(out, flags, body);
    return out;
}

std::string mixture() {
    std::string wire = frame(1, "a") + frame(4, "\4PING....") + frame(1, "") + frame(0, "bc");
    wire +=
        frame(0, "") + frame(1, std::string(300, 'x')) + frame(4, "\4PONG") + frame(4, std::string(400, 'c'));
    wire += frame(0, std::string(256, 'y')) + hex("02 00 00 00 00 00 00 00 02") + "zz";
    return wire + frame(1, "") + frame(1, "") + frame(0, "");
}

}  // namespace

TEST_CASE("zmtp message_reader: any two cuts give the same messages and commands", "[zmtp]") {
    auto const wire = mixture();
    opened whole;
    REQUIRE(whole.feed(wire) == errc{});
    REQUIRE(whole.seen.messages.size() == 5);
    REQUIRE(whole.seen.messages[0] == frame_list{"a", "", "bc"});
    REQUIRE(whole.seen.messages[4] == frame_list{"", "", ""});
    REQUIRE(whole.seen.commands.size() == 3);
    for (std::size_t i = 0; i <= wire.size(); ++i) {
        for (std::size_t j = i; j <= wire.size(); j += 7) {
            opened cut;
            auto const text = std::string_view{wire};
            bool ok = cut.feed(text.substr(0, i)) == errc{} && cut.feed(text.substr(i, j - i)) == errc{} &&
                      cut.feed(text.substr(j)) == errc{};
            ok = ok && cut.seen.messages == whole.seen.messages && cut.seen.commands == whole.seen.commands;
            if (!ok) FAIL("cut at " << i << " and " << j);
        }
    }
}

TEST_CASE("zmtp message_reader: octet by octet gives the same, and nothing stays behind", "[zmtp]") {
    auto const wire = mixture();
    opened whole;
    opened slow;
    REQUIRE(whole.feed(wire) == errc{});
    for (auto const c : wire) REQUIRE(slow.feed({&c, 1}) == errc{});
    CHECK(slow.seen.messages == whole.seen.messages);
    CHECK(slow.seen.commands == whole.seen.commands);
    CHECK(slow.reader.memory_bytes() <= 2 * 4096);
}

TEST_CASE("zmtp message_reader: complete messages are views into the caller's octets", "[zmtp]") {
    auto const wire = frame(1, "head") + frame(0, "body") + frame(0, "next");
    opened in;
    REQUIRE(in.feed(wire) == errc{});
    CHECK(in.seen.places == std::vector<char const*>{wire.data() + 2, wire.data() + 8, wire.data() + 14});

    // After a message that was cut, the next one is in place again.
    in.seen.places.clear();
    REQUIRE(in.feed(std::string_view{wire}.substr(0, 10)) == errc{});
    auto const rest = wire.substr(10);
    REQUIRE(in.feed(rest) == errc{});
    REQUIRE(in.seen.places.size() == 3);
    CHECK(in.seen.places[2] == rest.data() + 4);
}

TEST_CASE("zmtp message_reader: memory follows what came, not what was announced", "[zmtp]") {
    opened in;
    REQUIRE(in.feed(hex("02 00 00 00 00 01 00 00 00") + "abc") == errc{});  // 16 MiB announced
    CHECK(in.reader.memory_bytes() < 100);
    std::string const piece(64 * 1024, 'x');
    std::size_t came = 3;
    while (came + piece.size() < (16U << 20U)) {
        REQUIRE(in.feed(piece) == errc{});
        came += piece.size();
        REQUIRE(in.reader.memory_bytes() <= 4 * came + 100);
    }
    REQUIRE(in.feed(std::string((16U << 20U) - came, 'x')) == errc{});
    REQUIRE(in.seen.messages.size() == 1);
    CHECK(in.seen.messages[0][0].size() == 16U << 20U);
    CHECK(in.reader.memory_bytes() < 100);
}

TEST_CASE("zmtp message_reader: commands inside an unfinished message cost no memory", "[zmtp]") {
    opened in;
    REQUIRE(in.feed(frame(1, "first") + hex("00")) == errc{});
    REQUIRE(in.feed(hex("00")) == errc{});
    in.seen.messages.clear();
    REQUIRE(in.feed(frame(1, "first")) == errc{});
    auto const command = frame(4, "\7UNKNOWN" + std::string(200, 'x'));
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(in.feed(std::string_view{command}.substr(0, 100)) == errc{});
        REQUIRE(in.feed(std::string_view{command}.substr(100)) == errc{});
        in.seen.commands.clear();
    }
    CHECK(in.reader.memory_bytes() < 2000);
    REQUIRE(in.feed(frame(0, "last")) == errc{});
    CHECK(in.seen.messages == std::vector<frame_list>{{"first", "last"}});
}

TEST_CASE("zmtp message_reader: each limit is met exactly, before the body comes", "[zmtp]") {
    limits limits;
    limits.frame_bytes = 10;
    limits.message_bytes = 25;
    limits.message_frames = 4;
    auto const ten = frame(1, std::string(10, 'x'));
    bool const slowly = GENERATE(false, true);
    auto const result = [&](std::string const& wire) {
        opened in{limits};
        if (!slowly) return in.feed(wire);
        for (auto const c : wire) {
            if (auto const error = in.feed({&c, 1}); error != errc{}) return error;
        }
        return errc{};
    };
    CHECK(result(frame(0, std::string(10, 'x'))) == errc{});
    CHECK(result(hex("00 0b")) == errc::frame_too_large);
    CHECK(result(ten + ten + hex("00 05") + "xxxxx") == errc{});
    CHECK(result(ten + ten + hex("00 06")) == errc::message_too_large);
    auto const empty = hex("01 00");
    CHECK(result(empty + empty + empty + hex("00 00")) == errc{});
    CHECK(result(empty + empty + empty + empty + hex("00 00")) == errc::too_many_frames);
    CHECK(result(ten + ten + hex("00 05") + "xxxxx" + ten) == errc{});  // the next message begins at zero
}

TEST_CASE("zmtp message_reader: illegal flags are refused at their octet, inside a message too", "[zmtp]") {
    opened in;
    REQUIRE(in.feed(frame(1, "x")) == errc{});
    CHECK(in.feed(hex("08")) == errc::reserved_flag_set);
}

TEST_CASE("zmtp message_reader: many empty frames are taken iteratively", "[zmtp]") {
    opened in;
    std::string wire;
    for (int i = 0; i < 131'079; ++i) wire += hex("01 00");
    REQUIRE(in.feed(wire) == errc{});
    REQUIRE(in.feed(hex("00 00")) == errc{});
    REQUIRE(in.seen.messages.size() == 1);
    CHECK(in.seen.messages[0].size() == 131'080);
    CHECK(in.reader.memory_bytes() <= 8192);
    REQUIRE(in.feed(wire + hex("01 00")) == errc{});
    CHECK(in.feed(hex("00 00")) == errc::too_many_frames);
}

TEST_CASE("zmtp message_reader: before the handshake only commands, of at most 4 KiB", "[zmtp]") {
    null_mechanism mechanism;
    auto const result = [&](std::string const& wire) {
        zmtp::detail::message_reader<null_mechanism> reader{limits{}};
        collector seen;
        return reader.feed(wire, mechanism, seen);
    };
    CHECK(result(frame(4, std::string(4096, 'c'))) == errc{});
    CHECK(result(hex("06 00 00 00 00 00 00 10 01")) == errc::frame_too_large);
    CHECK(result(hex("00 00")) == errc::bad_command);
    CHECK(result(hex("01 05")) == errc::bad_command);
}

TEST_CASE(
    "zmtp message_reader: what large messages need is kept while they come, and given back when they end",
    "[zmtp]") {
    opened in;
    std::string const large = frame(0, std::string(1'000'000, 'x'));
    auto const cut_and_feed = [&](std::string_view wire) {
        in.seen.messages.clear();
        REQUIRE(in.feed(wire.substr(0, wire.size() / 2)) == errc{});
        REQUIRE(in.feed(wire.substr(wire.size() / 2)) == errc{});
    };
    for (int i = 0; i < 200; ++i) {
        cut_and_feed(large);
        REQUIRE(in.reader.memory_bytes() >= 1'000'000);
    }
    int small = 0;
    for (; in.reader.memory_bytes() > 8192 && small < 1000; ++small) cut_and_feed(frame(0, "small"));
    CHECK(small > 10);
    CHECK(small < 200);
}

TEST_CASE("zmtp message_reader: at rest it holds an unfinished message and no more", "[zmtp]") {
    opened in;
    auto const wire = frame(1, "first") + frame(0, std::string(100'000, 'x'));
    REQUIRE(in.feed(std::string_view{wire}.substr(0, 50'000)) == errc{});
    in.reader.rest();
    REQUIRE(in.feed(std::string_view{wire}.substr(50'000)) == errc{});
    CHECK(in.seen.messages == std::vector<frame_list>{{"first", std::string(100'000, 'x')}});
    in.reader.rest();
    CHECK(in.reader.memory_bytes() == 0);
}
