#include <fastqueue/model/error.hpp>

#include "support/catch.hpp"

#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using fastqueue::errc;
using fastqueue::errc_from_name;
using fastqueue::name_of;

namespace {

std::vector<errc> all_codes() {
    std::vector<errc> out;
    for (auto const& [first, last] :
         {std::pair{errc::bad_request, errc::expired}, std::pair{errc::unreachable, errc::store_failed},
          std::pair{errc::need_more, errc::peer_error}}) {
        for (int i = static_cast<int>(first); i <= static_cast<int>(last); ++i)
            out.push_back(static_cast<errc>(i));
    }
    return out;
}

}  // namespace

TEST_CASE("error: each code has a name and a text of its own", "[model]") {
    std::set<std::string> names;
    std::set<std::string> texts;
    for (auto const code : all_codes()) {
        CAPTURE(static_cast<int>(code));
        CHECK_FALSE(name_of(code).empty());
        CHECK(make_error_code(code).message() != "unknown error");
        names.emplace(name_of(code));
        texts.insert(make_error_code(code).message());
    }
    CHECK(names.size() == all_codes().size());
    CHECK(texts.size() == all_codes().size());
    CHECK(fastqueue::detail::errc_texts.size() == all_codes().size());
}

TEST_CASE("error: a name leads back to its code, and an unknown one to the fallback", "[model]") {
    for (auto const code : all_codes()) CHECK(errc_from_name(name_of(code), errc::need_more) == code);
    CHECK(errc_from_name("of_next_year", errc::bad_request) == errc::bad_request);
    CHECK(errc_from_name("", errc::timeout) == errc::timeout);
    CHECK(name_of(static_cast<errc>(9999)).empty());
    CHECK(std::error_code{9999, fastqueue::category()}.message() == "unknown error");
}

TEST_CASE("error: codes compare with error_code, of this category only", "[model]") {
    std::error_code const code = errc::queue_full;
    CHECK(code == errc::queue_full);
    CHECK(code != errc::too_large);
    CHECK(std::string{code.category().name()} == "fastqueue");
    CHECK(code != std::error_code(code.value(), std::generic_category()));
}

TEST_CASE("error: the exception keeps its sentence beside the code", "[model]") {
    fastqueue::error const e{errc::bad_option, "the width is 0: it must be 1 to 9"};
    CHECK(e.code() == errc::bad_option);
    CHECK(e.text() == "the width is 0: it must be 1 to 9");
    CHECK(std::string{e.what()}.starts_with(e.text()));
    std::system_error const& base = e;
    CHECK(base.code() == errc::bad_option);
}
