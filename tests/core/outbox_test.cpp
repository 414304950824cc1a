#include <fastqueue/core/outbox.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace fq = fastqueue;
using fq::peer_id;
using fq::core::outbox;

namespace {

void put(outbox& box, std::uint64_t to, std::string const& header, fq::policy::store_sequence after = 0) {
    auto const at = box.open(static_cast<peer_id>(to), fq::wire::form::frames, "\0\0\0\0");
    box[at].after = after;
    box[at].pairs.add(header, "payload");
}
/// What leaves, as text.
std::vector<std::string> perform(outbox& box, fq::policy::store_sequence committed) {
    std::vector<std::string> out;
    std::vector<std::string_view> frames;
    box.perform(
        committed,
        [&](fq::core::outgoing& m) {
            m.pairs.frames(m.layout, {}, frames);
            REQUIRE(frames.size() == 2);
            CHECK(frames[1] == "payload");
            out.push_back(std::to_string(static_cast<std::uint64_t>(m.to)) + ' ' + std::string{frames[0]});
        },
        [&](fq::core::link_action const& a) {
            auto const* const dial = std::get_if<fq::core::dial_action>(&a);
            out.emplace_back(dial == nullptr ? "close" : dial->push ? "dial as PUSH" : "dial");
        });
    return out;
}

}  // namespace

TEST_CASE("outbox: hands out messages oldest first, and links behind them", "[core]") {
    outbox box;
    box.close(static_cast<peer_id>(1));
    put(box, 1, "a");
    box.dial({"h", 1}, 7);
    put(box, 2, "b");
    box.dial_push({"h", 2}, 8);
    auto const turn = box.turn();
    CHECK(perform(box, 0) == std::vector<std::string>{"1 a", "2 b", "close", "dial", "dial as PUSH"});
    CHECK(box.turn() != turn);
    CHECK(perform(box, 0).empty());
}

TEST_CASE("outbox: a message that was opened and left empty is not sent", "[core]") {
    outbox box;
    static_cast<void>(box.open(static_cast<peer_id>(1), fq::wire::form::frames));
    put(box, 2, "b");
    CHECK(perform(box, 0) == std::vector<std::string>{"2 b"});
}

TEST_CASE("outbox: the barrier: what rests on a write is held until it is committed, in order", "[core]") {
    outbox box;
    put(box, 1, "a", 5);
    put(box, 1, "b", 3);
    put(box, 2, "c");
    CHECK(perform(box, 2) == std::vector<std::string>{"2 c"});
    CHECK(box.holds());
    put(box, 1, "d", 6);
    CHECK(perform(box, 3) == std::vector<std::string>{"1 b"});
    put(box, 1, "e");
    CHECK(perform(box, 6) == std::vector<std::string>{"1 a", "1 d", "1 e"});
    CHECK_FALSE(box.holds());
    CHECK(perform(box, 9).empty());
}

TEST_CASE("outbox: what was held in the middle of a turn is awaited at its end", "[core]") {
    outbox box;
    put(box, 1, "a", 5);
    CHECK(box.awaited() == 5);
    CHECK(perform(box, 2).empty());
    put(box, 1, "b");
    CHECK(box.awaited() == 5);
    put(box, 1, "c", 7);
    CHECK(box.awaited() == 7);
}

TEST_CASE("outbox: messages that were held do not spoil those that take their place", "[core]") {
    outbox box;
    for (std::uint64_t i = 1; i <= 50; ++i) {
        put(box, i, "held" + std::string(i, 'x'), i);
        put(box, 100, "now");
        CHECK(perform(box, 0) == std::vector<std::string>{"100 now"});
    }
    auto const released = perform(box, 50);
    REQUIRE(released.size() == 50);
    for (std::uint64_t i = 1; i <= 50; ++i)
        CHECK(released[i - 1] == std::to_string(i) + " held" + std::string(i, 'x'));
}
