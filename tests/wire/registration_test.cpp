#include <fastqueue/wire/registration.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fq = fastqueue;
using namespace fastqueue::wire;
using fq::errc;

namespace {

std::string const incarnation = "incarnation=0190a6e0-0000-4000-8000-000000000001";

std::optional<errc> refusal(std::string_view tokens) {
    auto const line = "FQ1 register " + std::string{tokens};
    header h;
    REQUIRE_FALSE(h.parse(line, 4096));
    registration out;
    auto const bad = read_registration(h, out);
    return bad ? std::optional{bad->code} : std::nullopt;
}
std::optional<errc> with(std::string_view fields) {
    return refusal("w1 " + incarnation + " concurrency=2 " + std::string{fields});
}
bool reads_document(std::string_view text, std::size_t max_tasks = 10) {
    registration out;
    return !read_registration_document(text, max_tasks, out);
}
registration full() {
    registration r;
    r.worker = "w-1.a:b_c";
    r.incarnation = fq::uuid::parse("0190a6e0-0000-4000-8000-000000000001").value();
    r.concurrency = 1024;
    r.window = 65'536;
    r.weight = 1000;
    r.packed = true;
    r.address = fq::endpoint{"::1", 5561};
    r.ports = {1, 2, 65535, 80};
    r.tasks = {"add", "mul.x"};
    r.runs = {{fq::uuid::parse("0190a6e0-0000-7000-8000-000000000002").value(), 4'294'967'295U}};
    r.contents = {"json", "cereal-portable-binary"};
    r.version = "1.0 \"quoted\"";
    r.host = "host";
    r.pid = 4711;
    return r;
}

}  // namespace

TEST_CASE("registration: what is written is read back", "[wire]") {
    auto const r = full();
    octet_buffer written;
    header_writer out{written, "register"};
    write_registration(out, r);
    std::string const line{written.view()};
    std::string document;
    write_registration_document(document, r);
    header h;
    REQUIRE_FALSE(h.parse(line, 4096));
    registration back;
    REQUIRE_FALSE(read_registration(h, back));
    REQUIRE_FALSE(read_registration_document(document, 10, back));
    CHECK(back.worker == r.worker);
    CHECK(back.incarnation == r.incarnation);
    CHECK(back.concurrency == r.concurrency);
    CHECK(back.window == r.window);
    CHECK(back.weight == r.weight);
    CHECK(back.packed);
    CHECK(back.address == r.address);
    CHECK(back.ports == r.ports);
    CHECK(back.tasks == r.tasks);
    REQUIRE(back.runs.size() == 1);
    CHECK(back.runs[0].id == r.runs[0].id);
    CHECK(back.runs[0].attempt == r.runs[0].attempt);
    CHECK(back.contents == r.contents);
    CHECK(back.version == r.version);
    CHECK(back.host == r.host);
    CHECK(back.pid == r.pid);
}

TEST_CASE("registration: without a window it is the concurrency, and never less", "[wire]") {
    auto const line = "FQ1 register w1 " + incarnation + " concurrency=8 window=3";
    header h;
    REQUIRE_FALSE(h.parse(line, 4096));
    registration out;
    REQUIRE_FALSE(read_registration(h, out));
    CHECK(out.window == 8);
    CHECK(out.weight == 1);
    CHECK_FALSE(out.packed);
    CHECK_FALSE(out.address);
}

TEST_CASE("registration: the header must name worker, incarnation and concurrency", "[wire]") {
    CHECK_FALSE(refusal("w1 " + incarnation + " concurrency=2"));
    CHECK(refusal(incarnation + " concurrency=2") == errc::bad_request);
    CHECK(refusal("w1 w2 " + incarnation + " concurrency=2") == errc::bad_request);
    CHECK(refusal("w/1 " + incarnation + " concurrency=2") == errc::bad_request);
    CHECK(refusal(std::string(256, 'w') + " " + incarnation + " concurrency=2") == errc::bad_request);
    CHECK_FALSE(refusal(std::string(255, 'w') + " " + incarnation + " concurrency=2"));
    CHECK(refusal("w1 concurrency=2") == errc::bad_request);
    CHECK(refusal("w1 incarnation=1 concurrency=2") == errc::bad_request);
    CHECK(refusal("w1 incarnation=00000000-0000-0000-0000-000000000000 concurrency=2") == errc::bad_request);
    CHECK(refusal("w1 " + incarnation) == errc::bad_request);
}

TEST_CASE("registration: fault 78: numbers out of range are refused", "[wire]") {
    for (auto const* fields :
         {"window=0", "window=65537", "window=-1", "weight=0", "weight=1001", "weight=x", "pack=yes"}) {
        CAPTURE(fields);
        CHECK(with(fields) == errc::bad_request);
    }
    for (auto const* n : {"0", "1025", "2147483648", "-1", "x"}) {
        CHECK(refusal("w1 " + incarnation + " concurrency=" + n) == errc::bad_request);
    }
    CHECK_FALSE(with("pack=0"));
    CHECK_FALSE(with("pack=1"));
}

TEST_CASE("registration: an address that cannot be dialled is refused", "[wire]") {
    CHECK_FALSE(with("address=tcp://127.0.0.1:5561"));
    CHECK_FALSE(with("address=tcp://127.0.0.1:65532"));
    for (auto const* fields :
         {"address=tcp://0.0.0.0:5561", "address=tcp://*:5561", "address=tcp://[::]:5561",
          "address=127.0.0.1:5561", "address=", "address=ipc://x", "address=tcp://h:0", "address=tcp://h:*",
          "address=tcp://h:65533", "address=tcp://h:65535"}) {
        CAPTURE(fields);
        CHECK(with(fields) == errc::bad_request);
    }
    CHECK_FALSE(with("address=tcp://h:65535 ports=1,2,3,4"));
}

TEST_CASE("registration: ports are four numbers, and stand with an address", "[wire]") {
    CHECK_FALSE(with("address=tcp://h:1 ports=1,2,3,65535"));
    for (auto const* ports :
         {"", "1", "1,2,3", "1,2,3,4,5", "1,2,3,", ",1,2,3", "0,1,2,3", "1,2,3,65536", "1,,2,3", "a,b,c,d"}) {
        CAPTURE(ports);
        CHECK(with("address=tcp://h:1 ports=" + std::string{ports}) == errc::bad_request);
    }
    CHECK(with("ports=1,2,3,4") == errc::bad_request);
}

TEST_CASE("registration: the document's members have their shapes, unknown ones are passed over", "[wire]") {
    CHECK(reads_document("{}"));
    CHECK(reads_document(R"({"tasks":[],"later":{"x":[1,{}]},"runs":[]})"));
    for (auto const* text :
         {"", "null", "[]", "8", "{", R"({"tasks":"add"})", R"({"tasks":[1]})", R"({"tasks":["a b"]})",
          R"({"tasks":[""]})", R"({"runs":[["x",1]]})",
          R"({"runs":[["0190a6e0-0000-7000-8000-000000000002",0]]})",
          R"({"runs":[["0190a6e0-0000-7000-8000-000000000002"]]})",
          R"({"runs":[["0190a6e0-0000-7000-8000-000000000002",1,2]]})",
          R"({"runs":[["0190a6e0-0000-7000-8000-000000000002",4294967296]]})", R"({"pid":-1})",
          R"({"host":1})", R"({"content":[1]})", "{} {}", R"({"tasks":[)"}) {
        CAPTURE(text);
        CHECK_FALSE(reads_document(text));
    }
}

TEST_CASE("registration: fault 76: more tasks than may be are refused", "[wire]") {
    CHECK(reads_document(R"({"tasks":["a","b"]})", 2));
    CHECK_FALSE(reads_document(R"({"tasks":["a","b","c"]})", 2));
}

TEST_CASE("registration: fault 69: every cut of a document is refused", "[wire]") {
    std::string document;
    write_registration_document(document, full());
    for (std::size_t cut = 0; cut < document.size(); ++cut) {
        CAPTURE(cut);
        CHECK_FALSE(reads_document(document.substr(0, cut)));
    }
}

TEST_CASE("registration: the runs to drop are read back; nothing at all means none", "[wire]") {
    std::vector<lease_name> const dropped{
        {fq::uuid::parse("0190a6e0-0000-7000-8000-000000000002").value(), 3}};
    std::string text;
    write_drop_document(text, dropped);
    std::vector<lease_name> back;
    REQUIRE(read_drop_document(text, back));
    REQUIRE(back.size() == 1);
    CHECK(back[0].id == dropped[0].id);
    CHECK(back[0].attempt == 3);
    std::vector<lease_name> empty;
    CHECK(read_drop_document("", empty));
    CHECK(read_drop_document(R"({"later":1})", empty));
    CHECK(empty.empty());
    for (auto const* bad : {"[]", "{", R"({"drop":1})", R"({"drop":[["x",1]]})", "{} x"}) {
        CAPTURE(bad);
        CHECK_FALSE(read_drop_document(bad, empty));
    }
}
