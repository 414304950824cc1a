#include <fastqueue/json/reader.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace json = fastqueue::json;
using json::token;

namespace {

std::vector<token> tokens_of(std::string_view text) {
    json::reader in{text};
    std::vector<token> found;
    do {
        found.push_back(in.next());
    } while (found.back() != token::end && found.back() != token::error);
    return found;
}

struct failure {
    std::string problem;
    std::size_t offset;
};

failure failure_of(std::string_view text) {
    json::reader in{text};
    for (;;) {
        auto const t = in.next();
        if (t == token::end) return {"none", 0};
        if (t == token::error) return {std::string{in.problem()}, in.offset()};
    }
}

std::string string_of(std::string_view text) {
    json::reader in{text};
    if (in.next() != token::string) return "not a string: " + std::string{in.problem()};
    return std::string{in.text()};
}

}  // namespace

TEST_CASE("reader: gives the tokens of a document and then the end, for ever", "[json]") {
    CHECK(tokens_of(R"( {"a" : [1, true, false, null, "s"], "b": {}} )") ==
          std::vector<token>{token::begin_object, token::key, token::begin_array, token::number, token::true_,
                             token::false_, token::null, token::string, token::end_array, token::key,
                             token::begin_object, token::end_object, token::end_object, token::end});
    json::reader in{"8"};
    CHECK(in.next() == token::number);
    CHECK(in.next() == token::end);
    CHECK(in.next() == token::end);
}

TEST_CASE("reader: says where each token lies", "[json]") {
    json::reader in{R"([ 12 ,"a\n"])"};
    in.next();
    CHECK(in.offset() == 0);
    in.next();
    CHECK(in.offset() == 2);
    CHECK(in.end_offset() == 4);
    CHECK(in.text() == "12");
    in.next();
    CHECK(in.offset() == 6);
    CHECK(in.end_offset() == 11);
    CHECK(in.text() == "a\n");
}

TEST_CASE("reader: decodes escapes", "[json]") {
    CHECK(string_of(R"("")").empty());
    CHECK(string_of(R"("plain")") == "plain");
    CHECK(string_of(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
    CHECK(string_of(R"("a\u00e9b\u20ACc\ud83d\ude00d")") == "a\u00e9b\u20acc\U0001F600d");
    CHECK(string_of(R"("\u0000")") == std::string(1, '\0'));
    CHECK(string_of("\"\u00e9\u20ac\U0001F600\"") == "\u00e9\u20ac\U0001F600");
}

TEST_CASE("reader: refuses what is not JSON and says what and where", "[json]") {
    struct {
        std::string_view text;
        std::string_view problem;
        std::size_t offset;
    } const cases[] = {
        {"", "the document is empty", 0},
        {"  ", "the document ends too early", 2},
        {"[1", "the document ends too early", 2},
        {"[1,", "the document ends too early", 3},
        {"[1,]", "expected a value", 3},
        {"[1 2]", "expected ',' or ']'", 3},
        {"[1}", "expected ',' or ']'", 2},
        {"{\"a\":1]", "expected ',' or '}'", 6},
        {"{\"a\"}", "expected ':'", 4},
        {"{a:1}", "expected a member's name in quotes", 1},
        {"{\"a\":1,}", "expected a member's name in quotes", 7},
        {"1 2", "something follows the document", 2},
        {"]", "expected a value", 0},
        {"tru", "expected a value", 0},
        {"True", "expected a value", 0},
        {"NaN", "expected a value", 0},
        {"nulll", "something follows the document", 4},
        {"01", "a number begins with 0", 1},
        {"+1", "expected a value", 0},
        {".5", "expected a value", 0},
        {"1.", "expected a digit after the decimal point", 2},
        {"-", "expected a digit", 1},
        {"-x", "expected a digit", 1},
        {"1e", "expected a digit in the exponent", 2},
        {"1e+", "expected a digit in the exponent", 3},
        {"\"abc", "a string does not end", 4},
        {"\"a\\", "an unknown escape in a string", 2},
        {"\"\\x\"", "an unknown escape in a string", 1},
        {"\"\\u12g4\"", "expected four hexadecimal digits after \\u", 1},
        {"\"\\ud800\"", "a lone surrogate in a string", 1},
        {"\"\\ud800\\n\"", "a lone surrogate in a string", 1},
        {"\"\\ud800\\u0041\"", "a lone surrogate in a string", 1},
        {"\"\\udc00\"", "a lone surrogate in a string", 1},
        {"\"a\nb\"", "a control character in a string", 2},
        {"\"\xff\"", "not UTF-8", 1},
        {"\"\xc0\x80\"", "not UTF-8", 1},
        {"\"\xed\xa0\x80\"", "not UTF-8", 1},
        {"\"\xf4\x90\x80\x80\"", "not UTF-8", 1},
        {"\"\xe2\x82\"", "not UTF-8", 1},
        {"\xef\xbb\xbf[]", "expected a value", 0},
        {"'a'", "expected a value", 0},
        {"[1,/**/2]", "expected a value", 3},
    };
    for (auto const& c : cases) {
        CAPTURE(c.text);
        auto const found = failure_of(c.text);
        CHECK(found.problem == c.problem);
        CHECK(found.offset == c.offset);
    }
    CHECK(failure_of(std::string_view{"[\0]", 3}).problem == "expected a value");
    CHECK(failure_of(std::string_view{"1\0", 2}).problem == "something follows the document");
}

TEST_CASE("reader: after an error there is only the error", "[json]") {
    json::reader in{"[x, 1]"};
    in.next();
    CHECK(in.next() == token::error);
    CHECK(in.next() == token::error);
    CHECK(in.problem() == "expected a value");
    CHECK_FALSE(in.skip());
}

TEST_CASE("reader: limits the depth and takes no stack for it", "[json]") {
    auto const nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    CHECK(tokens_of(nested(64)).back() == token::end);
    CHECK(failure_of(nested(65)).problem == "nested too deep");
    CHECK(failure_of(std::string(1'000'000, '[')).offset == 64);
    std::string objects;
    for (int i = 0; i < 1000; ++i) objects += "{\"a\":";
    CHECK(failure_of(objects).problem == "nested too deep");
    json::reader shallow{"[[1]]", 1};
    CHECK(shallow.next() == token::begin_array);
    CHECK(shallow.next() == token::error);
    json::reader scalar{"1", 0};
    CHECK(scalar.next() == token::number);
    json::reader unlimited{std::string_view{"[]"}, 1000};
    CHECK(unlimited.next() == token::begin_array);
}

TEST_CASE("reader: tells an object from an array at each depth", "[json]") {
    CHECK(failure_of(R"([{"a":[{"b":1}]}])").problem == "none");
    CHECK(failure_of(R"([{"a":[{"b":1]}}])").problem == "expected ',' or '}'");
}

TEST_CASE("reader: skips a container, and a member's value", "[json]") {
    json::reader in{R"({"a":{"x":[1,{"y":2}]},"b":3,"c":[4]})"};
    in.next();
    REQUIRE(in.next() == token::key);
    CHECK(in.skip());
    REQUIRE(in.next() == token::key);
    CHECK(in.text() == "b");
    CHECK(in.skip());
    REQUIRE(in.next() == token::key);
    REQUIRE(in.next() == token::begin_array);
    CHECK(in.skip());
    CHECK(in.next() == token::end_object);
    CHECK(in.next() == token::end);
    json::reader broken{R"({"a":[1,})"};
    broken.next();
    broken.next();
    CHECK_FALSE(broken.skip());
}

TEST_CASE("reader: reads numbers only where they fit", "[json]") {
    auto const read = [](std::string_view text, auto& out) {
        json::reader in{text};
        return in.next() == token::number && in.to(out);
    };
    std::int64_t i = 7;
    std::uint64_t u = 7;
    double d = 7;
    CHECK(read("-9223372036854775808", i));
    CHECK(i == std::numeric_limits<std::int64_t>::min());
    CHECK_FALSE(read("9223372036854775808", i));
    CHECK_FALSE(read("1.0", i));
    CHECK_FALSE(read("1e2", i));
    CHECK(i == std::numeric_limits<std::int64_t>::min());
    CHECK(read("18446744073709551615", u));
    CHECK(u == std::numeric_limits<std::uint64_t>::max());
    CHECK_FALSE(read("18446744073709551616", u));
    CHECK_FALSE(read("-1", u));
    CHECK(read("-0.5e1", d));
    CHECK(d == -5.0);
    CHECK_FALSE(read("1e999999999", d));
    CHECK(d == -5.0);
    CHECK_FALSE(read(std::string(100'000, '9'), d));
    CHECK_FALSE(read(std::string(100'000, '9'), u));
    json::reader word{"true"};
    word.next();
    CHECK_FALSE(word.to(i));
}

TEST_CASE("reader: passes repeated names on", "[json]") {
    CHECK(tokens_of(R"({"a":1,"a":2})") == std::vector<token>{token::begin_object, token::key, token::number,
                                                              token::key, token::number, token::end_object,
                                                              token::end});
}

TEST_CASE("reader: survives every prefix and every changed octet of a document", "[json]") {
    std::string const whole = R"({"k\u00e9y":[1,-2.5e-3,"a\ud83d\ude00",null,{"t":true}],"f":false})";
    CHECK(failure_of(whole).problem == "none");
    for (std::size_t n = 0; n < whole.size(); ++n) {
        CAPTURE(n);
        auto const found = failure_of(std::string_view{whole}.substr(0, n));
        CHECK(found.problem != "none");
        CHECK(found.offset <= n);
    }
    for (std::size_t n = 0; n < whole.size(); ++n) {
        for (int octet = 0; octet < 256; ++octet) {
            auto changed = whole;
            changed[n] = static_cast<char>(octet);
            if (failure_of(changed).offset > changed.size())
                FAIL("beyond the text at " << n << " with " << octet);
        }
    }
}
