#include <fastqueue/serialization/shape.hpp>

#include "support/catch.hpp"

using fastqueue::serialization::shape;
using fastqueue::serialization::shape_of;
using fastqueue::serialization::type_in_words;

namespace {
struct user_type {};
enum class choice { a };
}  // namespace

TEST_CASE("shape: types are told apart by what they look like", "[serialization]") {
    static_assert(shape_of<bool> == shape::boolean);
    static_assert(shape_of<int const> == shape::integer);
    static_assert(shape_of<choice> == shape::number);
    static_assert(shape_of<char[4]> == shape::text);
    static_assert(shape_of<std::vector<bool>> == shape::sequence);
    static_assert(shape_of<std::pair<int, int>> == shape::tuple);
    static_assert(shape_of<user_type> == shape::object);
    static_assert(fastqueue::serialization::string_map<std::map<std::string, int>>);
    static_assert(!fastqueue::serialization::string_map<std::map<int, int>>);
    SUCCEED();
}

TEST_CASE("type_in_words: people can read it", "[serialization]") {
    CHECK(type_in_words<bool>() == "boolean");
    CHECK(type_in_words<unsigned char>() == "integer");
    CHECK(type_in_words<choice>() == "integer");
    CHECK(type_in_words<float>() == "number");
    CHECK(type_in_words<std::optional<std::string>>() == "string or null");
    CHECK(type_in_words<std::vector<std::array<double, 2>>>() == "list of list of number");
    CHECK(type_in_words<std::map<std::string, int>>() == "object of integer");
    CHECK(type_in_words<std::map<int, int>>() == "list");
    CHECK(type_in_words<std::tuple<int, bool>>() == "list");
    CHECK(type_in_words<user_type>() == "object");
    CHECK(type_in_words<std::monostate>() == "null");
}
