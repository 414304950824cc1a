#include <fastqueue/wire/header_writer.hpp>

#include <fastqueue/wire/header.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <limits>
#include <string>

using fastqueue::uuid;
using fastqueue::wire::header;
using fastqueue::wire::header_writer;
using fastqueue::wire::octet_buffer;

TEST_CASE("header_writer: writes a line that the header reads back", "[wire]") {
    auto const id = uuid::parse("0190A6E0-0000-7000-8000-00000000000F").value();
    octet_buffer written;
    written.append("kept");
    header_writer out{written, "done"};
    out.token(id)
        .token(std::uint64_t{7})
        .token("success")
        .field("took_us", std::uint64_t{0})
        .field("epoch", id);
    out.field("code", "timeout").raw(" final=1 more");
    std::string line{written.view()};
    REQUIRE(line ==
            "keptFQ1 done 0190a6e0-0000-7000-8000-00000000000f 7 success took_us=0 "
            "epoch=0190a6e0-0000-7000-8000-00000000000f code=timeout final=1 more");
    header h;
    line.erase(0, 4);
    REQUIRE_FALSE(h.parse(line, 4096));
    CHECK(h.positional().size() == 4);
    CHECK(h.get("final") == "1");
}

TEST_CASE("header_writer: writes the largest number", "[wire]") {
    octet_buffer written;
    header_writer{written, "x"}.field("n", std::numeric_limits<std::uint64_t>::max());
    CHECK(written.view() == "FQ1 x n=18446744073709551615");
}
