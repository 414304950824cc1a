#include <fastqueue/wire/pair_writer.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wire = fastqueue::wire;

namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

pairs read_back(wire::pair_writer& writer, wire::form layout, std::string_view mirrored = {}) {
    std::vector<std::string_view> frames;
    writer.frames(layout, mirrored, frames);
    wire::pair_cursor cursor{frames};
    REQUIRE_FALSE(cursor.trouble());
    CHECK(cursor.form() == layout);
    pairs out;
    wire::pair p;
    while (cursor.next(p)) out.emplace_back(p.header, p.payload);
    return out;
}

}  // namespace

TEST_CASE("pair_writer: a header that is written token by token is closed by its payload", "[wire]") {
    wire::pair_writer writer;
    CHECK(writer.empty());
    auto header = writer.begin("accepted");
    header.token("id").field("ref", "7");
    writer.finish("payload");
    CHECK(writer.pairs() == 1);
    CHECK(read_back(writer, wire::form::frames) == pairs{{"FQ1 accepted id ref=7", "payload"}});
    CHECK(read_back(writer, wire::form::packed) == pairs{{"FQ1 accepted id ref=7", "payload"}});
}

TEST_CASE("pair_writer: a message takes more up to 64 pairs, or to 1 MiB", "[wire]") {
    wire::pair_writer writer;
    for (std::uint32_t i = 0; i < wire::many_pairs; ++i) {
        CHECK(writer.takes_more());
        writer.add("FQ1 v", {});
    }
    CHECK_FALSE(writer.takes_more());
    writer.clear();
    CHECK(writer.takes_more((1U << 20U) - 1));
    CHECK_FALSE(writer.takes_more(1U << 20U));
    writer.add("FQ1 v", std::string(1U << 20U, 'x'));
    CHECK_FALSE(writer.takes_more());
}

TEST_CASE("pair_writer: what would be a pack of more than 16 MiB goes as frames", "[wire]") {
    wire::pair_writer writer;
    std::string const half(8U << 20U, 'x');
    std::vector<std::string_view> frames;
    writer.add("FQ1 a", half);
    writer.frames(wire::form::packed, {}, frames);
    CHECK(frames.size() == 1);
    writer.add("FQ1 b", half);
    writer.frames(wire::form::packed, {}, frames);
    CHECK(frames == std::vector<std::string_view>{"FQ1 a", half, "FQ1 b", half});
}

TEST_CASE("pair_writer: law: what it writes the cursor reads back, in both forms and as often as asked",
          "[wire]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    wire::pair_writer writer;
    for (int round = 0; round < 200; ++round) {
        writer.clear();
        pairs written;
        auto const count = 1 + random() % 20;
        for (std::uint64_t i = 0; i < count; ++i) {
            std::string header = "FQ1 v" + std::to_string(random());
            std::string payload(random() % (random() % 8 == 0 ? 5000 : 20), '\0');
            for (auto& c : payload) c = static_cast<char>(random());
            writer.add(header, payload);
            written.emplace_back(std::move(header), std::move(payload));
        }
        REQUIRE(writer.pairs() == count);
        std::string mirrored;
        if (random() % 2 == 0) mirrored = std::string("\0\0\0\2id\0\0\0\0", 10);
        CHECK(read_back(writer, wire::form::frames, mirrored) == written);
        CHECK(read_back(writer, wire::form::packed, mirrored) == written);
        CHECK(read_back(writer, wire::form::frames) == written);
        CHECK(read_back(writer, wire::form::packed) == written);
    }
}

TEST_CASE("pair_writer: is as new after it was cleared, also after something large", "[wire]") {
    wire::pair_writer writer;
    std::string const large(3'000'000, 'x');
    writer.add("FQ1 large", large);
    CHECK(writer.octets() > large.size());
    CHECK(read_back(writer, wire::form::packed) == pairs{{"FQ1 large", large}});
    writer.clear();
    CHECK(writer.empty());
    CHECK(writer.octets() == 0);
    writer.add("FQ1 small", "y");
    CHECK(read_back(writer, wire::form::packed) == pairs{{"FQ1 small", "y"}});
    CHECK(read_back(writer, wire::form::frames) == pairs{{"FQ1 small", "y"}});
}

TEST_CASE("pair_writer: counts of every length have room before the blocks", "[wire]") {
    for (std::uint32_t const count : {1U, 9U, 10U, 99U, 100U, 9'999U, 10'000U, 65'536U}) {
        CAPTURE(count);
        wire::pair_writer writer;
        for (std::uint32_t i = 0; i < count; ++i) writer.add("FQ1 a", "");
        CHECK(read_back(writer, wire::form::packed).size() == count);
    }
}

TEST_CASE("pair_writer: after a move both may be used", "[wire]") {
    wire::pair_writer first;
    first.add("FQ1 a", "1");
    wire::pair_writer second{std::move(first)};
    first.clear();
    first.add("FQ1 b", "2");
    CHECK(read_back(second, wire::form::packed) == pairs{{"FQ1 a", "1"}});
    CHECK(read_back(first, wire::form::packed) == pairs{{"FQ1 b", "2"}});
}
