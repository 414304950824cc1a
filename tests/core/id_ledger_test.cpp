#include <fastqueue/core/id_ledger.hpp>

#include "core/ids.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <vector>

namespace fq = fastqueue;
using fq::core::id_ledger;
using fq::core::none;

using core_test::id;

TEST_CASE("id_ledger: an entry takes 32 octets", "[core]") { CHECK(sizeof(id_ledger::entry) == 32); }

TEST_CASE("id_ledger: knows an id, what it was for and how it ended", "[core]") {
    id_ledger ledger{10, 1};
    CHECK(ledger.find(id(1)) == none);
    auto const slot = ledger.insert(id(1), 0xff00ff00ff00ff00U, 7);
    CHECK(ledger.find(id(1)) == slot);
    CHECK(ledger.same_task(slot, 0xff00ff00ff00ff00U));
    CHECK_FALSE(ledger.same_task(slot, 0xff00ff00ff00ff01U));
    CHECK_FALSE(fq::is_final(ledger.state(slot)));
    CHECK(ledger[slot].reference == 7);
    CHECK(ledger.end(slot, fq::task_state::failure, 9) == none);
    CHECK(ledger.state(slot) == fq::task_state::failure);
    CHECK(ledger.same_task(slot, 0xff00ff00ff00ff00U));
    CHECK(ledger[slot].reference == 9);
    CHECK(ledger.complete());
}

TEST_CASE("id_ledger: the oldest end is forgotten first, those that live never", "[core]") {
    id_ledger ledger{2, 1};
    auto const living = ledger.insert(id(100), 0, 0);
    std::vector<std::uint32_t> slots;
    for (std::uint64_t n = 1; n <= 4; ++n) slots.push_back(ledger.insert(id(n), 0, 0));
    CHECK(ledger.end(slots[1], fq::task_state::success, 21) == none);
    CHECK(ledger.end(slots[0], fq::task_state::success, 20) == none);
    CHECK(ledger.complete());
    CHECK(ledger.end(slots[3], fq::task_state::success, 23) == 21);  // its cached result
    CHECK_FALSE(ledger.complete());
    CHECK(ledger.find(id(2)) == none);
    CHECK(ledger.find(id(1)) != none);
    CHECK(ledger.find(id(3)) == slots[2]);
    CHECK(ledger.find(id(100)) == living);
}

TEST_CASE("id_ledger: ids that share the 32 bits of their hashes are told apart", "[core]") {
    // Of so many ids about ten pairs share them.
    constexpr std::uint32_t many = 300'000;
    id_ledger ledger{0, 1};
    std::vector<std::uint32_t> slots;
    for (std::uint32_t n = 0; n < many; ++n) slots.push_back(ledger.insert(id(n), 0, n));
    std::uint32_t right = 0;
    for (std::uint32_t n = 0; n < many; ++n) right += ledger.find(id(n)) == slots[n] ? 1 : 0;
    CHECK(right == many);
    for (std::uint32_t n = 0; n < many; n += 2) CHECK(ledger.end(slots[n], fq::task_state::success, n) == n);
    right = 0;
    for (std::uint32_t n = 0; n < many; ++n)
        right += ledger.find(id(n)) == (n % 2 == 0 ? none : slots[n]) ? 1 : 0;
    CHECK(right == many);
}

TEST_CASE("id_ledger: of capacity 0 remembers nothing that has ended", "[core]") {
    id_ledger ledger{0, 1};
    auto const slot = ledger.insert(id(1), 0, 0);
    CHECK(ledger.end(slot, fq::task_state::success, 5) == 5);
    CHECK(ledger.find(id(1)) == none);
    CHECK(ledger.size() == 0);
}

TEST_CASE("id_ledger: fault 97: does what a map does, through thousands of evictions", "[core]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    constexpr std::uint32_t capacity = 300;
    id_ledger ledger{capacity, random()};
    struct known {
        std::uint32_t slot;
        std::uint64_t fingerprint;
        bool ended;
    };
    std::map<std::uint64_t, known> model;
    std::vector<std::uint64_t> living;
    std::deque<std::uint64_t> ended;
    for (std::uint64_t n = 1; n <= 20'000; ++n) {
        auto const fingerprint = random();
        auto const slot = ledger.insert(id(n), fingerprint, static_cast<std::uint32_t>(n));
        model[n] = {slot, fingerprint, false};
        living.push_back(n);
        while (living.size() > 500 || (!living.empty() && random() % 2 == 0)) {
            auto const at = random() % living.size();
            auto const e = living[at];
            living[at] = living.back();
            living.pop_back();
            auto const forgotten =
                ledger.end(model[e].slot, fq::task_state::success, static_cast<std::uint32_t>(e));
            model[e].ended = true;
            ended.push_back(e);
            if (ended.size() > capacity) {
                CHECK(forgotten == ended.front());
                model.erase(ended.front());
                ended.pop_front();
            } else {
                CHECK(forgotten == none);
            }
        }
        if (n % 1000 == 0) {
            for (auto const& [key, k] : model) {
                REQUIRE(ledger.find(id(key)) == k.slot);
                CHECK(ledger.same_task(k.slot, k.fingerprint));
                CHECK(fq::is_final(ledger.state(k.slot)) == k.ended);
            }
            for (std::uint64_t absent = 1; absent <= n; absent += 97)
                CHECK((ledger.find(id(absent)) != none) == model.contains(absent));
        }
        CHECK(ledger.size() == model.size());
    }
}
