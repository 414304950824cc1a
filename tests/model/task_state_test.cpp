#include <fastqueue/model/task_state.hpp>

#include "support/catch.hpp"

#include <set>
#include <string_view>
#include <vector>

using fastqueue::is_final;
using fastqueue::may_become;
using fastqueue::name_of;
using fastqueue::parse_task_state;
using fastqueue::task_state;

namespace {

std::vector<task_state> all_states() {
    std::vector<task_state> out;
    for (std::size_t i = 0; i < fastqueue::task_state_names.size(); ++i)
        out.push_back(static_cast<task_state>(i));
    return out;
}

}  // namespace

TEST_CASE("task_state: each has a name, there and back", "[model]") {
    CHECK(all_states().back() == task_state::expired);
    std::set<std::string_view> names;
    for (auto const s : all_states()) {
        names.insert(name_of(s));
        CHECK(parse_task_state(name_of(s)) == s);
    }
    CHECK(names.size() == 9);
    CHECK(name_of(task_state::retrying) == "retrying");
    for (auto const* bad : {"", "Queued", "dead", "queued "}) CHECK_FALSE(parse_task_state(bad).has_value());
}

TEST_CASE("task_state: goes only where the table says", "[model]") {
    using enum task_state;
    // One row a state, one column a state in the same order; x: may become.
    constexpr std::string_view table[] = {
        // scheduled queued assigned running retrying success failure cancelled expired
        ".x.....xx",  // scheduled
        "..xx..xxx",  // queued
        ".x.xxxxxx",  // assigned
        ".x..xxxxx",  // running
        ".x.....xx",  // retrying
        ".........",  // success
        ".........",  // failure
        ".........",  // cancelled
        ".........",  // expired
    };
    for (auto const from : all_states()) {
        for (auto const to : all_states()) {
            CAPTURE(name_of(from), name_of(to));
            CHECK(may_become(from, to) ==
                  (table[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)] == 'x'));
        }
    }
}

TEST_CASE("task_state: nothing leaves a final state, and something leaves each other", "[model]") {
    for (auto const from : all_states()) {
        bool leaves = false;
        for (auto const to : all_states()) leaves = leaves || may_become(from, to);
        CAPTURE(name_of(from));
        CHECK(leaves != is_final(from));
        CHECK_FALSE(may_become(from, from));
    }
}
