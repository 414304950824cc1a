#include <fastqueue/model/task_id.hpp>

#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

using fastqueue::uuid;

namespace {

fastqueue::wall_instant at_ms(std::uint64_t ms) { return fastqueue::from_epoch_us(ms * 1000); }

}  // namespace

TEST_CASE("uuid: reads and writes its 36 characters", "[model]") {
    std::string_view const text = "01890a5d-ac96-774b-bcce-b302099a8057";
    auto const id = uuid::parse(text);
    REQUIRE(id.has_value());
    CHECK(id->text() == text);
    CHECK(id->octets()[0] == 0x01);
    CHECK(id->octets()[15] == 0x57);
    CHECK(uuid::parse("01890A5D-AC96-774B-BCCE-B302099A8057") == id);
}

TEST_CASE("uuid: reads nothing else", "[model]") {
    for (std::string_view const text :
         {"", "01890a5dac96774bbcceb302099a8057", "01890a5d-ac96-774b-bcce-b302099a805",
          "01890a5d-ac96-774b-bcce-b302099a80577", "{1890a5d-ac96-774b-bcce-b302099a805}",
          "01890a5d-ac96-774b-bcce-b302099a805g", "01890a5d-ac96-774b-bcceb-302099a8057",
          "01890a5d_ac96_774b_bcce_b302099a8057", " 1890a5d-ac96-774b-bcce-b302099a8057"}) {
        CAPTURE(text);
        CHECK_FALSE(uuid::parse(text).has_value());
    }
    std::string nul = "01890a5d-ac96-774b-bcce-b302099a8057";
    nul[5] = '\0';
    CHECK_FALSE(uuid::parse(nul).has_value());
}

TEST_CASE("uuid: every octet at every place is read as a digit or refused", "[model]") {
    std::string_view const good = "01890a5d-ac96-774b-bcce-b302099a8057";
    std::string_view const digits = "0123456789abcdef";
    for (std::size_t place = 0; place < good.size(); ++place) {
        for (int octet = 0; octet < 256; ++octet) {
            std::string text{good};
            text[place] = static_cast<char>(octet);
            auto lower = text;
            if (octet >= 'A' && octet <= 'F') lower[place] = static_cast<char>(octet - 'A' + 'a');
            bool const dash = good[place] == '-';
            bool const fits = dash ? octet == '-' : digits.find(lower[place]) != std::string_view::npos;
            auto const id = uuid::parse(text);
            CAPTURE(place, octet);
            REQUIRE(id.has_value() == fits);
            if (id) REQUIRE(id->text() == lower);
        }
    }
}

TEST_CASE("uuid: reads and writes the same at compile time", "[model]") {
    constexpr auto id = uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057");
    static_assert(id.has_value());
    constexpr auto text = [](uuid const& of) {
        std::array<char, uuid::text_size> out{};
        of.write(out.data());
        return out;
    }(*id);
    CHECK(std::string_view{text.data(), text.size()} == id->text());
    CHECK(uuid::parse(id->text()) == *id);
}

TEST_CASE("uuid: version 7 bears the time, the version and the variant", "[model]") {
    auto const id = uuid::make_v7(at_ms(0x0123456789abU));
    CHECK(id.text().starts_with("01234567-89ab-7"));
    CHECK((id.octets()[8] & 0xc0U) == 0x80U);
    auto const repeated = uuid::make_v7(at_ms(0x0123456789abU), ~0ULL, ~0ULL);
    CHECK(repeated.text() == "01234567-89ab-7fff-bfff-ffffffffffff");
    CHECK(repeated == uuid::make_v7(at_ms(0x0123456789abU), ~0ULL, ~0ULL));
}

TEST_CASE("uuid: what was made later compares greater", "[model]") {
    CHECK(uuid::make_v7(at_ms(1000), ~0ULL, ~0ULL) < uuid::make_v7(at_ms(1001), 0, 0));
    CHECK(uuid::make_v7(at_ms(255), ~0ULL, ~0ULL) < uuid::make_v7(at_ms(256), 0, 0));
}

TEST_CASE("uuid: a time before the epoch counts as the epoch", "[model]") {
    auto const before = fastqueue::wall_instant{} - std::chrono::hours{1};
    CHECK(uuid::make_v7(before, 0, 0) == uuid::make_v7(fastqueue::wall_instant{}, 0, 0));
}

TEST_CASE("uuid: random ones differ, in text and in hash", "[model]") {
    std::set<std::string> texts;
    std::set<std::uint64_t> hashes;
    for (int i = 0; i < 500; ++i) {
        auto const four = uuid::make_v4();
        CHECK(four.text()[14] == '4');
        CHECK((four.octets()[8] & 0xc0U) == 0x80U);
        auto const seven = uuid::make_v7(at_ms(5));
        for (auto const& id : {four, seven}) {
            texts.insert(id.text());
            hashes.insert(id.hash(7));
        }
    }
    CHECK(texts.size() == 1000);
    CHECK(hashes.size() == 1000);
    CHECK(uuid::make_v7(at_ms(5), 1, 2).hash(1) != uuid::make_v7(at_ms(5), 1, 2).hash(2));
}

TEST_CASE("uuid: by default it names nothing", "[model]") {
    CHECK(uuid{}.empty());
    CHECK(uuid{}.text() == "00000000-0000-0000-0000-000000000000");
    CHECK_FALSE(uuid::make_v4().empty());
}

TEST_CASE("random_seed: is not the same twice", "[model]") {
    CHECK(fastqueue::random_seed() != fastqueue::random_seed());
}
