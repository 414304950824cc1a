#pragma once

#include <fastqueue/zmtp/connection.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace zmtp_test {

using namespace std::chrono_literals;

// "05 52 45" -> three octets; anything that is no hexadecimal digit separates.
inline std::string hex(std::string_view text) {
    std::string out;
    int digits = 0;
    unsigned value = 0;
    auto const flush = [&] {
        if (digits > 0) out.push_back(static_cast<char>(value));
        digits = 0;
        value = 0;
    };
    for (char const c : text) {
        auto const at = std::string_view{"0123456789abcdef"}.find(c);
        if (at == std::string_view::npos) {
            flush();
            continue;
        }
        value = value * 16 + static_cast<unsigned>(at);
        if (++digits == 2) flush();
    }
    flush();
    return out;
}

using frame_list = std::vector<std::string>;

// Keeps all that a connection delivers.
struct recorder {
    int readies = 0;
    std::vector<frame_list> messages;

    void ready() { ++readies; }
    void message(std::span<std::string_view const> frames) {
        messages.emplace_back(frames.begin(), frames.end());
    }
};

inline std::error_code send(auto& connection, frame_list const& frames) {
    std::vector<std::string_view> const views(frames.begin(), frames.end());
    return connection.send(views);
}

// All that waits in `connection`, as if the socket had taken it.
inline std::string drain(auto& connection, fastqueue::instant now = {}) {
    std::string out;
    while (!connection.pending().empty()) {
        auto const piece = connection.pending();
        out.append(piece);
        connection.consumed(piece.size(), now);
    }
    return out;
}

inline std::string greeting() {
    return hex("ff 00 00 00 00 00 00 00 01 7f 03 01 4e 55 4c 4c") + std::string(48, '\0');
}

// As libzmq sends them (captured).
inline std::string ready_of_dealer() {
    return hex(
        "04 29 05 52 45 41 44 59 0b 53 6f 63 6b 65 74 2d 54 79 70 65 00 00 00 06 44 45 41 4c 45 52"
        "08 49 64 65 6e 74 69 74 79 00 00 00 00");
}

inline fastqueue::zmtp::connection_options router() {
    fastqueue::zmtp::connection_options options;
    options.type = fastqueue::zmtp::socket_type::router;
    options.accepted = true;
    return options;
}

// A ROUTER whose handshake with a DEALER is done and whose output is empty.
struct open_router {
    explicit open_router(fastqueue::zmtp::connection_options options = router()) : connection{options, {}} {
        REQUIRE_FALSE(connection.receive(greeting() + ready_of_dealer(), {}, sink));
        REQUIRE(connection.ready());
        drain(connection);
    }

    std::error_code receive(std::string_view bytes, fastqueue::instant now = {}) {
        return connection.receive(bytes, now, sink);
    }

    recorder sink;
    fastqueue::zmtp::connection connection;
};

}  // namespace zmtp_test
