#include <fastqueue/model/hash.hpp>

#include "support/catch.hpp"

#include <bit>
#include <cstdint>
#include <set>
#include <string>

using fastqueue::hash_bytes;
using fastqueue::mix;

TEST_CASE("hash_bytes: the same bytes and seed give the same number, wherever they stand", "[model]") {
    std::string const text = "the quick brown fox jumps over the lazy dog";
    for (std::size_t shift = 0; shift < 8; ++shift) {
        auto const moved = std::string(shift, ' ') + text;
        CHECK(hash_bytes(std::string_view{moved}.substr(shift), 1) == hash_bytes(text, 1));
    }
    CHECK(hash_bytes(text, 1) != hash_bytes(text, 2));
    CHECK(hash_bytes("") == hash_bytes(std::string{}));
}

TEST_CASE("hash_bytes: length counts, also of zeros", "[model]") {
    std::set<std::uint64_t> seen;
    for (std::size_t size = 0; size <= 200; ++size) seen.insert(hash_bytes(std::string(size, '\0'), 9));
    CHECK(seen.size() == 201);
}

TEST_CASE("hash_bytes: every bit of the input moves about half of the output's", "[model]") {
    for (std::size_t const size : {1U, 7U, 8U, 9U, 16U, 31U, 127U, 128U, 165U}) {
        std::string bytes(size, 'x');
        auto const plain = hash_bytes(bytes, 42);
        int moved = 0;
        for (std::size_t bit = 0; bit < size * 8; ++bit) {
            auto changed = bytes;
            changed[bit / 8] =
                static_cast<char>(static_cast<unsigned char>(changed[bit / 8]) ^ (1U << (bit % 8)));
            auto const distance = std::popcount(plain ^ hash_bytes(changed, 42));
            CAPTURE(size, bit);
            CHECK(distance >= 10);
            moved += distance;
        }
        auto const mean = moved / static_cast<int>(size * 8);
        CHECK(mean >= 28);
        CHECK(mean <= 36);
    }
}

TEST_CASE("hash_bytes: a hundred thousand names do not collide, nor crowd into some buckets", "[model]") {
    std::set<std::uint64_t> seen;
    std::uint64_t buckets[64] = {};
    for (int i = 0; i < 100'000; ++i) {
        auto const h = hash_bytes("task-" + std::to_string(i), 3);
        seen.insert(h);
        ++buckets[h % 64];
    }
    CHECK(seen.size() == 100'000);
    for (auto const count : buckets) {
        CHECK(count > 1300);
        CHECK(count < 1850);
    }
}

TEST_CASE("mix: does not depend on the order, but on both", "[model]") {
    CHECK(mix(3, 5) == mix(5, 3));
    CHECK(mix(3, 5) == 15);
    CHECK(mix(~0ULL, ~0ULL) == ((~0ULL - 1) ^ 1U));
}
