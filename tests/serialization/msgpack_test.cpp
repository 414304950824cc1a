#if __has_include(<msgpack/pack.hpp>)  // Debian's libmsgpack-cxx-dev

#include <fastqueue/serialization/msgpack.hpp>

#include "laws/serialization_laws.hpp"
#include "serialization/types.hpp"
#include "support/catch.hpp"

#include <cereal/types/memory.hpp>
// cereal's own functions for these are there too, and must not be in the way.
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

using fastqueue::errc;
using codec = fastqueue::serialization::msgpack;  // `msgpack` is the library out here

namespace {

std::string encoded(auto const& value) {
    std::string out;
    codec::encode(out, value);
    return out;
}

// Octets as they are written in the format's specification.
std::string hex(std::string_view octets) {
    std::string text;
    for (char const c : octets) {
        auto const octet = static_cast<unsigned char>(c);
        if (!text.empty()) text += ' ';
        text += "0123456789abcdef"[octet >> 4U];
        text += "0123456789abcdef"[octet & 15U];
    }
    return text;
}

std::string octets(std::initializer_list<unsigned> list) {
    std::string text;
    for (auto const octet : list) text += static_cast<char>(octet);
    return text;
}

// What is encoded, if it reads back as the same value.
template <class T>
std::string round_trip(T const& value) {
    auto const bytes = encoded(value);
    return codec::decode<T>(bytes) == value ? hex(bytes) : "other: " + hex(bytes);
}

template <class T>
std::string problem(std::string_view bytes) {
    try {
        (void)codec::decode<T>(bytes);
    } catch (fastqueue::error const& e) {
        return e.code() == errc::bad_value ? e.text() : "other code";
    }
    return "none";
}

std::string encode_problem(auto const& value) {
    std::string out = "before";
    try {
        codec::encode(out, value);
    } catch (fastqueue::error const& e) {
        return out == "before" && e.code() == errc::bad_value ? e.text() : "not undone";
    }
    return "none";
}

constexpr std::array<std::string_view, 2> names{"x", "box"};

template <class... Ts>
std::string arguments_problem(std::string_view bytes, std::tuple<Ts...> values = {}) {
    try {
        codec::decode_arguments(bytes, names, values);
    } catch (fastqueue::error const& e) {
        return e.code() == errc::bad_arguments ? e.text() : "other code";
    }
    return "none";
}

// A map whose members stand in the order given, as strangers write it.
template <class... Ts>
std::string members(std::tuple<char const*, Ts> const&... each) {
    std::string out = octets({0x80U + static_cast<unsigned>(sizeof...(Ts))});
    ((codec::encode(out, std::get<0>(each)), codec::encode(out, std::get<1>(each))), ...);
    return out;
}
template <class T>
std::tuple<char const*, T> member(char const* name, T value) {
    return {name, value};
}

std::size_t allocated = 0;  // octets, by `counting`

template <class T>
struct counting {
    using value_type = T;
    counting() = default;
    template <class U>
    counting(counting<U> const&) {}
    T* allocate(std::size_t count) {
        allocated += count * sizeof(T);
        return std::allocator<T>{}.allocate(count);
    }
    void deallocate(T* p, std::size_t count) { std::allocator<T>{}.deallocate(p, count); }
    bool operator==(counting const&) const = default;
};

struct many {  // more members than fit the shortest head
    std::array<int, 20> numbers{};
    bool operator==(many const&) const = default;

    template <class Archive>
    void serialize(Archive& archive) {
        for (auto& number : numbers) archive(number);
    }
};

types::box const full_box{3, 2.5, {1, 2}, {{3, 4}, {5, 6}}, {{"k", 5}, {"l", 1'000'000'000'000}}};

}  // namespace

TEST_CASE("msgpack: integers take the shortest form of the specification", "[serialization]") {
    CHECK(round_trip(0) == "00");
    CHECK(round_trip(127) == "7f");
    CHECK(round_trip(128) == "cc 80");
    CHECK(round_trip(255) == "cc ff");
    CHECK(round_trip(256) == "cd 01 00");
    CHECK(round_trip(65535) == "cd ff ff");
    CHECK(round_trip(65536) == "ce 00 01 00 00");
    CHECK(round_trip(std::uint64_t{1} << 32U) == "cf 00 00 00 01 00 00 00 00");
    CHECK(round_trip(std::numeric_limits<std::uint64_t>::max()) == "cf ff ff ff ff ff ff ff ff");
    CHECK(round_trip(std::numeric_limits<std::int64_t>::max()) == "cf 7f ff ff ff ff ff ff ff");
    CHECK(round_trip(-1) == "ff");
    CHECK(round_trip(-32) == "e0");
    CHECK(round_trip(-33) == "d0 df");
    CHECK(round_trip(std::int8_t{-128}) == "d0 80");
    CHECK(round_trip(-129) == "d1 ff 7f");
    CHECK(round_trip(-32769) == "d2 ff ff 7f ff");
    CHECK(round_trip(std::numeric_limits<std::int64_t>::min()) == "d3 80 00 00 00 00 00 00 00");
    CHECK(round_trip(types::colour::green) == "cc c8");
    CHECK(round_trip('a') == "61");
}

TEST_CASE("msgpack: other scalars are as the specification says", "[serialization]") {
    CHECK(round_trip(true) == "c3");
    CHECK(round_trip(false) == "c2");
    CHECK(round_trip(std::monostate{}) == "c0");
    CHECK(round_trip(std::optional<int>{}) == "c0");
    CHECK(round_trip(std::optional<int>{5}) == "05");
    CHECK(round_trip(1.5) == "cb 3f f8 00 00 00 00 00 00");
    CHECK(round_trip(2.0) == "cb 40 00 00 00 00 00 00 00");
    CHECK(round_trip(-0.0) == "cb 80 00 00 00 00 00 00 00");
    CHECK(round_trip(18446744073709551616.0) == "cb 43 f0 00 00 00 00 00 00");
    CHECK(round_trip(1.5F) == "ca 3f c0 00 00");
    CHECK(round_trip(1.5L) == "cb 3f f8 00 00 00 00 00 00");
    CHECK(round_trip(std::string{"abc"}) == "a3 61 62 63");
    CHECK(round_trip(std::string{}) == "a0");
    CHECK(round_trip(std::string(31, 'a')).starts_with("bf 61"));
    CHECK(round_trip(std::string(32, 'a')).starts_with("d9 20 61"));
    CHECK(round_trip(std::string(256, 'a')).starts_with("da 01 00 61"));
    CHECK(round_trip(std::string(65536, 'a')).starts_with("db 00 01 00 00 61"));
    CHECK(round_trip(std::string{"a\"\u00e9\n\0 \u4e2d\U0001f600", 14}).starts_with("ae 61 22 c3 a9 0a 00"));
    CHECK(hex(encoded("literal")).starts_with("a7 6c"));
    CHECK(hex(encoded(std::string_view{"view"})) == "a4 76 69 65 77");
}

TEST_CASE("msgpack: carries NaN and infinities", "[serialization]") {
    CHECK(std::isnan(codec::decode<double>(encoded(std::nan("")))));
    CHECK(std::isnan(codec::decode<float>(encoded(std::nan("")))));
    CHECK(round_trip(-std::numeric_limits<double>::infinity()) == "cb ff f0 00 00 00 00 00 00");
    CHECK(codec::decode<float>(encoded(std::numeric_limits<double>::infinity())) ==
          std::numeric_limits<float>::infinity());
}

TEST_CASE("msgpack: containers are arrays and maps", "[serialization]") {
    CHECK(round_trip(std::vector<int>{1, 2}) == "92 01 02");
    CHECK(round_trip(std::vector<bool>{true, false}) == "92 c3 c2");
    CHECK(round_trip(std::vector<int>{}) == "90");
    CHECK(round_trip(std::vector<int>(16, 1)).starts_with("dc 00 10 01"));
    CHECK(round_trip(std::vector<int>(65536, 1)).starts_with("dd 00 01 00 00 01"));
    CHECK(round_trip(std::deque<std::string>{"a"}) == "91 a1 61");
    CHECK(round_trip(std::list<float>{0.5F}) == "91 ca 3f 00 00 00");
    CHECK(round_trip(std::set<int>{2, 1}) == "92 01 02");
    CHECK(round_trip(std::unordered_set<int>{2}) == "91 02");
    CHECK(round_trip(std::array<int, 2>{3, 4}) == "92 03 04");
    CHECK(round_trip(std::tuple<int, std::string, bool>{1, "a", true}) == "93 01 a1 61 c3");
    CHECK(round_trip(std::tuple<>{}) == "90");
    CHECK(round_trip(std::pair<int, std::optional<int>>{1, std::nullopt}) == "92 01 c0");
    CHECK(round_trip(std::map<std::string, int>{{"a", 1}, {"b", 2}}) == "82 a1 61 01 a1 62 02");
    CHECK(round_trip(std::unordered_map<std::string, bool>{{"k", true}}) == "81 a1 6b c3");
    CHECK(round_trip(std::map<int, std::string>{{1, "a"}}) == "91 92 01 a1 61");
    CHECK(round_trip(std::vector<std::map<std::string, std::vector<int>>>{{{"a", {1}}}, {}}) ==
          "92 81 a1 61 91 01 80");
    CHECK(round_trip(std::vector<std::vector<std::vector<int>>>{{{1}, {}}, {}, {{2, 3}, {4}}}) ==
          "93 92 91 01 90 90 92 92 02 03 91 04");
    using choice = std::variant<int, std::string, std::monostate>;
    CHECK(round_trip(choice{"s"}) == "82 a5 69 6e 64 65 78 01 a4 64 61 74 61 a1 73");
    CHECK(round_trip(choice{std::monostate{}}) == "82 a5 69 6e 64 65 78 02 a4 64 61 74 61 c0");
    CHECK(codec::decode<choice>(members(member("data", 5), member("index", 0))) == choice{5});
    std::map<std::string, int> large;
    for (int i = 0; i < 70'000; ++i) large[std::to_string(i)] = i;
    CHECK(round_trip(large).starts_with("df 00 01 11 70"));
}

TEST_CASE("msgpack: octets are an array here, and may come as bin", "[serialization]") {
    std::vector<unsigned char> const bytes{1, 200};
    CHECK(round_trip(bytes) == "92 01 cc c8");
    CHECK(round_trip(std::vector<std::byte>{std::byte{200}}) == "91 cc c8");
    CHECK(codec::decode<std::vector<unsigned char>>(octets({0xc4, 2, 1, 200})) == bytes);
    CHECK(codec::decode<std::vector<unsigned char>>(octets({0xc5, 0, 2, 1, 200})) == bytes);
    CHECK(codec::decode<std::vector<std::byte>>(octets({0xc6, 0, 0, 0, 1, 200})) ==
          std::vector{std::byte{200}});
    CHECK(problem<std::vector<int>>(octets({0xc4, 1, 1})) == "expected a list, got octets (1 of them)");
    CHECK(problem<std::string>(octets({0xc4, 0})) == "expected a string, got octets (0 of them)");
}

TEST_CASE("msgpack: the user's classes are maps, as cereal lays them out", "[serialization]") {
    CHECK(round_trip(types::point{1, 2}) == "82 a6 76 61 6c 75 65 30 01 a6 76 61 6c 75 65 31 02");
    CHECK(encoded(full_box) ==
          members(member("width", 3), member("height", 2.5), member("corner", types::point{1, 2}),
                  member("holes", std::vector<types::point>{{3, 4}, {5, 6}}),
                  member("tags", std::map<std::string, std::int64_t>{{"k", 5}, {"l", 1'000'000'000'000}})));
    CHECK(codec::decode<types::box>(encoded(full_box)) == full_box);
    CHECK(round_trip(types::celsius{36.5}) == "cb 40 42 40 00 00 00 00 00");
    CHECK(round_trip(std::vector<types::celsius>{types::celsius{0}}) == "91 cb 00 00 00 00 00 00 00 00");
    CHECK(round_trip(types::split{"a"}) == "81 a4 74 65 78 74 a2 61 21");
    CHECK(encoded(types::derived{{1, 2}, types::celsius{3}}) == members(member("cereal_class_version", 2),
                                                                        member("value0", types::point{1, 2}),
                                                                        member("heat", types::celsius{3})));
    CHECK_FALSE(round_trip(types::derived{{1, 2}, types::celsius{3}}).starts_with("other"));
    CHECK(round_trip(types::nothing{}) == "80");
    CHECK(round_trip(types::tree{1, {}}) == "82 a5 76 61 6c 75 65 01 a8 63 68 69 6c 64 72 65 6e 90");
    CHECK_FALSE(round_trip(types::tree{1, {{2, {}}, {3, {{4, {}}}}}}).starts_with("other"));
    many twenty;
    twenty.numbers[19] = 70'000;
    CHECK(round_trip(twenty).starts_with("de 00 14 a6 76 61 6c 75 65 30 00"));
    CHECK(round_trip(std::vector<many>{{}, twenty}).starts_with("92 de 00 14 a6"));
}

TEST_CASE("msgpack: smart pointers work with cereal's header for them", "[serialization]") {
    auto const shared = std::make_shared<int>(7);
    auto const bytes = encoded(std::vector<std::shared_ptr<int>>{shared, nullptr});
    auto const back = codec::decode<std::vector<std::shared_ptr<int>>>(bytes);
    REQUIRE(back.size() == 2);
    CHECK(*back[0] == 7);
    CHECK(back[1] == nullptr);
    auto const owned = codec::decode<std::unique_ptr<types::point>>(
        encoded(std::make_unique<types::point>(types::point{1, 2})));
    CHECK(*owned == types::point{1, 2});
}

TEST_CASE("msgpack: members are found by name in any order, and unknown ones are ignored",
          "[serialization]") {
    types::box const expected{3, 2.5, {1, 2}, {}, {}};
    std::vector<types::point> const holes;
    std::map<std::string, int> const tags;
    std::array const corner{1, 2};
    std::map<std::string, std::vector<std::string>> const news{{"x", {"y"}}};
    CHECK(codec::decode<types::box>(members(member("tags", tags), member("holes", holes), member("new", news),
                                            member("corner", corner), member("height", 2.5),
                                            member("width", 3))) == expected);
    CHECK_FALSE(codec::decode<types::box>(members(member("width", 3), member("corner", corner),
                                                  member("holes", holes), member("tags", tags)))
                    .height);
    auto const twice =
        codec::decode<types::box>(members(member("width", 1), member("corner", corner), member("width", 2),
                                          member("holes", holes), member("tags", tags)));
    CHECK(twice.width == 1);
    CHECK(codec::decode<std::map<std::string, int>>(members(member("a", 1), member("a", 2))).at("a") == 1);
    // Strangers may have names that are no strings; nobody asks for them.
    CHECK(codec::decode<types::split>(octets({0x83, 1, 2, 0x91, 3, 0x90}) + encoded("text") +
                                      encoded("ab")) == types::split{"a"});
}

TEST_CASE("msgpack: each width of a number or head is read", "[serialization]") {
    for (unsigned const width : {1U, 2U, 4U, 8U}) {
        auto const lead = width == 1 ? 0U : width == 2 ? 1U : width == 4 ? 2U : 3U;
        std::string const zeros(width - 1, '\0');
        CHECK(codec::decode<int>(octets({0xcc + lead}) + zeros + octets({5})) == 5);
        CHECK(codec::decode<int>(octets({0xd0 + lead}) + zeros + octets({5})) == 5);
        CHECK(codec::decode<unsigned char>(octets({0xd0 + lead}) + zeros + octets({5})) == 5);
        CHECK(codec::decode<int>(octets({0xd0 + lead}) + std::string(width, '\xff')) == -1);
        if (width == 8) continue;
        CHECK(codec::decode<std::string>(octets({0xd9 + lead}) + zeros + octets({1, 'a'})) == "a");
        if (width == 1) continue;
        CHECK(codec::decode<std::vector<int>>(octets({0xdb + lead}) + zeros + octets({1, 7})) ==
              std::vector{7});
        CHECK(codec::decode<std::map<std::string, int>>(octets({0xdd + lead}) + zeros +
                                                        octets({1, 0xa1, 'a', 7})) ==
              std::map<std::string, int>{{"a", 7}});
    }
    CHECK(codec::decode<double>(encoded(5)) == 5.0);
    CHECK(codec::decode<float>(encoded(-5)) == -5.0F);
    CHECK(codec::decode<double>(encoded(1.5F)) == 1.5);
    CHECK(codec::decode<float>(encoded(0.1)) == 0.1F);
}

TEST_CASE("msgpack: what does not fit is said in words", "[serialization]") {
    CHECK(problem<int>(encoded("abc")) == "expected an integer, got a string (\"abc\")");
    CHECK(problem<int>(encoded(1.5)) == "expected an integer, got a number (1.5)");
    CHECK(problem<int>(encoded(2.0)) == "expected an integer, got a number (2.0)");
    CHECK(problem<int>(encoded(5'000'000'000)) ==
          "expected an integer from -2147483648 to 2147483647, got 5000000000");
    CHECK(problem<int>(encoded(-5'000'000'000)) ==
          "expected an integer from -2147483648 to 2147483647, got -5000000000");
    CHECK(problem<unsigned>(encoded(-1)) == "expected an integer from 0 to 4294967295, got -1");
    CHECK(problem<std::int64_t>(encoded(std::numeric_limits<std::uint64_t>::max())) ==
          "expected an integer from -9223372036854775808 to 9223372036854775807, got 18446744073709551615");
    CHECK(problem<types::colour>(encoded(256)) == "expected an integer from 0 to 255, got 256");
    CHECK(problem<int>(octets({0xc0})) == "expected an integer, got null");
    CHECK(problem<double>(encoded(true)) == "expected a number, got a boolean (true)");
    CHECK(problem<float>(encoded(1e300)) == "the number is out of range: 1e+300");
    CHECK(problem<float>(encoded(1e-300)) == "the number is out of range: 1e-300");
    CHECK(problem<bool>(encoded(0)) == "expected a boolean, got a number (0)");
    CHECK(problem<std::monostate>(encoded(false)) == "expected null, got a boolean (false)");
    CHECK(problem<std::string>(octets({0x90})) == "expected a string, got a list");
    CHECK(problem<std::vector<int>>(octets({0x80})) == "expected a list, got an object");
    CHECK(problem<std::vector<int>>(encoded(std::tuple{1, "\x1b[31m"})) ==
          "element 2: expected an integer, got a string (\"?[31m\")");
    CHECK(problem<int>(encoded(std::string(39, 'a') + "\u00e9")) ==
          "expected an integer, got a string (\"" + std::string(39, 'a') + "...\")");
    CHECK(problem<std::map<std::string, int>>(octets({0x81, 0xa1, 'a', 0x80})) ==
          "\"a\": expected an integer, got an object");
    CHECK(problem<std::map<std::string, int>>(octets({0x82, 0xa1, 'a', 1, 5, 1})) ==
          "expected a string as a key, got a number (5)");
    CHECK(problem<std::tuple<int, int>>(octets({0x91, 1})) == "expected a list of 2, got one of 1");
    CHECK(problem<std::array<int, 1>>(octets({0x92, 1, 2})) == "expected a list of 1, got one of 2");
    CHECK(problem<std::variant<int>>(members(member("index", 1), member("data", 0))) ==
          "\"index\": expected a number below 1, got 1");
    CHECK(problem<std::variant<int>>(members(member("index", 0))) == "missing \"data\"");
    CHECK(problem<types::box>(octets({0x80})) == "missing \"width\"");
    CHECK(problem<types::box>(octets({0x91, 1})) == "expected an object, got a list");
    CHECK(problem<types::box>(
              members(member("width", 1), member("corner", std::map<std::string, int>{{"value0", 1}}))) ==
          "missing \"value1\" in \"corner\"");
    CHECK(problem<types::box>(members(member("width", 1), member("corner", std::array{1, 2}),
                                      member("holes", std::tuple{std::tuple{1, 2}, std::tuple{1, true}}))) ==
          "\"holes\", element 2, element 2: expected an integer, got a boolean (true)");
    CHECK(problem<types::celsius>(encoded("hot")) == "expected a number, got a string (\"hot\")");
    CHECK(problem<types::tree>(members(member("value", 1), member("children", std::array{5}))) ==
          "\"children\", element 1: expected an object, got a number (5)");
}

TEST_CASE("msgpack: what is not one value is refused before anything is read", "[serialization]") {
    std::string const prefix = "the value is not msgpack: ";
    CHECK(problem<int>("") == prefix + "the bytes end too early at octet 0");
    CHECK(problem<int>("\1\1") == prefix + "something follows the value at octet 1");
    CHECK(problem<std::vector<int>>(octets({0x93, 1, 2})) == prefix + "the bytes end too early at octet 3");
    CHECK(problem<std::string>(octets({0xa2, 0xed, 0xa0})) == prefix + "a string is not UTF-8 at octet 0");
    CHECK(problem<std::map<std::string, int>>(octets({0x81, 0xa1, 0xff, 0})) ==
          prefix + "a string is not UTF-8 at octet 1");
    for (unsigned const alien : {0xc1U, 0xc7U, 0xc8U, 0xc9U, 0xd4U, 0xd5U, 0xd6U, 0xd7U, 0xd8U}) {
        CHECK(problem<std::vector<int>>(octets({0x91, alien}) + std::string(32, '\0')) ==
              prefix + "an extension or unknown type at octet 1");
    }
}

TEST_CASE("msgpack: what a head announces costs no memory", "[serialization]") {
    using list = std::vector<std::array<double, 1000>, counting<std::array<double, 1000>>>;
    std::string const early = "the value is not msgpack: the bytes end too early at octet ";
    allocated = 0;
    for (unsigned const head : {0xc6U, 0xdbU, 0xddU, 0xdfU}) {
        auto const huge = octets({head, 0xff, 0xff, 0xff, 0xff});
        CHECK(problem<list>(huge) == early + "5");
        CHECK(problem<std::string>(huge) == early + "5");
        CHECK(problem<std::vector<unsigned char>>(huge) == early + "5");
        CHECK(problem<std::map<std::string, int>>(huge) == early + "5");
        CHECK(arguments_problem<int>(huge) ==
              "the arguments are not msgpack: the bytes end too early at octet 5");
    }
    CHECK(problem<list>(octets({0xdd, 0xff, 0xff, 0xff, 0xff}) + std::string(100, '\1')) == early + "105");
    CHECK(allocated == 0);
    // Many elements that have come, but are not what is read: the first one ends it.
    CHECK(problem<list>(octets({0xdd, 0, 1, 0, 0}) + std::string(65536, '\1')) ==
          "element 1: expected a list, got a number (1)");
    CHECK(allocated == sizeof(std::array<double, 1000>));
    allocated = 0;
    using numbers = std::vector<std::int64_t, counting<std::int64_t>>;
    CHECK(codec::decode<numbers>(octets({0xdd, 0, 1, 0, 0}) + std::string(65536, '\1')).size() == 65536);
    CHECK(allocated <= std::size_t{3} * 8 * 65536);
}

TEST_CASE("msgpack: nesting is bounded", "[serialization]") {
    std::string const deep = "the value is not msgpack: nested too deep at octet ";
    CHECK(problem<types::tree>(std::string(1'000'000, '\x91')) == deep + "64");
    std::string trees;
    for (int i = 0; i < 100'000; ++i) trees += members(member("value", 1)) + encoded("children") + '\x91';
    CHECK(problem<types::tree>(trees).starts_with("the value is not msgpack: "));
    types::tree tree;
    for (int i = 0; i < 40; ++i) tree = types::tree{i, {tree}};
    CHECK(encode_problem(tree) == "the value is nested too deep for msgpack");
    types::tree fits;
    for (int i = 0; i < 31; ++i) fits = types::tree{i, {fits}};
    CHECK(codec::decode<types::tree>(encoded(fits)) == fits);
}

TEST_CASE("msgpack: a million members take linear time", "[serialization]") {
    std::string bytes = octets({0xdf, 0, 0x0f, 0x42, 0x44});  // 1,000,004
    for (int i = 0; i < 1'000'000; ++i) {
        codec::encode(bytes, "k" + std::to_string(i));
        codec::encode(bytes, i);
    }
    bytes += members(member("width", 1), member("corner", std::array{1, 2}),
                     member("holes", std::array<int, 0>{}), member("tags", std::map<std::string, int>{}))
                 .substr(1);
    CHECK(codec::decode<types::box>(bytes).width == 1);
}

TEST_CASE("msgpack: what msgpack cannot say is a clear failure, and nothing is written", "[serialization]") {
    CHECK(encode_problem(std::string{"a\xff"}) == "a string is not UTF-8: msgpack cannot carry it");
    CHECK(encode_problem(std::tuple{1, std::string{"12345678\"\xff"}}) ==
          "a string is not UTF-8: msgpack cannot carry it");
    CHECK(encode_problem(std::map<std::string, int>{{"\xff", 1}}) ==
          "a string is not UTF-8: msgpack cannot carry it");
    CHECK(encode_problem(types::box{1, {}, {}, {}, {{"\xff", 1}}}) ==
          "a string is not UTF-8: msgpack cannot carry it");
}

TEST_CASE("msgpack: arguments are written by position", "[serialization]") {
    std::string out;
    codec::encode_arguments(out, 5, std::string{"a"}, std::optional<int>{});
    CHECK(hex(out) == "93 05 a1 61 c0");
    out.clear();
    codec::encode_arguments(out);
    CHECK(hex(out) == "90");
}

TEST_CASE("msgpack: arguments are read by position, by name, or not at all", "[serialization]") {
    using arguments = std::tuple<int, std::optional<std::string>>;
    arguments values;
    codec::decode_arguments(encoded(std::tuple{1, "a"}), names, values);
    CHECK(values == arguments{1, "a"});
    codec::decode_arguments(members(member("box", "b"), member("x", 2)), names, values);
    CHECK(values == arguments{2, "b"});
    codec::decode_arguments(octets({0x91, 3}), names, values);
    CHECK(values == arguments{3, std::nullopt});
    std::tuple<std::vector<std::vector<int>>, types::point> nested;
    codec::decode_arguments(octets({0x92, 0x92, 0x91, 1, 0x90, 0x92, 3, 4}), names, nested);
    CHECK(nested == std::tuple{std::vector<std::vector<int>>{{1}, {}}, types::point{3, 4}});
    std::tuple<> none;
    codec::decode_arguments("", {}, none);
    codec::decode_arguments("\x90", {}, none);
    codec::decode_arguments("\x80", {}, none);
}

TEST_CASE("msgpack: defaults fill what is not given, and only that", "[serialization]") {
    std::tuple<int, int> values;
    auto const fill = []<std::size_t I>(std::integral_constant<std::size_t, I>, int& element) {
        element = 10 + static_cast<int>(I);
        return I == 1;
    };
    codec::decode_arguments(octets({0x91, 1}), names, values, fill);
    CHECK(values == std::tuple{1, 11});
    codec::decode_arguments(octets({0x92, 1, 2}), names, values, fill);
    CHECK(values == std::tuple{1, 2});
    CHECK_THROWS_WITH(codec::decode_arguments(members(member("box", 2)), names, values, fill),
                      Catch::Matchers::Contains("missing argument \"x\""));
}

TEST_CASE("msgpack: wrong arguments are named", "[serialization]") {
    std::map<std::string, int> const empty;
    CHECK(arguments_problem<int, types::box>(encoded(std::tuple{"abc", empty})) ==
          "argument \"x\": expected an integer, got a string (\"abc\")");
    CHECK(arguments_problem<int, types::box>(octets({0x91, 1})) == "missing argument \"box\"");
    CHECK(arguments_problem<int, types::box>("") == "missing argument \"x\"");
    CHECK(arguments_problem<int, types::box>(octets({0x92, 1, 0x80})) ==
          "missing \"width\" in argument \"box\"");
    CHECK(arguments_problem<int, types::box>(octets({0x92, 1}) + members(member("width", "w"))) ==
          "argument \"box\", \"width\": expected an integer, got a string (\"w\")");
    CHECK(arguments_problem<int, types::box>(octets({0x92, 1}) +
                                             members(member("width", 1), member("corner", std::array{1}))) ==
          "missing element 2 in argument \"box\", \"corner\"");
    CHECK(arguments_problem<int, types::box>(octets({0x93, 1, 2, 3})) ==
          "expected at most 2 arguments, got 3");
    CHECK(arguments_problem<int>(octets({0x92, 1, 2})) == "expected at most 1 argument, got 2");
    CHECK(arguments_problem<>(octets({0x91, 1})) == "expected no arguments, got 1");
    CHECK(arguments_problem<int, types::box>(members(member("x", 1), member("y", 2))) ==
          "unknown argument \"y\": the parameters are \"x\", \"box\"");
    CHECK(arguments_problem<int, types::box>(members(member("x", 1), member("x", 2))) ==
          "argument \"x\" is given twice");
    CHECK(arguments_problem<int>(octets({0x81, 7, 2})) == "expected a parameter's name, got a number (7)");
    CHECK(arguments_problem<int, types::box>(octets({0x92, 1})) ==
          "the arguments are not msgpack: the bytes end too early at octet 2");
    CHECK(arguments_problem<int>("[5,3]").starts_with("the arguments are not msgpack: something follows"));
    for (auto const& bytes : {octets({0xc0}), encoded(5), encoded("text"), encoded(true)}) {
        CHECK(arguments_problem<int>(bytes) == "the arguments must be a msgpack array or map");
    }
    std::tuple<int, int> nameless;
    CHECK_THROWS_WITH(codec::decode_arguments(octets({0x92, 1, 0xc3}), {}, nameless),
                      Catch::Matchers::Contains("argument 2: expected"));
    CHECK_THROWS_WITH(codec::decode_arguments(members(member("a", 1)), {}, nameless),
                      Catch::Matchers::Contains("have no names"));
}

TEST_CASE("msgpack: whatever is cut off, it is an error", "[serialization]") {
    using choice = std::variant<int, std::vector<double>>;
    auto const value = std::tuple{full_box, types::derived{{1, 2}, types::celsius{3}},
                                  choice{std::vector{0.5}}, std::string(300, 'a'), many{}};
    using type = std::remove_const_t<decltype(value)>;
    auto const whole = encoded(value);
    REQUIRE(codec::decode<type>(whole) == value);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        std::string const part = whole.substr(0, size);  // of its own, for the sanitizers
        if (problem<type>(part) !=
            "the value is not msgpack: the bytes end too early at octet " + std::to_string(size)) {
            FAIL(size << ": " << problem<type>(part));
        }
    }
}

TEST_CASE("msgpack: random damage gives a value or an error, never anything else", "[serialization]") {
    std::string arguments;
    codec::encode_arguments(arguments, 5, full_box);
    auto const whole = encoded(full_box);
    unsigned read = 0;
    for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
        std::mt19937 random{seed};
        auto bytes = whole;
        for (auto flips = 1 + random() % 3; flips > 0; --flips)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        if (problem<types::box>(bytes) == "none") ++read;
        bytes = arguments;
        bytes[random() % bytes.size()] = static_cast<char>(random());
        if (arguments_problem<int, types::box>(bytes) == "other code") FAIL(seed);
        // Nothing but noise, where heads are frequent.
        for (auto& octet : bytes)
            octet = static_cast<char>(random() % 3 != 0 ? 0x80 + random() % 0x80 : random());
        bytes.resize(1 + random() % bytes.size());
        (void)problem<std::map<std::string, std::vector<std::optional<std::string>>>>(bytes);
        (void)problem<types::tree>(bytes);
        (void)problem<std::variant<int, std::string, std::vector<unsigned char>>>(bytes);
    }
    CHECK(read > 0);
    CHECK(read < 20'000);
}

TEST_CASE("msgpack: keeps the laws of a serialization", "[serialization]") {
    laws::serialization_laws<fastqueue::serialization::msgpack>();
}

#endif
