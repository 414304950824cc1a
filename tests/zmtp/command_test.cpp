#include <fastqueue/zmtp/command.hpp>

#include "zmtp/support.hpp"

using namespace fastqueue;
using namespace fastqueue::zmtp;
using namespace zmtp_test;

TEST_CASE("zmtp command: name and data come apart", "[zmtp]") {
    command read;
    REQUIRE_FALSE(parse_command(hex("05 52 45 41 44 59 01 02"), read));
    auto const wire = hex("05 52 45 41 44 59 01 02");
    REQUIRE_FALSE(parse_command(wire, read));
    CHECK(read.name == "READY");
    CHECK(read.data == hex("01 02"));
    auto const bare = hex("07 57 45 4c 43 4f 4d 45");
    REQUIRE_FALSE(parse_command(bare, read));
    CHECK(read.name == "WELCOME");
    CHECK(read.data.empty());
}

TEST_CASE("zmtp command: a body without a whole name is refused", "[zmtp]") {
    command read{"old", "old"};
    CHECK(parse_command("", read) == errc::bad_command);
    CHECK(parse_command(hex("00"), read) == errc::bad_command);
    CHECK(parse_command(hex("00 52"), read) == errc::bad_command);
    CHECK(parse_command(hex("01"), read) == errc::bad_command);
    CHECK(parse_command(hex("06 52 45 41 44 59"), read) == errc::bad_command);
    CHECK(parse_command(std::string(1, '\xff') + std::string(254, 'A'), read) == errc::bad_command);
    CHECK(read.name == "old");
    auto const longest = std::string(1, '\xff') + std::string(255, 'A');
    CHECK_FALSE(parse_command(longest, read));
    CHECK(read.name.size() == 255);
}

TEST_CASE("zmtp command: libzmq's misspelt ERROR is understood", "[zmtp]") {
    auto const wire = hex("5e 52 52 4f 52 03 34 30 30");
    command read;
    REQUIRE_FALSE(parse_command(wire, read));
    CHECK(read.name == "ERROR");
    CHECK(error_reason(read.data) == "400");
}

TEST_CASE("zmtp command: what is written is what libzmq writes", "[zmtp]") {
    std::string out;
    append_subscribe(out, "topic");
    CHECK(out == hex("04 0f 09 53 55 42 53 43 52 49 42 45 74 6f 70 69 63"));
    out.clear();
    append_subscribe(out, "");
    CHECK(out == hex("04 0a 09 53 55 42 53 43 52 49 42 45"));
    out.clear();
    append_cancel(out, "topic");
    CHECK(out == hex("04 0c 06 43 41 4e 43 45 4c 74 6f 70 69 63"));
    out.clear();
    append_ping_body(out, 1500ms);
    CHECK(out == hex("04 50 49 4e 47 00 0f"));
    out.clear();
    append_pong_body(out, "CTX");
    CHECK(out == hex("04 50 4f 4e 47 43 54 58"));
    out.clear();
    append_command(out, "ERROR", error_data("400"));
    CHECK(out == hex("04 0a 05 45 52 52 4f 52 03 34 30 30"));
}

TEST_CASE("zmtp command: a long command takes the long form", "[zmtp]") {
    std::string out;
    append_command(out, "READY", std::string(249, 'x'));
    CHECK(out.substr(0, 2) == hex("04 ff"));
    out.clear();
    append_command(out, "READY", std::string(250, 'x'));
    CHECK(out.substr(0, 9) == hex("06 00 00 00 00 00 00 01 00"));
    CHECK(out.size() == 9 + 256);
}

TEST_CASE("zmtp command: a PING has a TTL and at most 16 octets of context", "[zmtp]") {
    ping read;
    CHECK(parse_ping("", read) == errc::bad_command);
    CHECK(parse_ping("x", read) == errc::bad_command);
    REQUIRE_FALSE(parse_ping(hex("00 0f"), read));
    CHECK(read.ttl == 1500ms);
    CHECK(read.context.empty());
    auto const largest = hex("ff ff") + std::string(16, 'c');
    REQUIRE_FALSE(parse_ping(largest, read));
    CHECK(read.ttl == 6553500ms);
    CHECK(read.context == std::string(16, 'c'));
    CHECK(parse_ping(largest + "c", read) == errc::bad_command);
}

TEST_CASE("zmtp command: a TTL is rounded up and cut where libzmq's arithmetic ends", "[zmtp]") {
    auto const ttl = [](std::chrono::milliseconds value) {
        std::string body;
        append_ping_body(body, value);
        return body.substr(5);
    };
    CHECK(ttl(0ms) == hex("00 00"));
    CHECK(ttl(-5ms) == hex("00 00"));
    CHECK(ttl(1ms) == hex("00 01"));
    CHECK(ttl(100ms) == hex("00 01"));
    CHECK(ttl(101ms) == hex("00 02"));
    CHECK(ttl(65'500ms) == hex("02 8f"));
    CHECK(ttl(65'501ms) == hex("02 8f"));
    CHECK(ttl(std::chrono::milliseconds::max()) == hex("02 8f"));
}

TEST_CASE("zmtp command: a PONG returns no more than 16 octets", "[zmtp]") {
    std::string out;
    append_pong_body(out, std::string(17, 'c'));
    CHECK(out == "\x04PONG" + std::string(16, 'c'));
}

TEST_CASE("zmtp command: reasons are one printable line of at most 255 octets", "[zmtp]") {
    CHECK(error_reason("") == "");
    CHECK(error_reason(hex("00")) == "");
    CHECK(error_reason(hex("05 61 0a 62")) == "a?b");  // shorter than it says
    CHECK(error_reason(hex("01 61 62 63")) == "a");    // longer than it says
    CHECK(error_data(std::string(300, 'r')) == "\xff" + std::string(255, 'r'));
    CHECK(error_data("a\nb") == "\3a?b");
    CHECK(printable("tab\t\x7f\x80") == "tab???");
}
