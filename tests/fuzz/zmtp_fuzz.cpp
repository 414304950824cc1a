// Arbitrary octets against our connection. With -fsanitize=fuzzer this is a libFuzzer target of its own:
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -DFASTQUEUE_LIBFUZZER -Iinclude -Itests
//           tests/fuzz/zmtp_fuzz.cpp -o zmtp_fuzz
// zmtp_fuzz_test.cpp drives the same function with seeded mutations.
#include "fuzz/zmtp_fuzz.hpp"

#include <fastqueue/zmtp/connection.hpp>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace zmtp_fuzz {

using namespace fastqueue;
using namespace std::chrono_literals;

namespace {

// Thrown, not asserted: Catch2 then reports the seed, and libFuzzer takes it for the crash it is.
void expect(bool holds, char const* what) {
    if (!holds) throw std::logic_error{what};
}

zmtp::limits small_limits() {
    zmtp::limits out;
    out.frame_bytes = 600;
    out.message_bytes = 1000;
    out.message_frames = 20;
    out.send_queue_bytes = 2000;
    return out;
}

// Checks each message against the limits and answers it.
struct sink {
    zmtp::connection& self;
    int readies = 0;
    std::vector<std::vector<std::string>> messages{};

    void ready() { ++readies; }
    void message(std::span<std::string_view const> frames) {
        auto const limits = small_limits();
        std::size_t bytes = 0;
        for (auto const frame : frames) {
            expect(frame.size() <= limits.frame_bytes, "a frame over its limit was delivered");
            bytes += frame.size();
        }
        expect(!frames.empty() && frames.size() <= limits.message_frames, "a message with too many frames");
        expect(bytes <= limits.message_bytes, "a message over its limit was delivered");
        expect(readies == 1, "a message before the handshake's end");
        messages.emplace_back(frames.begin(), frames.end());
        static_cast<void>(self.send(frames));
    }
};

struct outcome {
    std::error_code error;
    std::string text;
    int readies = 0;
    std::vector<std::vector<std::string>> messages;
    std::string output;

    bool operator==(outcome const&) const = default;
};

// Feeds `bytes` in pieces whose sizes follow from `salt` (0: all at once, 1: octet by octet).
outcome run(std::string_view bytes, unsigned salt) {
    zmtp::connection_options options;
    options.type = zmtp::socket_type::router;
    options.limits = small_limits();
    zmtp::connection c{options, instant{}};
    sink to{c, 0, {}};
    outcome out;
    unsigned state = salt;
    while (!bytes.empty() && !out.error) {
        state = state * 1664525U + 1013904223U;
        auto const step = salt == 0 ? bytes.size() : salt == 1 ? 1 : 1 + (state >> 16U) % 97;
        out.error = c.receive(bytes.substr(0, step), instant{}, to);
        bytes.remove_prefix(std::min(step, bytes.size()));
        expect(c.buffered_bytes() < 20'000, "memory is not bounded by the limits");
    }
    expect(c.ready() == (to.readies == 1 && !out.error), "ready() does not fit what happened");
    expect(out.error.value() == 0 || !c.error_text().empty(), "an error without a text");
    for (char const letter : c.error_text()) expect(letter >= ' ' && letter <= '~', "an unprintable text");
    static_cast<void>(c.tick(instant{} + 1h));
    while (!c.pending().empty()) {
        out.output.append(c.pending());
        c.consumed(c.pending().size(), instant{} + 1h);
    }
    out.text = c.error_text();
    out.readies = to.readies;
    out.messages = std::move(to.messages);
    return out;
}

}  // namespace

int fuzz_one(std::uint8_t const* data, std::size_t size) {
    std::string_view const bytes{reinterpret_cast<char const*>(data), size};
    auto const whole = run(bytes, 0);
    expect(run(bytes, 1) == whole, "octet by octet gives another result");
    expect(run(bytes, 2 + static_cast<unsigned>(size)) == whole, "random pieces give another result");
    return static_cast<int>(whole.messages.size());
}

}  // namespace zmtp_fuzz

#ifdef FASTQUEUE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static_cast<void>(zmtp_fuzz::fuzz_one(data, size));
    return 0;
}
#endif
