#include <fastqueue/model/base64url.hpp>

#include "support/catch.hpp"

#include <string>

using fastqueue::base64url;
using fastqueue::is_base64url;

TEST_CASE("base64url: the vectors of RFC 4648, without padding", "[model]") {
    CHECK(base64url("").empty());
    CHECK(base64url("f") == "Zg");
    CHECK(base64url("fo") == "Zm8");
    CHECK(base64url("foo") == "Zm9v");
    CHECK(base64url("foobar") == "Zm9vYmFy");
    CHECK(base64url("\xfb\xff\xfe") == "-__-");
}

TEST_CASE("base64url: what it writes is such text, and other text is not", "[model]") {
    for (int size = 0; size < 40; ++size)
        CHECK(is_base64url(base64url(std::string(static_cast<std::size_t>(size), '\xa7'))));
    for (auto const* text : {"Zg==", "Z", "Zm9vY", "Zm+v", "Zm/v", "Zm v"}) CHECK_FALSE(is_base64url(text));
}
