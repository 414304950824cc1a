#include <fastqueue/model/id_source.hpp>

#include "support/catch.hpp"

#include <set>

namespace fq = fastqueue;

TEST_CASE("id_source: its ids are of version 7, bear the time and never come twice", "[model]") {
    fq::id_source ids;
    auto const at = fq::from_epoch_us(0x0123456789abU * 1000);
    std::set<fq::task_id> seen;
    for (int i = 0; i < 5'000; ++i) {  // many refills
        auto const id = ids.next(at);
        CHECK(id.text().substr(0, 15) == "01234567-89ab-7");
        CHECK((id.octets()[8] & 0xc0U) == 0x80U);
        CHECK(seen.insert(id).second);
    }
}

TEST_CASE("id_source: two sources have nothing in common", "[model]") {
    fq::id_source one;
    fq::id_source other;
    CHECK(one.next({}) != other.next({}));
}
