#include <fastqueue/zmtp/handshake_guard.hpp>

#include "support/catch.hpp"

#include <string>

using fastqueue::zmtp::handshake_guard;

TEST_CASE("zmtp handshake_guard: the limit of an address is met exactly", "[zmtp]") {
    handshake_guard guard{{10, 2}};
    CHECK(guard.admit("a"));
    CHECK(guard.admit("a"));
    CHECK_FALSE(guard.admit("a"));
    CHECK(guard.admit("b"));
    CHECK(guard.total() == 3);
    guard.release("a");
    CHECK(guard.admit("a"));
    CHECK_FALSE(guard.admit("a"));
}

TEST_CASE("zmtp handshake_guard: the limit in total is met exactly", "[zmtp]") {
    handshake_guard guard{{3, 2}};
    CHECK(guard.admit("a"));
    CHECK(guard.admit("b"));
    CHECK(guard.admit("c"));
    CHECK_FALSE(guard.admit("d"));
    guard.release("b");
    CHECK(guard.admit("d"));
    CHECK_FALSE(guard.admit("e"));
}

TEST_CASE("zmtp handshake_guard: released addresses leave nothing behind", "[zmtp]") {
    handshake_guard guard{{1000, 1000}};
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 1000; ++i) REQUIRE(guard.admit("10.0.0." + std::to_string(i)));
        CHECK(guard.addresses() == 1000);
        for (int i = 0; i < 1000; ++i) guard.release("10.0.0." + std::to_string(i));
        CHECK(guard.addresses() == 0);
        CHECK(guard.total() == 0);
    }
}

TEST_CASE("zmtp handshake_guard: a refused address leaves nothing behind", "[zmtp]") {
    handshake_guard guard{{1, 1}};
    CHECK(guard.admit("a"));
    CHECK_FALSE(guard.admit("b"));
    CHECK(guard.addresses() == 1);
    handshake_guard none{{5, 0}};
    CHECK_FALSE(none.admit("a"));
    CHECK(none.addresses() == 0);
}

TEST_CASE("zmtp handshake_guard: what was not admitted cannot be released", "[zmtp]") {
    handshake_guard guard{{2, 2}};
    CHECK(guard.admit("a"));
    guard.release("b");
    CHECK(guard.total() == 1);
    guard.release("a");
    guard.release("a");
    CHECK(guard.total() == 0);
}

TEST_CASE("zmtp handshake_guard: long addresses count by their first 64 octets", "[zmtp]") {
    handshake_guard guard{{10, 1}};
    std::string const prefix(64, 'x');
    CHECK(guard.admit(prefix + "1"));
    CHECK_FALSE(guard.admit(prefix + "2"));
    guard.release(prefix + "3");
    CHECK(guard.admit(prefix));
}
