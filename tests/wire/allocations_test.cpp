#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/pair_cursor.hpp>
#include <fastqueue/wire/pair_writer.hpp>
#include <fastqueue/wire/task_options.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wire = fastqueue::wire;

namespace {

/// Walks a message, takes each header apart and reads its options. \return how many pairs it had
std::uint64_t read(std::vector<std::string_view> const& frames) {
    wire::pair_cursor cursor{frames};
    std::uint64_t read = 0;
    wire::pair p;
    while (cursor.next(p)) {
        wire::header h;
        wire::request_options options;
        if (!h.parse(p.header, 4096) && !wire::read_options(h, options)) ++read;
    }
    return read;
}

}  // namespace

TEST_CASE("wire: reading messages in either form allocates nothing", "[wire]") {
    std::string const header =
        "FQ1 call 0190a6e0-0000-7000-8000-000000000001 a-name-that-is-too-long-for-a-small-string retries=3 "
        "key=abc "
        "traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    wire::pair_writer writer;
    wire::pair_writer second;
    for (auto* const each : {&writer, &second}) {
        for (int i = 0; i < 100; ++i) each->add(header, "[1, 2, 3]");
    }
    std::vector<std::string_view> frames;
    std::vector<std::string_view> packed;
    writer.frames(wire::form::frames, {}, frames);
    second.frames(wire::form::packed, {}, packed);
    auto const before = support::allocations.load();
    auto const pairs = read(frames) + read(packed);
    CHECK(support::allocations - before == 0);
    CHECK(pairs == 200);
}

TEST_CASE("wire: a writer in steady use allocates nothing", "[wire]") {
    wire::pair_writer writer;
    std::vector<std::string_view> frames;
    auto const turn = [&] {
        writer.clear();
        for (int i = 0; i < 50; ++i)
            writer.add("FQ1 done 0190a6e0-0000-7000-8000-000000000001 1 success", "8");
        writer.frames(wire::form::frames, {}, frames);
        writer.frames(wire::form::packed, {}, frames);
    };
    turn();
    auto const before = support::allocations.load();
    turn();
    CHECK(support::allocations - before == 0);
}
