#include <fastqueue/wire/pair_cursor.hpp>

#include <fastqueue/wire/pair_writer.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wire = fastqueue::wire;
using fastqueue::errc;
using frames = std::vector<std::string_view>;
using pairs = std::vector<std::pair<std::string, std::string>>;

namespace {

pairs walk(wire::pair_cursor cursor) {
    pairs out;
    wire::pair p;
    while (cursor.next(p)) out.emplace_back(p.header, p.payload);
    CHECK(cursor.pairs_left() == 0);
    return out;
}
/// The code with which the message is refused as a whole; none where it is walked.
errc refusal(frames const& message, std::uint32_t max_pairs = 65'536) {
    wire::pair_cursor const cursor{message, max_pairs};
    if (cursor.trouble()) CHECK(walk(cursor).empty());
    return cursor.trouble() ? cursor.trouble()->code : errc{};
}
std::string block(std::string_view text) {
    std::string out(4, '\0');
    wire::detail::store_u32(out.data(), static_cast<std::uint32_t>(text.size()));
    return out.append(text);
}
errc refusal_of_pack(std::string const& pack) { return refusal({pack}); }

}  // namespace

TEST_CASE("pair_cursor: walks pairs of frames in their order", "[wire]") {
    frames const message{"FQ1 a", "1", "FQ1 b", "", "FQ1 c", "3"};
    wire::pair_cursor const cursor{message};
    REQUIRE_FALSE(cursor.trouble());
    CHECK(cursor.form() == wire::form::frames);
    CHECK(cursor.pairs_left() == 3);
    CHECK(walk(cursor) == pairs{{"FQ1 a", "1"}, {"FQ1 b", ""}, {"FQ1 c", "3"}});
}

TEST_CASE("pair_cursor: a message of one empty frame is a probe; of none, nothing", "[wire]") {
    frames const probe{""};
    CHECK(wire::pair_cursor{probe}.is_probe());
    CHECK_FALSE(wire::pair_cursor{probe}.trouble());
    CHECK(walk(wire::pair_cursor{probe}).empty());
    CHECK(refusal({}) == errc::bad_request);
    CHECK(refusal({"", ""}) == errc{});  // a pair whose header is unreadable
}

TEST_CASE("pair_cursor: odd frames are refused as a whole", "[wire]") {
    CHECK(refusal({"FQ1 a"}) == errc::bad_request);
    CHECK(refusal({"FQ1 a", "1", "FQ1 b"}) == errc::bad_request);
    CHECK(refusal({"", "FQ1 a"}) == errc::bad_request);
    CHECK(refusal({"junk"}) == errc::bad_request);
}

TEST_CASE("pair_cursor: an envelope of up to eight frames is cut off and mirrored; of nine it is none",
          "[wire]") {
    for (std::size_t size = 0; size <= 9; ++size) {
        CAPTURE(size);
        frames message;
        std::vector<std::string> names;
        for (std::size_t i = 0; i + 1 < size; ++i) names.push_back("identity" + std::to_string(i));
        for (auto const& name : names) message.push_back(name);
        if (size > 0) message.push_back("");
        message.insert(message.end(), {"FQ1 a", "1", "FQ1 b", "2"});
        wire::pair_cursor const cursor{message};
        if (size == 9) {
            CHECK(cursor.trouble());
            continue;
        }
        REQUIRE_FALSE(cursor.trouble());
        CHECK(walk(cursor) == pairs{{"FQ1 a", "1"}, {"FQ1 b", "2"}});
        wire::envelope mirrored;
        cursor.copy_envelope(mirrored);
        wire::pair_writer reply;
        reply.add("FQ1 r", "x");
        frames back;
        reply.frames(wire::form::frames, mirrored, back);
        REQUIRE(back.size() == size + 2);
        for (std::size_t i = 0; i < size; ++i) CHECK(back[i] == message[i]);
        CHECK(back[size] == "FQ1 r");
    }
}

TEST_CASE("pair_cursor: REQ's delimiter, and REQ_CORRELATE's id before it, are an envelope", "[wire]") {
    frames const plain{"", "FQ1 get id", ""};
    CHECK(walk(wire::pair_cursor{plain}) == pairs{{"FQ1 get id", ""}});
    std::string const id{"\0\0\0\1", 4};
    frames const correlated{id, "", "FQ1 get id", ""};
    CHECK(walk(wire::pair_cursor{correlated}) == pairs{{"FQ1 get id", ""}});
}

TEST_CASE("pair_cursor: empty payloads and payloads that look like headers are no envelope", "[wire]") {
    frames const message{"FQ1 a", "", "FQ1 b", "FQ1 c"};
    CHECK(walk(wire::pair_cursor{message}) == pairs{{"FQ1 a", ""}, {"FQ1 b", "FQ1 c"}});
    wire::envelope mirrored = "old";
    wire::pair_cursor{message}.copy_envelope(mirrored);
    CHECK(mirrored.empty());
}

TEST_CASE(
    "pair_cursor: an identity may be empty octets of its own, the last empty frame before a header ends it",
    "[wire]") {
    frames const message{"", "", "FQ1 a", "1"};
    wire::pair_cursor const cursor{message};
    REQUIRE_FALSE(cursor.trouble());
    CHECK(walk(cursor) == pairs{{"FQ1 a", "1"}});
}

TEST_CASE("pair_cursor: fault 61: an envelope over 512 octets is refused", "[wire]") {
    std::string const fits(504, 'i');  // two lengths of four octets
    std::string const over(505, 'i');
    CHECK(refusal({fits, "", "FQ1 a", "1"}) == errc{});
    CHECK(refusal({over, "", "FQ1 a", "1"}) == errc::too_large);
}

TEST_CASE("pair_cursor: more pairs than the limit are too large, in both forms", "[wire]") {
    frames const message{"FQ1 a", "1", "FQ1 b", "2"};
    CHECK(refusal(message, 2) == errc{});
    CHECK(refusal(message, 1) == errc::too_large);
    auto const pack = "FQ1 pack 2\n" + block("FQ1 a") + block("1") + block("FQ1 b") + block("2");
    CHECK(refusal({pack}, 2) == errc{});
    CHECK(refusal({pack}, 1) == errc::too_large);
}

TEST_CASE("pair_cursor: a pack is walked like frames, with an envelope too", "[wire]") {
    auto const pack =
        "FQ1 pack 2\n" + block("FQ1 a") + block("") + block("FQ1 b") + block(std::string("\n\0x", 3));
    frames const alone{pack};
    wire::pair_cursor const cursor{alone};
    REQUIRE_FALSE(cursor.trouble());
    CHECK(cursor.form() == wire::form::packed);
    CHECK(walk(cursor) == pairs{{"FQ1 a", ""}, {"FQ1 b", std::string("\n\0x", 3)}});
    frames const enveloped{"id", "", pack};
    wire::pair_cursor const second{enveloped};
    REQUIRE_FALSE(second.trouble());
    CHECK(second.form() == wire::form::packed);
    CHECK(walk(second).size() == 2);
}

TEST_CASE("pair_cursor: a pack's count is 1 to 65536 and is what is there", "[wire]") {
    auto const one = block("FQ1 a") + block("1");
    for (auto const* count :
         {"0", "", "-1", "+1", "x", "1 ", " 1", "1.0", "65537", "99999999999999999999", "2"}) {
        CAPTURE(count);
        CHECK(refusal_of_pack("FQ1 pack " + std::string{count} + "\n" + one) == errc::bad_request);
    }
    CHECK(refusal_of_pack("FQ1 pack 1\n" + one) == errc{});
    CHECK(refusal_of_pack("FQ1 pack 1" + one) == errc::bad_request);
    CHECK(refusal_of_pack("FQ1 pack 1\r\n" + one) == errc::bad_request);
    CHECK(refusal_of_pack("FQ1 pack 1\n") == errc::bad_request);
    CHECK(refusal_of_pack("FQ1 pack ") == errc::bad_request);
}

TEST_CASE("pair_cursor: the largest pack there may be is walked", "[wire]") {
    std::string pack = "FQ1 pack 65536\n";
    auto const one = block("FQ1 a") + block("");
    for (int i = 0; i < 65'536; ++i) pack += one;
    frames const message{pack};
    wire::pair_cursor cursor{message};
    REQUIRE_FALSE(cursor.trouble());
    CHECK(cursor.pairs_left() == 65'536);
    wire::pair p;
    std::uint32_t count = 0;
    while (cursor.next(p)) count += p.header == "FQ1 a" ? 1U : 0U;
    CHECK(count == 65'536);
    CHECK(refusal_of_pack("FQ1 pack 65537" + pack.substr(14) + one) == errc::bad_request);
}

TEST_CASE("pair_cursor: fault 44: a pack that is cut anywhere, or has octets behind it, is refused",
          "[wire]") {
    auto const pack = "FQ1 pack 2\n" + block("FQ1 a") + block("payload") + block("FQ1 b") + block("");
    for (std::size_t cut = 1; cut < pack.size(); ++cut) {
        CAPTURE(cut);
        CHECK(refusal_of_pack(pack.substr(0, cut)) == errc::bad_request);
    }
    CHECK(refusal_of_pack(pack) == errc{});
    CHECK(refusal_of_pack(pack + '\0') == errc::bad_request);
    CHECK(refusal_of_pack(pack + block("FQ1 c") + block("")) == errc::bad_request);
}

TEST_CASE("pair_cursor: fault 58: lengths near the end of the number's range are refused", "[wire]") {
    for (std::uint32_t const length : {0xffffffffU, 0xfffffffcU, 0x80000000U, 0x7fffffffU}) {
        std::string octets(4, '\0');
        wire::detail::store_u32(octets.data(), length);
        CHECK(refusal_of_pack("FQ1 pack 1\n" + octets + "FQ1 a") == errc::bad_request);
        CHECK(refusal_of_pack("FQ1 pack 1\n" + block("FQ1 a") + octets) == errc::bad_request);
    }
}

TEST_CASE("pair_cursor: no pack in a pack, but a payload may hold anything", "[wire]") {
    auto const inner = "FQ1 pack 1\n" + block("FQ1 a") + block("1");
    CHECK(refusal_of_pack("FQ1 pack 1\n" + block(inner) + block("")) == errc::bad_request);
    CHECK(refusal_of_pack("FQ1 pack 1\n" + block("FQ1 a") + block(inner)) == errc{});
}
