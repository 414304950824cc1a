#include <fastqueue/json/plain.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <string>

using fastqueue::json::detail::skip_plain_words;

TEST_CASE("plain words: never passes what does not stand for itself, and stops close before it", "[json]") {
    auto const size = GENERATE(std::size_t{27}, std::size_t{91});
    for (std::size_t place = 0; place < size; ++place) {
        for (int octet = 0; octet < 256; ++octet) {
            std::string text(size, 'a');
            text[place] = static_cast<char>(octet);
            bool const plain = octet >= 0x20 && octet < 0x80 && octet != '"' && octet != '\\';
            auto const special = plain ? text.size() : place;
            for (std::size_t from = 0; from <= special; ++from) {
                auto const stopped = skip_plain_words(text, from);
                CAPTURE(place, octet, from, stopped);
                REQUIRE(stopped >= from);
                REQUIRE(stopped <= special);
                REQUIRE(special - stopped < 8);
            }
        }
    }
}
