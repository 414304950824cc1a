#include <fastqueue/serialization/portable_binary.hpp>

#include "serialization/types.hpp"
#include "support/catch.hpp"

#include <cereal/archives/portable_binary.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

using fastqueue::errc;
using fastqueue::serialization::portable_binary;

namespace {

template <class T>
std::string encoded(T const& value) {
    std::string out;
    portable_binary::encode(out, value);
    return out;
}

template <class T>
std::string by_cereal(T const& value, bool little = true) {
    using archive = cereal::PortableBinaryOutputArchive;
    std::ostringstream out;
    archive{out, little ? archive::Options::LittleEndian() : archive::Options::BigEndian()}(value);
    return out.str();
}

// Ours is cereal's, in both directions and both orders of octets.
template <class T>
bool same_as_cereal(T const& value) {
    return encoded(value) == by_cereal(value) && portable_binary::decode<T>(by_cereal(value)) == value &&
           portable_binary::decode<T>(by_cereal(value, false)) == value;
}

template <class T>
std::string problem(std::string_view bytes) {
    try {
        (void)portable_binary::decode<T>(bytes);
    } catch (fastqueue::error const& e) {
        return e.code() == errc::bad_value ? e.text() : "other code";
    }
    return "none";
}

constexpr std::array<std::string_view, 2> names{"x", "y"};

}  // namespace

TEST_CASE("portable_binary: is what cereal's archive writes and reads", "[serialization]") {
    CHECK(same_as_cereal(8));
    CHECK(same_as_cereal(true));
    CHECK(same_as_cereal(-0.5));
    CHECK(same_as_cereal(std::uint64_t{1} << 40U));
    CHECK(same_as_cereal(types::colour::green));
    CHECK(same_as_cereal(std::string{"a\0\xff", 3}));
    CHECK(same_as_cereal(std::vector<int>{1, -2}));
    CHECK(same_as_cereal(std::vector<bool>{true, false}));
    CHECK(same_as_cereal(std::vector<std::string>{"a", ""}));
    CHECK(same_as_cereal(std::array<double, 2>{1, 2}));
    CHECK(same_as_cereal(std::map<std::string, int>{{"a", 1}}));
    CHECK(same_as_cereal(std::tuple<int, std::string>{1, "a"}));
    CHECK(same_as_cereal(std::optional<int>{}));
    CHECK(same_as_cereal(std::optional<int>{5}));
    CHECK(same_as_cereal(std::variant<int, std::string>{"s"}));
    CHECK(same_as_cereal(types::point{1, 2}));
    CHECK(same_as_cereal(types::box{3, 2.5, {1, 2}, {{3, 4}}, {{"k", 5}}}));
    CHECK(same_as_cereal(std::vector<types::celsius>{types::celsius{1}}));
    CHECK(same_as_cereal(types::split{"a"}));
    CHECK(same_as_cereal(types::derived{{1, 2}, types::celsius{3}}));
    CHECK(same_as_cereal(types::tree{1, {{2, {}}}}));
}

TEST_CASE("portable_binary: carries NaN and infinities", "[serialization]") {
    CHECK(std::isnan(portable_binary::decode<double>(encoded(std::nan("")))));
    CHECK(portable_binary::decode<float>(encoded(-std::numeric_limits<float>::infinity())) ==
          -std::numeric_limits<float>::infinity());
}

TEST_CASE("portable_binary: a count is believed only as far as there are octets", "[serialization]") {
    std::string const huge = std::string{"\1"} + std::string(7, '\0') + '\x40';  // 2^62
    CHECK(problem<std::string>(huge) == "the bytes end too early");
    CHECK(problem<std::vector<int>>(huge) == "the bytes end too early");
    CHECK(problem<std::vector<std::array<double, 1000>>>(huge) == "the bytes end too early");
    CHECK(problem<std::map<std::string, int>>(huge) == "the bytes end too early");
    CHECK(problem<std::vector<int>>(huge + std::string(64, '\0')) == "the bytes end too early");
}

TEST_CASE("portable_binary: all octets are used, and there are enough", "[serialization]") {
    CHECK(problem<int>("") == "the bytes end too early");
    CHECK(problem<int>("\2\1\1\1\1") == "this is no portable binary archive");
    CHECK(problem<int>("\1\1\1\1") == "the bytes end too early");
    CHECK(problem<int>("\1\1\1\1\1\1") == "something follows the value: 1 octets");
    CHECK(problem<bool>("\1\2") == "expected a boolean");
    CHECK(problem<std::variant<int>>("\1\1" + std::string(8, '\0')) == "a variant has no such alternative");
    CHECK(problem<std::variant<int>>("\1\xff\xff\xff\xff" + std::string(4, '\0')) ==
          "a variant has no such alternative");
}

TEST_CASE("portable_binary: nesting is bounded", "[serialization]") {
    std::string deep = "\1";
    for (int i = 0; i < 1'000'000; ++i) deep += std::string("\0\0\0\0\1\0\0\0\0\0\0\0", 12);
    CHECK(problem<types::tree>(deep) == "nested too deep");
    types::tree tree;
    for (int i = 0; i < 40; ++i) tree = types::tree{i, {tree}};
    CHECK_THROWS_AS(encoded(tree), fastqueue::error);
}

TEST_CASE("portable_binary: arguments go by position", "[serialization]") {
    std::string out;
    portable_binary::encode_arguments(out, 5, std::string{"a"});
    std::tuple<int, std::string> values;
    portable_binary::decode_arguments(out, names, values);
    CHECK(values == std::tuple<int, std::string>{5, "a"});

    auto const why = [](std::string_view bytes, auto tuple) {
        try {
            portable_binary::decode_arguments(bytes, names, tuple);
        } catch (fastqueue::error const& e) {
            return e.code() == errc::bad_arguments ? e.text() : "other code";
        }
        return std::string{"none"};
    };
    CHECK(why(out, std::tuple<int>{}) == "expected at most 1 argument, got 2");
    CHECK(why(out, std::tuple<int, std::string, int>{}) == "missing argument 3");
    CHECK(why(out, std::tuple<int, std::string, std::optional<int>>{}) == "none");
    CHECK(why(std::string_view{out}.substr(0, out.size() - 1), std::tuple<int, std::string>{}) ==
          "argument \"y\": the bytes end too early");
    CHECK(why(out + 'x', std::tuple<int, std::string>{}) == "something follows the value: 1 octets");
    CHECK(why("", std::tuple<std::optional<int>>{}) == "none");
    CHECK(why("", std::tuple<int>{}) == "missing argument \"x\"");
    CHECK(why("[5,3]", std::tuple<int, int>{}) == "this is no portable binary archive");
}

TEST_CASE("portable_binary: random damage gives a value or an error, never anything else",
          "[serialization]") {
    auto const whole = encoded(types::box{3, 2.5, {1, 2}, {{3, 4}, {5, 6}}, {{"k", 5}, {"l", 6}}});
    unsigned read = 0;
    for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
        std::mt19937 random{seed};
        auto bytes = whole;
        bytes[random() % bytes.size()] = static_cast<char>(random());
        if (problem<types::box>(bytes) == "none") ++read;
    }
    CHECK(read > 0);
    CHECK(read < 20'000);
}
