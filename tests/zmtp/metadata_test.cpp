#include <fastqueue/zmtp/metadata.hpp>

#include "zmtp/support.hpp"

using namespace fastqueue;
using namespace fastqueue::zmtp;
using namespace zmtp_test;

namespace {

std::string property(std::string_view name, std::string_view value) {
    std::string out;
    append_property(out, name, value);
    return out;
}

std::error_code read(std::string const& in) {
    peer_properties out;
    return read_properties(in, out);
}

}  // namespace

TEST_CASE("zmtp metadata: written as libzmq writes it", "[zmtp]") {
    CHECK(property("Socket-Type", "REQ") == hex("0b 53 6f 63 6b 65 74 2d 54 79 70 65 00 00 00 03 52 45 51"));
    CHECK(property("Identity", "") == hex("08 49 64 65 6e 74 69 74 79 00 00 00 00"));
    CHECK(property("X", std::string(0x010203, 'v')).substr(2, 4) == hex("00 01 02 03"));
}

TEST_CASE("zmtp metadata: properties are visited in order", "[zmtp]") {
    std::string seen;
    auto const in = property("A", "1") + property("b.+-_9", "") + property("A", "2");
    REQUIRE_FALSE(for_each_property(in, [&](std::string_view n, std::string_view v) {
        seen.append(n).append("=").append(v).append(";");
    }));
    CHECK(seen == "A=1;b.+-_9=;A=2;");
    CHECK_FALSE(for_each_property("", [](auto, auto) { FAIL("nothing to visit"); }));
}

TEST_CASE("zmtp metadata: every cut but those between properties is refused", "[zmtp]") {
    auto const first = property("Socket-Type", "DEALER");
    auto const whole = first + property("Identity", "worker-1");
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        CAPTURE(cut);
        bool const between = cut == 0 || cut == first.size();
        CHECK(read(whole.substr(0, cut)) ==
              (between ? std::error_code{} : make_error_code(errc::bad_metadata)));
    }
    CHECK_FALSE(read(whole));
    CHECK(read(whole + "\1") == errc::bad_metadata);  // one trailing octet
}

TEST_CASE("zmtp metadata: malformed properties are refused", "[zmtp]") {
    CHECK(read(hex("00 00 00 00 00")) == errc::bad_metadata);        // no name
    CHECK(read(hex("01 41 00 00 00 02 78")) == errc::bad_metadata);  // value past the end
    CHECK(read(hex("01 41 ff ff ff ff 78")) == errc::bad_metadata);  // a negative length
    CHECK(read(hex("01 41 00 00 00 05")) == errc::bad_metadata);     // libzmq accepts that one
    CHECK(read(hex("ff 41 00 00 00 00")) == errc::bad_metadata);     // name past the end
    CHECK(read(hex("01 20 00 00 00 00")) == errc::bad_metadata);     // a space in a name
    CHECK_FALSE(read(hex("01 41 00 00 00 01 78")));
}

TEST_CASE("zmtp metadata: names are taken in any case, values as they are", "[zmtp]") {
    peer_properties out;
    auto const in = property("SOCKET-type", "DEALER") + property("X-Other", "?") + property("identity", "me");
    REQUIRE_FALSE(read_properties(in, out));
    CHECK(out.socket_type == "DEALER");
    CHECK(out.identity == "me");
    CHECK(same_name("aZ-9", "Az-9"));
    CHECK_FALSE(same_name("[", "{"));  // 0x20 apart, and no letters
    CHECK_FALSE(same_name("ab", "abc"));
}

TEST_CASE("zmtp metadata: both known properties may be missing, and neither may come twice", "[zmtp]") {
    peer_properties out;
    REQUIRE_FALSE(read_properties(property("X", ""), out));
    CHECK_FALSE(out.socket_type);
    CHECK(out.identity.empty());
    CHECK(read(property("Socket-Type", "REQ") + property("socket-type", "REQ")) == errc::bad_metadata);
    CHECK(read(property("Identity", "") + property("Identity", "")) == errc::bad_metadata);
}

TEST_CASE("zmtp metadata: an identity has at most 255 octets and no NUL in front", "[zmtp]") {
    CHECK_FALSE(read(property("Identity", std::string(255, 'i'))));
    CHECK(read(property("Identity", std::string(256, 'i'))) == errc::bad_metadata);
    CHECK(read(property("Identity", std::string("\0a", 2))) == errc::bad_metadata);
    CHECK_FALSE(read(property("Identity", std::string("a\0", 2))));
}

TEST_CASE("zmtp metadata: the whole is limited to 4096 octets", "[zmtp]") {
    auto const exact = property("X", std::string(metadata_bytes_limit - 6, 'v'));
    REQUIRE(exact.size() == metadata_bytes_limit);
    CHECK_FALSE(read(exact));
    CHECK(read(property("X", std::string(metadata_bytes_limit - 5, 'v'))) == errc::bad_metadata);
}
