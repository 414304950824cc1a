#include <fastqueue/json/document.hpp>

#include "support/catch.hpp"

#include <string>

using fastqueue::json::document;
using fastqueue::json::token;

TEST_CASE("document: lists nodes in the order of the text and steps over values", "[json]") {
    document d;
    std::string scratch;
    REQUIRE(d.parse(R"([1, {"a": [true], "b\n": "x\ty"}, null])"));
    CHECK(d[0].kind == token::begin_array);
    CHECK(d[0].next == d.size());
    CHECK(d[1].kind == token::number);
    CHECK(d.text(1, scratch) == "1");
    CHECK(d[2].kind == token::begin_object);
    CHECK(d[d[2].next].kind == token::null);
    CHECK(d[d.find(2, "a", scratch)].kind == token::begin_array);
    auto const escaped = d.find(2, "b\n", scratch);
    REQUIRE(escaped != document::none);
    CHECK(d.text(escaped, scratch) == "x\ty");
    CHECK(d.excerpt(escaped) == "x?y");
    CHECK(d.find(2, "c", scratch) == document::none);
}

TEST_CASE("document: grows beyond what it holds without the heap", "[json]") {
    std::string text = "[[]";
    for (int i = 0; i < 10'000; ++i) text += ",[" + std::to_string(i) + "]";
    text += ']';
    document d;
    std::string scratch;
    REQUIRE(d.parse(text));
    CHECK(d.size() == 20'002);
    CHECK(d.text(d.size() - 1, scratch) == "9999");
    std::size_t elements = 0;
    for (auto i = document::index{1}; i < d[0].next; i = d[i].next) ++elements;
    CHECK(elements == 10'001);
}

TEST_CASE("document: says what is wrong and where, and can be used again", "[json]") {
    document d;
    CHECK_FALSE(d.parse("[1,]"));
    CHECK(d.problem() == "expected a value");
    CHECK(d.problem_offset() == 3);
    CHECK(d.size() == 0);
    CHECK_FALSE(d.parse("[[1]]", 1));
    CHECK(d.problem() == "nested too deep");
    REQUIRE(d.parse("5"));
    CHECK(d.problem().empty());
    CHECK(d.size() == 1);
}

TEST_CASE("document: cuts excerpts at the end of a character", "[json]") {
    document d;
    REQUIRE(d.parse("\"ab\u00e9cd\""));
    CHECK(d.excerpt(0, 3) == "ab...");
    CHECK(d.excerpt(0, 4) == "ab\u00e9...");
    CHECK(d.excerpt(0, 6) == "ab\u00e9cd");
}
