#include "fuzz/zmtp_fuzz.hpp"

#include <fastqueue/zmtp/connection.hpp>

#include "fuzz/seeds.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

// Built together with zmtp_fuzz.cpp.

using namespace fastqueue::zmtp;
using fuzz_seeds::each_seed;
using fuzz_seeds::mutate;

namespace {

int fuzz(std::string const& text) {
    return zmtp_fuzz::fuzz_one(reinterpret_cast<std::uint8_t const*>(text.data()), text.size());
}

std::string handshake() {
    auto const greeting = encode_greeting("NULL", false);
    std::string metadata;
    append_property(metadata, "Socket-Type", "DEALER");
    append_property(metadata, "Identity", "fuzz");
    std::string out(greeting.data(), greeting.size());
    append_command(out, "READY", metadata);
    return out;
}

// Something a peer could send: mostly legal frames, with sizes around the limits of the target.
std::string traffic(std::mt19937& random) {
    std::string out;
    for (auto n = random() % 30; n > 0; --n) {
        std::size_t const sizes[]{0, 1, random() % 10, 255, 256, random() % 400, 599 + random() % 3};
        std::string const body(sizes[random() % 7], static_cast<char>(random() % 256));
        switch (random() % 10) {
            case 0:
                append_command(out, "PING", std::string(2 + random() % 16, '\0'));
                break;
            case 1:
                append_command(out, "PONG", body.substr(0, 16));
                break;
            case 2:
                append_subscribe(out, body);
                break;
            case 3:
                append_command(out, "UNKNOWN", body);
                break;
            default:
                append_frame(out, random() % 2 == 0 ? frame_flag::more : std::uint8_t{0}, body);
        }
    }
    return out;
}

}  // namespace

TEST_CASE("zmtp fuzz: good traffic is delivered, so that the mutations start from something", "[fuzz]") {
    auto wire = handshake();
    append_frame(wire, frame_flag::more, "a");
    append_frame(wire, 0, "b");
    append_frame(wire, 0, "");
    CHECK(fuzz(wire) == 2);
    CHECK(fuzz("") == 0);
}

TEST_CASE("zmtp fuzz: mutated traffic breaks no invariant", "[fuzz]") {
    auto const start = handshake();
    long cases = 0;
    long delivered = 0;
    each_seed(UINT32_MAX, std::chrono::seconds{2}, [&](std::mt19937& random) {
        auto opening = start;
        auto rest = traffic(random);
        if (random() % 3 == 0) mutate(opening, random);
        mutate(rest, random);
        delivered += fuzz(opening + rest);
        ++cases;
    });
    CHECK((delivered > 100 || cases < 500));  // few only where a few seeds were asked for, or on a slow day
}

TEST_CASE("zmtp fuzz: noise breaks no invariant", "[fuzz]") {
    each_seed(2000, std::chrono::seconds{60}, [](std::mt19937& random) {
        std::string noise(random() % 200, '\0');
        for (auto& c : noise) c = static_cast<char>(random() % 8 == 0 ? random() % 256 : random() % 8);
        fuzz(noise);
        fuzz(handshake() + noise);
    });
}
