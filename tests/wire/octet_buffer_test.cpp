#include <fastqueue/wire/octet_buffer.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>

using fastqueue::wire::octet_buffer;

TEST_CASE("octet_buffer: law: holds what was appended, however it came", "[wire]") {
    std::minstd_rand random{11};
    for (int round = 0; round < 50; ++round) {
        octet_buffer buffer;
        std::string model;
        for (int step = 0; step < 200; ++step) {
            std::string const piece(random() % 300, static_cast<char>('a' + random() % 26));
            switch (random() % 3) {
                case 0:
                    buffer.append(piece);
                    model += piece;
                    break;
                case 1:
                    buffer.push_back('!');
                    model += '!';
                    break;
                default:
                    std::memset(buffer.extend(piece.size() + 5), '.', piece.size() + 5);
                    buffer.shorten(5);
                    model.append(piece.size(), '.');
            }
            REQUIRE(buffer.view() == model);
        }
    }
}

TEST_CASE("octet_buffer: keeps its room when it is cleared, and gives it back when told", "[wire]") {
    octet_buffer buffer;
    buffer.append(std::string(5000, 'x'));
    auto const room = buffer.capacity();
    buffer.clear();
    CHECK(buffer.view().empty());
    CHECK(buffer.capacity() == room);
    buffer.release();
    CHECK(buffer.capacity() == 0);
    buffer.append("again");
    CHECK(buffer.view() == "again");
}

TEST_CASE("octet_buffer: what was moved from is empty and can be used", "[wire]") {
    octet_buffer first;
    first.append("text");
    auto second = std::move(first);
    CHECK(second.view() == "text");
    CHECK(first.size() == 0);
    first.append("new");
    CHECK(first.view() == "new");
    second = std::move(first);
    CHECK(second.view() == "new");
}
