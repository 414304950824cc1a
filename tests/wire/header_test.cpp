#include <fastqueue/wire/header.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <string>
#include <string_view>

using fastqueue::errc;
using fastqueue::wire::header;

namespace {

constexpr std::size_t limit = 4096;

/// The code with which `line` is refused; none where it is read.
errc refusal(std::string_view line) {
    header h;
    auto const bad = h.parse(line, limit);
    if (!bad) return errc{};
    CHECK_FALSE(bad->why.empty());
    return bad->code;
}

}  // namespace

TEST_CASE("header: is taken apart into verb, positional tokens and fields", "[wire]") {
    header h;
    REQUIRE_FALSE(h.parse("FQ1 call some-id add retries=3 ref=a=b empty=", limit));
    CHECK(h.verb() == "call");
    REQUIRE(h.positional().size() == 2);
    CHECK(h.positional()[0] == "some-id");
    CHECK(h.positional()[1] == "add");
    REQUIRE(h.fields().size() == 3);
    CHECK(h.get("retries") == "3");
    CHECK(h.get("ref") == "a=b");
    CHECK(h.get("empty").empty());
    CHECK(h.get("absent").empty());
}

TEST_CASE("header: keys and positional tokens may stand in any order", "[wire]") {
    header h;
    REQUIRE_FALSE(h.parse("FQ1 submit a=1 id b=2 name", limit));
    REQUIRE(h.positional().size() == 2);
    CHECK(h.positional()[1] == "name");
    CHECK(h.get("b") == "2");
}

TEST_CASE("header: a line that is parsed again forgets the one before, also after a failure", "[wire]") {
    header h;
    REQUIRE_FALSE(h.parse("FQ1 call id add retries=3", limit));
    REQUIRE(h.parse("FQ1 get  id", limit));
    REQUIRE_FALSE(h.parse("FQ1 get other", limit));
    CHECK(h.positional().size() == 1);
    CHECK(h.fields().empty());
    CHECK(h.get("retries").empty());
}

TEST_CASE("header: what does not begin with FQ1 and a space is refused", "[wire]") {
    CHECK(refusal("") == errc::bad_request);
    CHECK(refusal("FQ1") == errc::bad_request);
    CHECK(refusal("FQ1 ") == errc::bad_request);
    CHECK(refusal("FQ1  call") == errc::bad_request);
    CHECK(refusal("FQ1\tcall") == errc::bad_request);
    CHECK(refusal("fq1 call") == errc::bad_request);
    CHECK(refusal(" FQ1 call") == errc::bad_request);
    CHECK(refusal("FQx call") == errc::bad_request);
    CHECK(refusal("GET / HTTP/1.1") == errc::bad_request);
}

TEST_CASE("header: fault 20: another version is told apart from garbage", "[wire]") {
    CHECK(refusal("FQ2 call id add") == errc::unsupported_version);
    CHECK(refusal("FQ0 call id add") == errc::unsupported_version);
    CHECK(refusal("FQ12 call id add") == errc::unsupported_version);
}

TEST_CASE("header: tokens stand apart by exactly one space", "[wire]") {
    CHECK(refusal("FQ1 call  id") == errc::bad_request);
    CHECK(refusal("FQ1 call id ") == errc::bad_request);
    CHECK(refusal("FQ1 call ") == errc::bad_request);
    CHECK(refusal("FQ1 call") == errc{});
}

TEST_CASE("header: fault 70: only printable ASCII is read, in the verb as elsewhere", "[wire]") {
    for (int octet = 0; octet < 256; ++octet) {
        auto const c = static_cast<char>(octet);
        bool const plain = octet > 0x20 && octet < 0x7f;
        CAPTURE(octet);
        if (octet == ' ') continue;
        auto const expected = plain ? errc{} : errc::bad_request;
        CHECK(refusal(std::string{"FQ1 ca"} + c + "ll id") == expected);
        CHECK(refusal(std::string{"FQ1 call i"} + c + "d") == expected);
        CHECK(refusal(std::string{"FQ1 call id key=v"} + c) == expected);
        CHECK(refusal(std::string{"FQ1 call id k"} + c + "y=v") == expected);
    }
    CHECK(refusal("FQ1 call n\xc3\xa4me") == errc::bad_request);
}

TEST_CASE("header: a key that stands twice, and one that is missing, are refused", "[wire]") {
    header h;
    auto const twice = h.parse("FQ1 call id add retries=1 x=2 retries=1", limit);
    REQUIRE(twice);
    CHECK(twice->code == errc::bad_request);
    CHECK(twice->token == "retries");
    CHECK(refusal("FQ1 call id add =3") == errc::bad_request);
    CHECK(refusal("FQ1 call id add =") == errc::bad_request);
    CHECK(refusal("FQ1 call id add Retries=1 retries=1") == errc{});
}

TEST_CASE("header: 32 keys and 8 positional tokens are read, one more is not", "[wire]") {
    std::string keys = "FQ1 call id";
    for (int i = 0; i < 32; ++i) keys += " k" + std::to_string(i) + "=" + std::to_string(i);
    CHECK(refusal(keys) == errc{});
    header h;
    REQUIRE_FALSE(h.parse(keys, limit));
    CHECK(h.get("k31") == "31");
    CHECK(refusal(keys + " k32=32") == errc::bad_request);
    CHECK(refusal("FQ1 v 1 2 3 4 5 6 7 8") == errc{});
    CHECK(refusal("FQ1 v 1 2 3 4 5 6 7 8 9") == errc::bad_request);
}

TEST_CASE("header: a line of the limit is read, one octet more is too large", "[wire]") {
    std::string line = "FQ1 call ";
    line.append(limit - line.size(), 'x');
    CHECK(refusal(line) == errc{});
    CHECK(refusal(line + 'x') == errc::too_large);
    CHECK(refusal(std::string(limit + 1, '\0')) == errc::too_large);
}
