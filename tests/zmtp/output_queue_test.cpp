#include <fastqueue/zmtp/output_queue.hpp>

#include "support/catch.hpp"

#include <random>
#include <string>

using fastqueue::zmtp::output_queue;

namespace {

void append(output_queue& queue, std::string_view text) { queue.with_room(text.size()).append(text); }

}  // namespace

TEST_CASE("zmtp output_queue: first in, first out, in any pieces", "[zmtp]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random{seed};
    output_queue queue;
    std::string in;
    std::string out;
    for (int i = 0; i < 3000; ++i) {
        std::string const text(random() % 300, static_cast<char>('a' + i % 26));
        append(queue, text);
        in += text;
        auto const shown = queue.pending();
        auto const n = random() % (shown.size() + 1);
        if (random() % 2 == 0) append(queue, "!"), in += '!';  // while it is shown
        out.append(shown.substr(0, n));
        queue.consumed(n);
        REQUIRE(queue.size() == in.size() - out.size());
        REQUIRE(queue.begin() == out.size());
        REQUIRE(queue.end() == in.size());
    }
    while (!queue.pending().empty()) {
        auto const shown = queue.pending();
        out.append(shown);
        queue.consumed(shown.size());
    }
    CHECK(out == in);
}

TEST_CASE("zmtp output_queue: what was shown does not move while more is appended", "[zmtp]") {
    output_queue queue;
    append(queue, "first");
    auto const shown = queue.pending();
    for (int i = 0; i < 10'000; ++i) append(queue, "more and more");
    CHECK(shown.data() == queue.pending().data());
    CHECK(shown == "first");
    CHECK(queue.size() == 5 + 10'000 * 13);
    queue.consumed(5);
    CHECK(queue.pending().substr(0, 13) == "more and more");
    CHECK(queue.pending().size() == 10'000 * 13);
}

TEST_CASE("zmtp output_queue: a burst gives its memory back when it is drained", "[zmtp]") {
    output_queue queue;
    append(queue, std::string(10'000'000, 'x'));
    CHECK(queue.memory_bytes() >= 10'000'000);
    queue.consumed(queue.pending().size());
    CHECK(queue.memory_bytes() == 0);
}

TEST_CASE(
    "zmtp output_queue: a busy connection keeps a large buffer, and one that became quiet gives it back",
    "[zmtp]") {
    output_queue queue;
    auto const write = [&](std::string const& text) {
        append(queue, text);
        queue.consumed(queue.pending().size());
    };
    for (int i = 0; i < 500; ++i) {
        write(std::string(1'000'000, 'x'));
        write("PONG");
        REQUIRE(queue.memory_bytes() >= 1'000'000);  // it is needed again at once
    }
    int small = 0;
    while (queue.memory_bytes() > 0 && small < 1000) {
        write("PONG");
        ++small;
    }
    CHECK(small > 10);
    CHECK(small < 200);
}

TEST_CASE("zmtp output_queue: at rest it holds what waits and no more", "[zmtp]") {
    output_queue queue;
    append(queue, std::string(1'000'000, 'x'));
    queue.rest();
    CHECK(queue.pending().size() == 1'000'000);
    queue.consumed(1'000'000);
    queue.rest();
    CHECK(queue.memory_bytes() == 0);
}

TEST_CASE("zmtp output_queue: slow draining under steady input does not let memory grow", "[zmtp]") {
    output_queue queue;
    append(queue, std::string(100'000, 'x'));
    for (int i = 0; i < 10'000; ++i) {
        append(queue, std::string(1000, 'y'));
        static_cast<void>(queue.pending());
        queue.consumed(1000);
    }
    CHECK(queue.size() == 100'000);
    CHECK(queue.memory_bytes() < 1'000'000);
}
