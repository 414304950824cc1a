#include <fastqueue/model/outcome.hpp>

#include "support/catch.hpp"

#include <memory>
#include <string>
#include <utility>

using fastqueue::errc;
using fastqueue::outcome;
using fastqueue::task_state;

TEST_CASE("outcome: holds the value of a success", "[model]") {
    auto eight = outcome<int>::succeeded(8);
    CHECK(eight);
    CHECK(eight.has_value());
    CHECK(eight.value() == 8);
    CHECK(*eight == 8);
    CHECK(eight.state() == task_state::success);
    CHECK_FALSE(eight.error());
    CHECK(eight.text().empty());
    eight.value() = 9;
    CHECK(std::as_const(eight).value() == 9);
}

TEST_CASE("outcome: without a value it throws what the task ended with", "[model]") {
    auto const failed = outcome<int>::ended(task_state::failure, errc::handler_error, "division by zero");
    CHECK_FALSE(failed);
    CHECK(failed.state() == task_state::failure);
    CHECK(failed.error() == errc::handler_error);
    CHECK(failed.text() == "division by zero");
    try {
        (void)failed.value();
        FAIL("no exception");
    } catch (fastqueue::error const& e) {
        CHECK(e.code() == errc::handler_error);
        CHECK(e.text() == "division by zero");
    }
}

TEST_CASE("outcome: needs neither a default constructor nor a copy of the result", "[model]") {
    struct only_moved {
        explicit only_moved(int n) : number{std::make_unique<int>(n)} {}
        std::unique_ptr<int> number;
    };
    auto result = outcome<only_moved>::succeeded(only_moved{5});
    auto moved = std::move(result);
    only_moved const value = std::move(moved).value();
    CHECK(*value.number == 5);
    CHECK_FALSE(outcome<only_moved>::ended(task_state::cancelled, errc::cancelled, ""));
}

TEST_CASE("outcome: a task without result can succeed too", "[model]") {
    CHECK(outcome<void>::succeeded({}));
    CHECK_THROWS_AS(outcome<void>::ended(task_state::expired, errc::expired, "too late").value(),
                    fastqueue::error);
}

TEST_CASE("outcome: carries how and where the task ran", "[model]") {
    auto result = outcome<int>::succeeded(1);
    CHECK(result.meta().attempt == 0);
    fastqueue::task_meta meta;
    meta.attempt = 2;
    meta.worker = "mill-3";
    result.meta(meta);
    CHECK(result.meta().attempt == 2);
    CHECK(result.meta().worker == "mill-3");
}

TEST_CASE("outcome: one that nothing is known of says so, also where the result has no default", "[model]") {
    struct only_with_number {
        explicit only_with_number(int) {}
    };
    outcome<only_with_number> result;
    CHECK_FALSE(result);
    CHECK(result.state() == task_state::queued);
    CHECK(result.error() == fastqueue::make_error_code(errc::not_finished));
    CHECK_THROWS_AS(result.value(), fastqueue::error);
}
