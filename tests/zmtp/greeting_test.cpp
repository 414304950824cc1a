#include <fastqueue/zmtp/greeting.hpp>

#include "zmtp/support.hpp"

using namespace fastqueue;
using namespace fastqueue::zmtp;
using zmtp_test::hex;

namespace {

// Feeds octet by octet; `used` says after how many the verdict came (64 for none).
std::error_code feed_slowly(std::string_view greeting, std::size_t& used,
                            std::string_view mechanism = "NULL") {
    greeting_reader reader{mechanism};
    for (used = 1; used <= greeting.size(); ++used) {
        auto octet = greeting.substr(used - 1, 1);
        if (auto const error = reader.feed(octet)) return error;
        CHECK(octet.empty());
        CHECK(reader.complete() == (used == 64));
    }
    --used;
    return {};
}

std::string with(std::size_t at, char value) {
    auto out = zmtp_test::greeting();
    out[at] = value;
    return out;
}

}  // namespace

TEST_CASE("zmtp greeting: ours is that of libzmq without an identity", "[zmtp]") {
    auto const ours = encode_greeting("NULL", false);
    CHECK(std::string(ours.data(), ours.size()) == zmtp_test::greeting());
}

TEST_CASE("zmtp greeting: the server's octet and a name of 20 octets have their places", "[zmtp]") {
    auto const ours = encode_greeting("ABCDEFGHIJKLMNOPQRST", true);
    std::string const text(ours.data(), ours.size());
    CHECK(text.substr(12, 20) == "ABCDEFGHIJKLMNOPQRST");
    CHECK(text.substr(32) == std::string(1, '\1') + std::string(31, '\0'));
}

TEST_CASE("zmtp greeting: any cut is read, and what follows is left", "[zmtp]") {
    auto const wire = zmtp_test::greeting() + "rest";
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        CAPTURE(cut);
        greeting_reader reader{"NULL"};
        auto first = std::string_view{wire}.substr(0, cut);
        auto second = std::string_view{wire}.substr(cut);
        REQUIRE_FALSE(reader.feed(first));
        REQUIRE_FALSE(reader.feed(second));
        CHECK(reader.complete());
        CHECK(std::string{first} + std::string{second} == "rest");
    }
}

TEST_CASE("zmtp greeting: garbage in padding and filler, and newer versions, are accepted", "[zmtp]") {
    auto wire = with(10, 4);
    wire[11] = 9;
    for (std::size_t i = 1; i < 9; ++i) wire[i] = '\xaa';
    for (std::size_t i = 33; i < 64; ++i) wire[i] = '\x55';
    wire[9] = '\x01';  // only its lowest bit counts
    greeting_reader reader{"NULL"};
    std::string_view in = wire;
    CHECK_FALSE(reader.feed(in));
    CHECK(reader.complete());
    CHECK(reader.major_version() == 4);
    CHECK(reader.minor_version() == 9);
    CHECK_FALSE(reader.as_server());
}

TEST_CASE("zmtp greeting: version 3.0 and the server's octet are told", "[zmtp]") {
    auto wire = with(11, 0);
    wire[32] = 1;
    greeting_reader reader{"NULL"};
    std::string_view in = wire;
    CHECK_FALSE(reader.feed(in));
    CHECK(reader.minor_version() == 0);
    CHECK(reader.as_server());
}

TEST_CASE("zmtp greeting: a bad one is refused at its first bad octet", "[zmtp]") {
    std::size_t used = 0;
    CHECK(feed_slowly("GET / HTTP/1.1", used) == errc::bad_greeting);
    CHECK(used == 1);
    CHECK(feed_slowly(with(9, '\x7e'), used) == errc::unsupported_zmtp_version);
    CHECK(used == 10);
    for (char const major : {'\0', '\1', '\2'}) {
        CHECK(feed_slowly(with(10, major), used) == errc::unsupported_zmtp_version);
        CHECK(used == 11);
    }
    CHECK(feed_slowly(with(12, 'n'), used) == errc::mechanism_mismatch);
    CHECK(used == 13);
    CHECK(feed_slowly(with(17, 'X'), used) == errc::mechanism_mismatch);  // "NULL\0X"
    CHECK(used == 18);
    CHECK(feed_slowly(with(31, 'X'), used) == errc::mechanism_mismatch);
    CHECK(used == 32);
    CHECK(feed_slowly(zmtp_test::greeting(), used, "CURVE") == errc::mechanism_mismatch);
    CHECK(used == 13);
    CHECK_FALSE(feed_slowly(zmtp_test::greeting(), used));
    CHECK(used == 64);
}
