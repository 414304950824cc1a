#include <fastqueue/observer/log_text.hpp>

#include "support/catch.hpp"

#include <string>
#include <string_view>

namespace {

std::string escaped(std::string_view text, std::size_t most = 512) {
    std::string out;
    fastqueue::observer::detail::append_escaped(out, text, most);
    return out;
}

}  // namespace

TEST_CASE("append_escaped: no octet that commands a terminal is left, whatever goes in", "[observer]") {
    for (int value = 0; value < 256; ++value) {
        std::string const text{'a', static_cast<char>(value), 'b'};
        CAPTURE(value);
        auto const out = escaped(text);
        for (char const c : out) CHECK((c >= 0x20 && c < 0x7f));
        if (value >= 0x20 && value < 0x7f && value != '\\') CHECK(out == text);
    }
    CHECK(escaped("\u2028") == "\\xe2\\x80\\xa8");
    CHECK(escaped("\u0085") == "\\xc2\\x85");
    CHECK(escaped("\u00a0\u20ac\U0001f600") == "\u00a0\u20ac\U0001f600");
    CHECK(escaped(std::string_view{"a\0b", 3}) == "a\\x00b");
}

TEST_CASE("append_escaped: cuts what is too long, and says so", "[observer]") {
    CHECK(escaped("abc", 3) == "abc");
    CHECK(escaped("abcd", 3) == "abc...");
    CHECK(escaped("a\u20ac", 2) == "a\\xe2...");  // cut within a character
    CHECK(escaped("", 0).empty());
}
