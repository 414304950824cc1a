#include <fastqueue/model/name.hpp>

#include "support/catch.hpp"

#include <string>
#include <vector>

using fastqueue::edit_distance;
using fastqueue::is_valid_name;
using fastqueue::nearest_names;

TEST_CASE("is_valid_name: 1 to 255 letters, digits and a few signs", "[model]") {
    CHECK(is_valid_name("add"));
    CHECK(is_valid_name("Images.resize_v2:fast-1"));
    CHECK(is_valid_name(std::string(255, 'a')));
    CHECK_FALSE(is_valid_name(std::string(256, 'a')));
    CHECK_FALSE(is_valid_name(""));
    int valid = 0;
    for (int value = 0; value < 256; ++value) {
        if (is_valid_name(std::string(1, static_cast<char>(value)))) ++valid;
    }
    CHECK(valid == 26 + 26 + 10 + 4);
    for (auto const* bad : {" ", "a b", "a/b", "a\n", "gr\xc3\xbc\xc3\x9f", "a,b", "a*"})
        CHECK_FALSE(is_valid_name(bad));
}

TEST_CASE("edit_distance: counts what must be put in, taken out or changed", "[model]") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("add", "add") == 0);
    CHECK(edit_distance("", "add") == 3);
    CHECK(edit_distance("add", "ad") == 1);
    CHECK(edit_distance("add", "and") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("sitting", "kitten") == 3);
}

TEST_CASE("nearest_names: the most alike first, and none that can't have been meant", "[model]") {
    std::vector<std::string> const names{"add", "sub", "multiply", "resize_image", "adds", "bad"};
    CHECK(nearest_names("add", names) == std::vector<std::string>{"add", "adds", "bad"});
    CHECK(nearest_names("add", names, 1) == std::vector<std::string>{"add"});
    CHECK(nearest_names("resize-imag", names) == std::vector<std::string>{"resize_image"});
    CHECK(nearest_names("something_else", names).empty());
}
