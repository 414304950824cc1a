#include <fastqueue/json/utf8.hpp>

#include "support/catch.hpp"

#include <string>

using fastqueue::json::is_utf8;
using fastqueue::json::utf8_length;

TEST_CASE("utf8: measures well-formed sequences at the borders of each length", "[json]") {
    CHECK(utf8_length(std::string_view{"\0", 1}) == 1);
    CHECK(utf8_length("\x7f") == 1);
    CHECK(utf8_length("\xc2\x80") == 2);
    CHECK(utf8_length("\xdf\xbf") == 2);
    CHECK(utf8_length("\xe0\xa0\x80") == 3);
    CHECK(utf8_length("\xed\x9f\xbf") == 3);
    CHECK(utf8_length("\xee\x80\x80") == 3);
    CHECK(utf8_length("\xf0\x90\x80\x80") == 4);
    CHECK(utf8_length("\xf4\x8f\xbf\xbf") == 4);
}

TEST_CASE("utf8: refuses overlong, cut, surrogate and too large sequences", "[json]") {
    for (std::string_view text :
         {"", "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2 ", "\xe0\x9f\xbf", "\xe0\xa0",
          "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
        CAPTURE(text);
        CHECK(utf8_length(text) == 0);
    }
    CHECK(is_utf8(""));
    CHECK(is_utf8("gr\u00fc\u00df"));
    CHECK_FALSE(is_utf8("ok\xff"));
}
