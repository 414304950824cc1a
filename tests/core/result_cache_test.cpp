#include <fastqueue/core/result_cache.hpp>

#include <fastqueue/eviction/lru.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace fq = fastqueue;
using namespace std::chrono_literals;
using fq::core::none;
using cache = fq::core::result_cache<fq::eviction::lru>;

namespace {

fq::instant const t0{1h};

struct fixture {
    explicit fixture(cache::limits limit) : results{limit} {}
    std::uint32_t add(std::uint32_t ledger, std::string const& value, fq::instant now = t0) {
        return results.insert(ledger, ledger, {}, value, now,
                              [this](std::uint32_t l, std::uint64_t) { gone.push_back(l); });
    }
    void sweep(fq::instant now) {
        results.sweep(now, [this](std::uint32_t l, std::uint64_t) { gone.push_back(l); });
    }
    cache results;
    std::vector<std::uint32_t> gone;
};

}  // namespace

TEST_CASE("result_cache: full, the one used longest ago leaves, and its owner is told", "[core]") {
    fixture f{{2, 1000, 10s}};
    auto const one = f.add(1, "a");
    f.add(2, "b");
    REQUIRE(f.results.use(one, t0) != nullptr);
    auto const three = f.add(3, "c");
    CHECK(f.gone == std::vector<std::uint32_t>{2});
    CHECK(f.results.use(one, t0)->value == "a");
    CHECK(f.results.use(three, t0)->value == "c");
    CHECK(f.results.size() == 2);
}

TEST_CASE("result_cache: a peek is no use", "[core]") {
    fixture f{{2, 1000, 10s}};
    auto const one = f.add(1, "a");
    f.add(2, "b");
    CHECK(f.results.peek(one, t0)->value == "a");
    f.add(3, "c");
    CHECK(f.gone == std::vector<std::uint32_t>{1});
}

TEST_CASE("result_cache: octets are counted, as many leave as must, and what is over all of them is not kept",
          "[core]") {
    fixture f{{10, 100, 10s}};
    f.add(1, std::string(40, 'a'));
    f.add(2, std::string(40, 'b'));
    CHECK(f.results.octets() == 80);
    f.add(3, std::string(90, 'c'));
    CHECK(f.gone == std::vector<std::uint32_t>{1, 2});
    CHECK(f.results.octets() == 90);
    CHECK(f.add(4, std::string(101, 'd')) == none);
    CHECK(f.results.size() == 1);
    CHECK(f.add(5, std::string(100, 'e')) != none);
    CHECK(f.results.octets() == 100);
}

TEST_CASE("result_cache: fault 35: time to live counts from the end, whatever is read meanwhile", "[core]") {
    fixture f{{10, 1000, 10s}};
    auto const one = f.add(1, "a", t0);
    f.add(2, "b", t0 + 1s);
    CHECK(f.results.use(one, t0 + 10s - 1ns) != nullptr);
    CHECK(f.results.use(one, t0 + 10s) == nullptr);
    CHECK(f.results.peek(one, t0 + 10s) == nullptr);
    f.sweep(t0 + 10s);
    CHECK(f.gone == std::vector<std::uint32_t>{1});
    f.sweep(t0 + 11s);
    CHECK(f.gone == std::vector<std::uint32_t>{1, 2});
    CHECK(f.results.size() == 0);
    CHECK(f.results.octets() == 0);
}

TEST_CASE("result_cache: erasing in the middle leaves the order of ends as it was", "[core]") {
    fixture f{{10, 1000, 10s}};
    f.add(1, "a", t0);
    auto const two = f.add(2, "b", t0 + 1s);
    f.add(3, "c", t0 + 2s);
    f.results.erase(two);
    CHECK(f.gone.empty());
    f.add(4, "d", t0 + 3s);
    f.sweep(t0 + 1min);
    CHECK(f.gone == std::vector<std::uint32_t>{1, 3, 4});
}

TEST_CASE("result_cache: of size 0 keeps nothing", "[core]") {
    fixture f{{0, 1000, 10s}};
    CHECK(f.add(1, "a") == none);
    f.sweep(t0 + 1min);
    CHECK(f.results.size() == 0);
}
