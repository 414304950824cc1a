#include <fastqueue/transport/peer_table.hpp>

#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"

using fastqueue::peer_id;
using fastqueue::transport::peer_table;

TEST_CASE("peer_table: an id finds its object until it is erased, and is never used again", "[transport]") {
    peer_table<std::string> table;
    std::set<peer_id> seen;
    for (int i = 0; i < 1000; ++i) {
        auto const id = table.emplace(std::to_string(i));
        CHECK(id != peer_id::none);
        CHECK(seen.insert(id).second);
        REQUIRE(table.find(id) != nullptr);
        CHECK(*table.find(id) == std::to_string(i));
        if (i % 3 != 0) {
            table.erase(id);
            table.erase(id);
            CHECK(table.find(id) == nullptr);
        }
    }
    CHECK(table.size() == 334);
    CHECK(table.find(peer_id::none) == nullptr);
    CHECK(table.find(peer_id{~0ULL}) == nullptr);
}

TEST_CASE("peer_table: objects stay where they are while others come, and each is visited once",
          "[transport]") {
    peer_table<int> table;
    auto const* const first = table.find(table.emplace(0));
    std::vector<int> visited;
    for (int i = 1; i < 100; ++i) (void)table.emplace(i);
    CHECK(*first == 0);
    table.for_each([&](int& value) {
        visited.push_back(value);
        if (value == 99) (void)table.emplace(100);
    });
    CHECK(visited.size() == 101);
    CHECK(table.at(peer_table<int>::slot_of(peer_id{1})) != nullptr);
    CHECK(table.at(5000) == nullptr);
}
