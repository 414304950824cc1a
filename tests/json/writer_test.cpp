#include <fastqueue/json/writer.hpp>

#include "support/catch.hpp"

#include <fastqueue/json/reader.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>

namespace json = fastqueue::json;
using json::token;

namespace {

std::string written(auto const& value) {
    std::string out;
    json::writer{out}.value(value);
    return out;
}

std::string random_text(std::mt19937& random) {
    static constexpr std::string_view pieces[] = {"a", "\"",     "\\",     "\n",         "\x01",
                                                  "/", "\u00e9", "\u20ac", "\U0001F600", ""};
    std::string text;
    for (auto n = random() % 8; n > 0; --n) text += pieces[random() % std::size(pieces)];
    if (random() % 4 == 0) text.push_back('\0');
    return text;
}

void write_random(std::mt19937& random, json::writer& out, unsigned depth) {
    switch (random() % (depth < 6 ? 8 : 6)) {
        case 0:
            out.value(nullptr);
            return;
        case 1:
            out.value(random() % 2 == 0);
            return;
        case 2:
            out.value(static_cast<std::int64_t>(random()) * 1'000'003 - (std::int64_t{1} << 50));
            return;
        case 3:
            out.value(std::uint64_t{random()} << 32 | random());
            return;
        case 4:
            out.value(static_cast<double>(random()) / static_cast<double>(random() + 1ULL));
            return;
        case 5:
            out.value(random_text(random));
            return;
        case 6:
            out.begin_array();
            for (auto n = random() % 4; n > 0; --n) write_random(random, out, depth + 1);
            out.end_array();
            return;
        default:
            out.begin_object();
            for (auto n = random() % 4; n > 0; --n) {
                out.key(random_text(random));
                write_random(random, out, depth + 1);
            }
            out.end_object();
    }
}

// What the reader understands, written again.
std::string copy(std::string_view text) {
    json::reader in{text};
    std::string result;
    json::writer out{result};
    for (;;) {
        switch (in.next()) {
            case token::begin_object:
                out.begin_object();
                break;
            case token::end_object:
                out.end_object();
                break;
            case token::begin_array:
                out.begin_array();
                break;
            case token::end_array:
                out.end_array();
                break;
            case token::key:
                out.key(in.text());
                break;
            case token::string:
                out.value(in.text());
                break;
            case token::number:
                out.raw(in.text());
                break;
            case token::true_:
                out.value(true);
                break;
            case token::false_:
                out.value(false);
                break;
            case token::null:
                out.value(nullptr);
                break;
            case token::end:
                return result;
            case token::error:
                return "error: " + std::string{in.problem()};
        }
    }
}

}  // namespace

TEST_CASE("writer: places commas and colons itself", "[json]") {
    std::string out;
    json::writer w{out};
    w.begin_object()
        .key("a")
        .begin_array()
        .value(1)
        .value(-2)
        .begin_array()
        .end_array()
        .value("x")
        .end_array();
    w.key("b").begin_object().end_object().key("c").value(nullptr).key("d").raw("[ ]").end_object();
    CHECK(out == R"({"a":[1,-2,[],"x"],"b":{},"c":null,"d":[ ]})");
    CHECK(w.ok());
}

TEST_CASE("writer: appends to what is there", "[json]") {
    std::string out = "x";
    json::writer{out}.value(true);
    CHECK(out == "xtrue");
}

TEST_CASE("writer: escapes what a string may not contain", "[json]") {
    CHECK(written("\"\\\b\f\n\r\t/") == R"("\"\\\b\f\n\r\t/")");
    CHECK(written(std::string("a\0\x1b\x7f", 4)) == "\"a\\u0000\\u001b\x7f\"");
    CHECK(written("\u00e9\U0001F600") == "\"\u00e9\U0001F600\"");
}

TEST_CASE("writer: writes integers in full and doubles so that they read back", "[json]") {
    CHECK(written(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(written(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
    CHECK(written(0.1) == "0.1");
    CHECK(written(0.1F) == "0.1");
    CHECK(written(1e300) == "1e+300");
    double const values[] = {0.0, -0.0, 5e-324, 1.7976931348623157e308, 1.0 / 3, 9007199254740993.0};
    for (double const value : values) {
        auto const text = written(value);
        CAPTURE(text);
        json::reader in{text};
        REQUIRE(in.next() == token::number);
        double back = 1;
        if (value != 5e-324)
            REQUIRE(in.to(back));  // whether a denormal is "in range" differs between libraries
        if (value != 5e-324) CHECK(back == value);
    }
}

TEST_CASE("writer: what JSON cannot say is noticed, and never breaks the document", "[json]") {
    std::string out;
    json::writer w{out};
    w.begin_array().value(1.5);
    CHECK(w.ok());
    w.value(std::numeric_limits<double>::quiet_NaN())
        .value(-std::numeric_limits<double>::infinity())
        .end_array();
    CHECK(out == "[1.5,null,null]");
    CHECK_FALSE(w.ok());

    std::string text;
    json::writer bad{text};
    bad.value("a\xff\xe2\x82z");
    CHECK(text == "\"a\uFFFD\uFFFD\uFFFDz\"");
    CHECK_FALSE(bad.ok());
}

TEST_CASE("writer: what it writes the reader reads, and writes the same again", "[json]") {
    for (std::uint32_t seed = 1; seed <= 2000; ++seed) {
        std::mt19937 random{seed};
        std::string text;
        json::writer out{text};
        write_random(random, out, 0);
        CAPTURE(seed, text);
        REQUIRE(copy(text) == text);
    }
}

TEST_CASE("writer: random damage to a document is read to an end or to an error", "[json]") {
    for (std::uint32_t seed = 1; seed <= 2000; ++seed) {
        std::mt19937 random{seed};
        std::string text;
        json::writer out{text};
        write_random(random, out, 0);
        for (auto n = random() % 4; n > 0 && !text.empty(); --n) {
            text[random() % text.size()] = static_cast<char>(random());
        }
        CAPTURE(seed, text);
        auto const once = copy(text);
        if (once.starts_with("error")) continue;
        REQUIRE(copy(once) == once);
    }
}
