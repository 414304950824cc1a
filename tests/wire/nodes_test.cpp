#include <fastqueue/wire/nodes.hpp>

#include "support/catch.hpp"

#include <string>
#include <string_view>

namespace fq = fastqueue;
using fq::wire::read_nodes;

namespace {

constexpr std::string_view document =
    R"([{"id":"cp","role":"control-plane","base":"tcp://127.0.0.1:5555","management":"tcp://127.0.0.1:5560",)"
    R"("results":"tcp://127.0.0.1:5559","ports":[5555,5556,5557,5558],)"
    R"("epoch":"0190a6e0-0000-7000-8000-000000000001","version":"1","limits":{"max_header":4096,"max_payload":99,)"
    R"("later":{"a":[1,2]}},"later":[{}]},{"id":"w","role":"subworker","base":"tcp://127.0.0.1:5561","state":"active"}])";

}  // namespace

TEST_CASE("nodes: a document is read, and what is not known is passed over", "[wire]") {
    auto const nodes = read_nodes(document);
    REQUIRE(nodes);
    REQUIRE(nodes->size() == 2);
    auto const& plane = nodes->front();
    CHECK(plane.id == "cp");
    CHECK(plane.role == "control-plane");
    CHECK(plane.base == "tcp://127.0.0.1:5555");
    CHECK(plane.management == "tcp://127.0.0.1:5560");
    CHECK(plane.results == "tcp://127.0.0.1:5559");
    CHECK(plane.ports == std::vector<std::uint16_t>{5555, 5556, 5557, 5558});
    CHECK(plane.epoch.text() == "0190a6e0-0000-7000-8000-000000000001");
    CHECK(plane.max_payload == 99);
    CHECK(nodes->back().state == "active");
}

TEST_CASE("nodes: every cut of a document is refused, and read without harm", "[wire]") {
    for (std::size_t cut = 0; cut < document.size(); ++cut) {
        CAPTURE(cut);
        CHECK_FALSE(read_nodes(document.substr(0, cut)));
    }
}

TEST_CASE("nodes: fault 69: other shapes are refused", "[wire]") {
    for (auto const* text :
         {"", "null", "8", "\"x\"", "{}", "[1]", "[[]]", "[{}] x", "[{\"id\":1}]",
          "[{\"ports\":[1,2,3,4,5]}]", "[{\"ports\":[65536]}]", "[{\"ports\":[-1]}]", "[{\"ports\":1}]",
          "[{\"limits\":1}]", "[{\"limits\":{\"max_payload\":\"x\"}}]", "[{\"epoch\":1}]"}) {
        CAPTURE(text);
        CHECK_FALSE(read_nodes(text));
    }
    CHECK(read_nodes("[]"));
    CHECK_FALSE(read_nodes(std::string(100'000, '[')));
    CHECK_FALSE(read_nodes("[{\"x\":" + std::string(100'000, '[')));
}

TEST_CASE("nodes: a limit that does not fit is the largest there is, not what is left of it", "[wire]") {
    auto const nodes = read_nodes(R"([{"limits":{"max_payload":4294967301}}])");
    REQUIRE(nodes);
    CHECK(nodes->front().max_payload == 4'294'967'295U);
}

TEST_CASE("nodes: the limits that are written are members that a reader finds", "[wire]") {
    std::string text;
    fq::json::writer w{text};
    fq::limits limits;
    limits.max_payload = 12'345;
    w.begin_array().begin_object().key("limits").begin_object();
    fq::wire::write_limits(w, limits);
    w.end_object().end_object().end_array();
    auto const nodes = read_nodes(text);
    REQUIRE(nodes);
    CHECK(nodes->front().max_payload == 12'345);
}
