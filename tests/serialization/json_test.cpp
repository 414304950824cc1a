#include <fastqueue/serialization/json.hpp>

#include "serialization/types.hpp"
#include "support/catch.hpp"

#include <cereal/types/memory.hpp>
#include <cereal/types/polymorphic.hpp>
// cereal's own functions for these are there too, and must not be in the way.
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <cmath>
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
#include <variant>
#include <vector>

using fastqueue::errc;
using fastqueue::serialization::json;

namespace {

std::string encoded(auto const& value) {
    std::string out;
    json::encode(out, value);
    return out;
}

// What is encoded, if it reads back as the same value.
template <class T>
std::string round_trip(T const& value) {
    auto const text = encoded(value);
    return json::decode<T>(text) == value ? text : "other: " + text;
}

template <class T>
std::string problem(std::string_view text) {
    try {
        (void)json::decode<T>(text);
    } catch (fastqueue::error const& e) {
        return e.code() == errc::bad_value ? e.text() : "other code";
    }
    return "none";
}

std::string encode_problem(auto const& value) {
    std::string out = "before";
    try {
        json::encode(out, value);
    } catch (fastqueue::error const& e) {
        return out == "before" && e.code() == errc::bad_value ? e.text() : "not undone";
    }
    return "none";
}

constexpr std::array<std::string_view, 2> names{"x", "box"};

template <class... Ts>
std::string arguments_problem(std::string_view text, std::tuple<Ts...> values = {}) {
    try {
        json::decode_arguments(text, names, values);
    } catch (fastqueue::error const& e) {
        return e.code() == errc::bad_arguments ? e.text() : "other code";
    }
    return "none";
}

using int_and_box = std::tuple<int, types::box>;

struct animal {
    virtual ~animal() = default;
    [[nodiscard]] virtual std::string says() const = 0;
};
struct dog : animal {
    std::string name;
    [[nodiscard]] std::string says() const override { return name + ": woof"; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(name));
    }
};

}  // namespace

TEST_CASE("json: scalars stand alone", "[serialization]") {
    CHECK(round_trip(true) == "true");
    CHECK(round_trip(8) == "8");
    CHECK(round_trip(std::int8_t{-5}) == "-5");
    CHECK(round_trip(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
    CHECK(round_trip(0.1) == "0.1");
    CHECK(round_trip(1.5F) == "1.5");
    CHECK(round_trip(std::string{"a\"\u00e9\n"}) == "\"a\\\"\u00e9\\n\"");
    CHECK(round_trip(types::colour::green) == "200");
    CHECK(round_trip(std::monostate{}) == "null");
    CHECK(encoded("literal") == "\"literal\"");
    CHECK(encoded(std::string_view{"view"}) == "\"view\"");
}

TEST_CASE("json: containers are lists and objects", "[serialization]") {
    CHECK(round_trip(std::vector<int>{1, 2}) == "[1,2]");
    CHECK(round_trip(std::vector<bool>{true, false}) == "[true,false]");
    CHECK(round_trip(std::vector<int>{}) == "[]");
    CHECK(round_trip(std::deque<std::string>{"a"}) == "[\"a\"]");
    CHECK(round_trip(std::list<double>{0.5}) == "[0.5]");
    CHECK(round_trip(std::set<int>{2, 1}) == "[1,2]");
    CHECK(round_trip(std::array<int, 2>{3, 4}) == "[3,4]");
    CHECK(round_trip(std::tuple<int, std::string, bool>{1, "a", true}) == "[1,\"a\",true]");
    CHECK(round_trip(std::tuple<>{}) == "[]");
    CHECK(round_trip(std::pair<int, std::optional<int>>{1, std::nullopt}) == "[1,null]");
    CHECK(round_trip(std::map<std::string, int>{{"a", 1}, {"b\"", 2}}) == R"({"a":1,"b\"":2})");
    CHECK(round_trip(std::unordered_map<std::string, bool>{{"k", true}}) == R"({"k":true})");
    CHECK(round_trip(std::map<int, std::string>{{1, "a"}, {2, "b"}}) == R"([[1,"a"],[2,"b"]])");
    CHECK(round_trip(std::vector<std::map<std::string, std::vector<int>>>{{{"a", {1}}}, {}}) ==
          R"([{"a":[1]},{}])");
    CHECK(round_trip(std::optional<int>{}) == "null");
    CHECK(round_trip(std::optional<std::vector<int>>{{1}}) == "[1]");
    using choice = std::variant<int, std::string, std::monostate>;
    CHECK(round_trip(choice{"s"}) == R"({"index":1,"data":"s"})");
    CHECK(round_trip(choice{std::monostate{}}) == R"({"index":2,"data":null})");
    CHECK(json::decode<choice>(R"({"data":5,"index":0})") == choice{5});
}

TEST_CASE("json: the user's classes are objects, as cereal lays them out", "[serialization]") {
    CHECK(round_trip(types::point{1, 2}) == R"({"value0":1,"value1":2})");
    CHECK(
        round_trip(types::box{3, 2.5, {1, 2}, {{3, 4}}, {{"k", 5}}}) ==
        R"({"width":3,"height":2.5,"corner":{"value0":1,"value1":2},"holes":[{"value0":3,"value1":4}],"tags":{"k":5}})");
    CHECK(round_trip(types::celsius{36.6}) == "36.6");
    CHECK(round_trip(std::vector<types::celsius>{types::celsius{1}, types::celsius{2}}) == "[1,2]");
    CHECK(round_trip(types::split{"a"}) == R"({"text":"a!"})");
    CHECK(round_trip(types::derived{{1, 2}, types::celsius{3}}) ==
          R"({"cereal_class_version":2,"value0":{"value0":1,"value1":2},"heat":3})");
    CHECK(round_trip(types::nothing{}) == "{}");
    CHECK(
        round_trip(types::tree{1, {{2, {}}, {3, {{4, {}}}}}}) ==
        R"({"value":1,"children":[{"value":2,"children":[]},{"value":3,"children":[{"value":4,"children":[]}]}]})");
}

TEST_CASE("json: smart pointers work with cereal's header for them", "[serialization]") {
    auto const shared = std::make_shared<int>(7);
    auto const text = encoded(std::vector<std::shared_ptr<int>>{shared, nullptr});
    auto const back = json::decode<std::vector<std::shared_ptr<int>>>(text);
    REQUIRE(back.size() == 2);
    CHECK(*back[0] == 7);
    CHECK(back[1] == nullptr);
    auto const owned = json::decode<std::unique_ptr<types::point>>(
        encoded(std::make_unique<types::point>(types::point{1, 2})));
    CHECK(*owned == types::point{1, 2});
}

TEST_CASE("json: members are found by name in any order, and unknown ones are ignored", "[serialization]") {
    types::box const expected{3, 2.5, {1, 2}, {}, {}};
    CHECK(
        json::decode<types::box>(R"({"tags":{},"holes":[],"new":[{"x":[]}],"corner":{"value1":2,"value0":1},)"
                                 R"("height":2.5,"width":3})") == expected);
    CHECK(json::decode<types::box>(R"({"w\u0069dth":3,"height":2.5,"corner":[1,2],"holes":[],"tags":{}})") ==
          expected);
    CHECK_FALSE(
        json::decode<types::box>(R"({"width":3,"corner":[1,2],"holes":[],"tags":{}})").height.has_value());
    CHECK_FALSE(
        json::decode<types::box>(R"({"width":3,"height":null,"corner":[1,2],"holes":[],"tags":{}})").height);
    auto const twice =
        json::decode<types::box>(R"({"width":1,"corner":[1,2],"width":2,"holes":[],"tags":{"a":1,"a":2}})");
    CHECK(twice.width == 1);
    CHECK(twice.tags.at("a") == 1);
}

TEST_CASE("json: what does not fit is said in words", "[serialization]") {
    CHECK(problem<int>("\"abc\"") == "expected an integer, got a string (\"abc\")");
    CHECK(problem<int>("1.5") == "expected an integer, got a number (1.5)");
    CHECK(problem<int>("1e2") == "expected an integer, got a number (1e2)");
    CHECK(problem<int>("5000000000") == "expected an integer from -2147483648 to 2147483647, got 5000000000");
    CHECK(problem<unsigned>("-1") == "expected an integer from 0 to 4294967295, got -1");
    CHECK(problem<types::colour>("256") == "expected an integer from 0 to 255, got 256");
    CHECK(problem<int>("null") == "expected an integer, got null");
    CHECK(problem<double>("true") == "expected a number, got a boolean (true)");
    CHECK(problem<double>("1e999999999") == "the number is out of range: 1e999999999");
    CHECK(problem<double>(std::string(100'000, '9')) ==
          "the number is out of range: " + std::string(40, '9') + "...");
    CHECK(problem<bool>("0") == "expected a boolean, got a number (0)");
    CHECK(problem<std::string>("[]") == "expected a string, got a list");
    CHECK(problem<std::vector<int>>("{}") == "expected a list, got an object");
    CHECK(problem<std::vector<int>>("[1,\"\\u001b[31m\"]") ==
          "element 2: expected an integer, got a string (\"?[31m\")");
    CHECK(problem<std::map<std::string, int>>("{\"a\":{\"b\":1}}") ==
          "\"a\": expected an integer, got an object");
    CHECK(problem<std::tuple<int, int>>("[1]") == "expected a list of 2, got one of 1");
    CHECK(problem<std::array<int, 1>>("[1,2]") == "expected a list of 1, got one of 2");
    CHECK(problem<std::variant<int>>("{\"index\":1,\"data\":0}") ==
          "\"index\": expected a number below 1, got 1");
    CHECK(problem<std::variant<int>>("{\"index\":0}") == "missing \"data\"");
    CHECK(problem<types::box>("{}") == "missing \"width\"");
    CHECK(problem<types::box>("[1]") == "expected an object, got a list");
    CHECK(problem<types::box>(R"({"width":1,"corner":{"value0":1}})") == "missing \"value1\" in \"corner\"");
    CHECK(problem<types::box>(R"({"width":1,"corner":[1,2],"holes":[[1,2],[1,true]]})") ==
          "\"holes\", element 2, element 2: expected an integer, got a boolean (true)");
    CHECK(problem<types::celsius>("\"hot\"") == "expected a number, got a string (\"hot\")");
    CHECK(problem<types::tree>("{\"value\":1,\"children\":[5]}") ==
          "\"children\", element 1: expected an object, got a number (5)");
}

TEST_CASE("json: what is not JSON is refused before anything is read", "[serialization]") {
    CHECK(problem<int>("") == "the value is not JSON: the document is empty at octet 0");
    CHECK(problem<std::vector<int>>("[1,2") ==
          "the value is not JSON: the document ends too early at octet 4");
    CHECK(problem<std::string>("\"\\ud800\"") ==
          "the value is not JSON: a lone surrogate in a string at octet 1");
    CHECK(problem<types::tree>(std::string(1'000'000, '[')) ==
          "the value is not JSON: nested too deep at octet 64");
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "{\"value\":1,\"children\":[";
    CHECK(problem<types::tree>(deep).starts_with("the value is not JSON: nested too deep"));
}

TEST_CASE("json: what JSON cannot say is a clear failure, and nothing is written", "[serialization]") {
    CHECK(encode_problem(std::nan("")) == "JSON has no NaN and no infinity");
    CHECK(encode_problem(std::vector<double>{1, std::numeric_limits<double>::infinity()}) ==
          "JSON has no NaN and no infinity");
    CHECK(encode_problem(std::string{"a\xff"}) == "a string is not UTF-8: JSON cannot carry it");
    CHECK(encode_problem(std::map<std::string, int>{{"\xff", 1}}) ==
          "a key is not UTF-8: JSON cannot carry it");
    types::tree deep;
    for (int i = 0; i < 40; ++i) deep = types::tree{i, {deep}};
    CHECK(encode_problem(deep) == "the value is nested too deep for JSON");
    types::tree fits;
    for (int i = 0; i < 31; ++i) fits = types::tree{i, {fits}};
    CHECK(json::decode<types::tree>(encoded(fits)) == fits);
}

TEST_CASE("json: a million members take linear time", "[serialization]") {
    std::string text = "{";
    for (int i = 0; i < 1'000'000; ++i) text += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ',';
    text += "\"width\":1,\"corner\":[1,2],\"holes\":[],\"tags\":{}}";
    CHECK(json::decode<types::box>(text).width == 1);
    CHECK(json::decode<std::vector<std::vector<int>>>('[' + std::string(100'000, ' ') + "[]]").size() == 1);
}

TEST_CASE("json: arguments are written by position", "[serialization]") {
    std::string out;
    json::encode_arguments(out, 5, std::string{"a"}, types::point{1, 2});
    CHECK(out == R"([5,"a",{"value0":1,"value1":2}])");
    out.clear();
    json::encode_arguments(out);
    CHECK(out == "[]");
}

TEST_CASE("json: arguments are read by position, by name, or not at all", "[serialization]") {
    std::tuple<int, std::optional<std::string>> values;
    json::decode_arguments("[1,\"a\"]", names, values);
    CHECK(values == std::tuple<int, std::optional<std::string>>{1, "a"});
    json::decode_arguments(R"({"box":"b","x":2})", names, values);
    CHECK(values == std::tuple<int, std::optional<std::string>>{2, "b"});
    json::decode_arguments("[3]", names, values);
    CHECK(values == std::tuple<int, std::optional<std::string>>{3, std::nullopt});
    std::tuple<> none;
    json::decode_arguments("", {}, none);
    json::decode_arguments("[]", {}, none);
    json::decode_arguments("{}", {}, none);
}

TEST_CASE("json: defaults fill what is not given, and only that", "[serialization]") {
    std::tuple<int, int> values;
    auto const fill = []<std::size_t I>(std::integral_constant<std::size_t, I>, int& element) {
        element = 10 + static_cast<int>(I);
        return I == 1;
    };
    json::decode_arguments("[1]", names, values, fill);
    CHECK(values == std::tuple{1, 11});
    json::decode_arguments("[1,2]", names, values, fill);
    CHECK(values == std::tuple{1, 2});
    CHECK_THROWS_WITH(json::decode_arguments(R"({"box":2})", names, values, fill),
                      Catch::Matchers::Contains("missing argument \"x\""));
}

TEST_CASE("json: wrong arguments are named", "[serialization]") {
    CHECK(arguments_problem<int, types::box>("[\"abc\",{}]") ==
          "argument \"x\": expected an integer, got a string (\"abc\")");
    CHECK(arguments_problem<int, types::box>("[1]") == "missing argument \"box\"");
    CHECK(arguments_problem<int, types::box>("") == "missing argument \"x\"");
    CHECK(arguments_problem<int, types::box>("[1,{}]") == "missing \"width\" in argument \"box\"");
    CHECK(arguments_problem<int, types::box>(R"([1,{"width":"w"}])") ==
          "argument \"box\", \"width\": expected an integer, got a string (\"w\")");
    CHECK(arguments_problem<int, types::box>(R"([1,{"width":1,"corner":[1]}])") ==
          "missing element 2 in argument \"box\", \"corner\"");
    CHECK(arguments_problem<int, types::box>("[1,2,3]") == "expected at most 2 arguments, got 3");
    CHECK(arguments_problem<int>("[1,2]") == "expected at most 1 argument, got 2");
    CHECK(arguments_problem<>("[1]") == "expected no arguments, got 1");
    CHECK(arguments_problem<int, types::box>(R"({"x":1,"y":2})") ==
          "unknown argument \"y\": the parameters are \"x\", \"box\"");
    CHECK(arguments_problem<int, types::box>(R"({"x":1,"x":2})") == "argument \"x\" is given twice");
    CHECK(arguments_problem<int, types::box>("[1") ==
          "the arguments are not JSON: the document ends too early at octet 2");
    for (auto const* text : {"null", "5", "\"text\"", "true"}) {
        CHECK(arguments_problem<int>(text) == "the arguments must be a JSON list or object");
    }
    std::tuple<int, int> nameless;
    CHECK_THROWS_WITH(json::decode_arguments("[1,true]", {}, nameless),
                      Catch::Matchers::Contains("argument 2: expected"));
    CHECK_THROWS_WITH(json::decode_arguments("{\"a\":1}", {}, nameless),
                      Catch::Matchers::Contains("have no names"));
}

TEST_CASE("json: random damage gives a value or an error, never anything else", "[serialization]") {
    auto const whole = encoded(types::box{3, 2.5, {1, 2}, {{3, 4}, {5, 6}}, {{"k", 5}, {"l", 6}}});
    unsigned read = 0;
    for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
        std::mt19937 random{seed};
        auto text = whole;
        text[random() % text.size()] = "0123456789{}[]\",:e.-x"[random() % 21];
        if (problem<types::box>(text) == "none") ++read;
    }
    CHECK(read > 0);
    CHECK(read < 20'000);
}
