#include <fastqueue/zmtp/socket_type.hpp>

#include "support/catch.hpp"

#include <set>
#include <string>
#include <utility>

using namespace fastqueue::zmtp;

namespace {

constexpr std::size_t types = detail::socket_types.size();

}  // namespace

TEST_CASE("zmtp socket_type: every name is found again, in upper case only", "[zmtp]") {
    for (std::size_t i = 0; i < types; ++i) {
        auto const type = static_cast<socket_type>(i);
        CHECK(socket_type_from_name(name_of(type)) == type);
    }
    CHECK(name_of(socket_type::req) == "REQ");
    CHECK(name_of(socket_type::pair) == "PAIR");
    CHECK_FALSE(socket_type_from_name("dealer"));
    CHECK_FALSE(socket_type_from_name("DEALER "));
    CHECK_FALSE(socket_type_from_name(""));
    CHECK_FALSE(socket_type_from_name("CLIENT"));
}

TEST_CASE("zmtp socket_type: the legal pairs are those of the RFCs and no other", "[zmtp]") {
    std::set<std::pair<std::string, std::string>> const legal{
        {"REQ", "REP"},       {"REQ", "ROUTER"},    {"REP", "DEALER"}, {"DEALER", "DEALER"},
        {"DEALER", "ROUTER"}, {"ROUTER", "ROUTER"}, {"PUB", "SUB"},    {"PUB", "XSUB"},
        {"XPUB", "SUB"},      {"XPUB", "XSUB"},     {"PUSH", "PULL"},  {"PAIR", "PAIR"}};
    for (std::size_t i = 0; i < types; ++i) {
        for (std::size_t j = 0; j < types; ++j) {
            auto const a = static_cast<socket_type>(i);
            auto const b = static_cast<socket_type>(j);
            std::string const x{name_of(a)};
            std::string const y{name_of(b)};
            CAPTURE(x, y);
            CHECK(legal_pair(a, b) == (legal.count({x, y}) + legal.count({y, x}) > 0));
        }
    }
}

TEST_CASE("zmtp socket_type: REQ, DEALER and ROUTER tell their identity", "[zmtp]") {
    std::set<std::string> telling;
    for (std::size_t i = 0; i < types; ++i) {
        auto const type = static_cast<socket_type>(i);
        if (tells_identity(type)) telling.emplace(name_of(type));
    }
    CHECK(telling == std::set<std::string>{"REQ", "DEALER", "ROUTER"});
}
