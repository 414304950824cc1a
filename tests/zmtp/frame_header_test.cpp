#include <fastqueue/zmtp/frame_header.hpp>

#include "zmtp/support.hpp"

using namespace fastqueue;
using namespace fastqueue::zmtp;
using zmtp_test::hex;

namespace {

constexpr std::uint64_t no_limit = ~std::uint64_t{0};

std::string header(std::uint8_t flags, std::uint64_t size) {
    std::string out;
    append_header(out, flags, size);
    return out;
}

}  // namespace

TEST_CASE("zmtp frame_header: 255 octets are short, 256 are long", "[zmtp]") {
    CHECK(header(0, 0) == hex("00 00"));
    CHECK(header(frame_flag::more, 5) == hex("01 05"));
    CHECK(header(0, 255) == hex("00 ff"));
    CHECK(header(0, 256) == hex("02 00 00 00 00 00 00 01 00"));
    CHECK(header(frame_flag::more, 300) == hex("03 00 00 00 00 00 00 01 2c"));
    CHECK(header(frame_flag::command, 41) == hex("04 29"));
    CHECK(header(frame_flag::command, 294) == hex("06 00 00 00 00 00 00 01 26"));
    for (auto const size : {0ULL, 255ULL, 256ULL, 1ULL << 40}) {
        CHECK(header(0, size).size() == encoded_header_bytes(size));
    }
}

TEST_CASE("zmtp frame_header: what is written is read", "[zmtp]") {
    for (auto const size :
         {0ULL, 1ULL, 255ULL, 256ULL, 65'536ULL, 0x0102030405060708ULL, (1ULL << 63U) - 1}) {
        for (std::uint8_t const flags : {std::uint8_t{0}, frame_flag::more, frame_flag::command}) {
            auto const wire = header(flags, size);
            frame_header read;
            REQUIRE_FALSE(decode_header(wire + "tail", no_limit, read));
            CHECK(read.body_bytes == size);
            CHECK(read.header_bytes == wire.size());
            CHECK(read.more() == (flags == frame_flag::more));
            CHECK(read.command() == (flags == frame_flag::command));
            for (std::size_t cut = 0; cut < wire.size(); ++cut) {
                CHECK(decode_header(std::string_view{wire}.substr(0, cut), no_limit, read) ==
                      errc::need_more);
            }
        }
    }
}

TEST_CASE("zmtp frame_header: the long form of a short body is accepted", "[zmtp]") {
    frame_header read;
    REQUIRE_FALSE(decode_header(hex("02 00 00 00 00 00 00 00 03"), no_limit, read));
    CHECK(read.body_bytes == 3);
    CHECK(read.header_bytes == 9);
}

TEST_CASE("zmtp frame_header: illegal flags are refused at the first octet", "[zmtp]") {
    for (unsigned flags = 0; flags < 256; ++flags) {
        CAPTURE(flags);
        bool const legal = flags < 7 && flags != 5;
        frame_header read;
        std::string const octet(1, static_cast<char>(flags));
        CHECK(decode_header(octet, no_limit, read) == (legal ? errc::need_more : errc::reserved_flag_set));
    }
}

TEST_CASE("zmtp frame_header: the limit is met exactly", "[zmtp]") {
    frame_header read;
    CHECK_FALSE(decode_header(header(0, 100), 100, read));
    CHECK(decode_header(header(0, 101), 100, read) == errc::frame_too_large);
    CHECK_FALSE(decode_header(header(0, 5000), 5000, read));
    CHECK(decode_header(header(0, 5001), 5000, read) == errc::frame_too_large);
}

TEST_CASE("zmtp frame_header: bit 63 is refused whatever the limit", "[zmtp]") {
    frame_header read;
    CHECK(decode_header(hex("02 80 00 00 00 00 00 00 00"), no_limit, read) == errc::frame_too_large);
    CHECK(decode_header(hex("02 ff ff ff ff ff ff ff ff"), no_limit, read) == errc::frame_too_large);
    CHECK_FALSE(decode_header(hex("02 7f ff ff ff ff ff ff ff"), no_limit, read));
}

TEST_CASE("zmtp frame_header: a failure leaves the result alone", "[zmtp]") {
    frame_header read{7, 2, 1};
    CHECK(decode_header(hex("02 80 00 00 00 00 00 00 00"), no_limit, read));
    CHECK(decode_header("", no_limit, read));
    CHECK(read.body_bytes == 7);
    CHECK(read.header_bytes == 2);
}
