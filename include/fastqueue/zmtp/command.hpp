#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/zmtp/frame_header.hpp>

#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue::zmtp {

/// A command: the body of a frame with the COMMAND bit, taken apart. The views are into that body.
/// \source RFC 37/ZMTP 3.1, "Commands"
struct command {
    std::string_view name;
    std::string_view data;
};

/// Takes the body of a command frame apart. libzmq's `^RROR` (its PLAIN server has a C string literal gone
/// wrong) is read as ERROR.
/// \param[out] out  written on success only
/// \return success, or errc::bad_command: empty, no name, or a name that reaches past the body
[[nodiscard]] inline std::error_code parse_command(std::string_view body, command& out) noexcept {
    constexpr std::string_view misspelt = "^RROR";
    if (body.substr(0, misspelt.size()) == misspelt) {
        out = {"ERROR", body.substr(misspelt.size())};
        return {};
    }
    if (body.empty()) return errc::bad_command;
    auto const length = static_cast<std::size_t>(static_cast<unsigned char>(body[0]));
    if (length == 0 || length > body.size() - 1) return errc::bad_command;
    out = {body.substr(1, length), body.substr(1 + length)};
    return {};
}

/// Appends the body of a command: its name with the length before it, then the data.
/// \param name  1 to 255 octets
inline void append_command_body(std::string& out, std::string_view name, std::string_view data) {
    assert(!name.empty() && name.size() <= 255);
    out.push_back(static_cast<char>(name.size()));
    out.append(name).append(data);
}

/// Appends a whole command frame in the clear.
/// \param name  1 to 255 octets
inline void append_command(std::string& out, std::string_view name, std::string_view data) {
    append_header(out, frame_flag::command, 1 + name.size() + data.size());
    append_command_body(out, name, data);
}

/// Most octets of context that PING carries and PONG returns.
inline constexpr std::size_t ping_context_bytes = 16;

/// What a PING says.
struct ping {
    std::chrono::milliseconds ttl{0};  ///< the peer may be given up when it is silent for so long; 0: no hint
    std::string_view context;          ///< at most 16 octets, to be returned in PONG
};

/// Reads the data of a PING command.
/// \param[out] out  written on success only
/// \return success, or errc::bad_command: no room for the TTL, or a context over 16 octets
[[nodiscard]] inline std::error_code parse_ping(std::string_view data, ping& out) noexcept {
    if (data.size() < 2 || data.size() > 2 + ping_context_bytes) return errc::bad_command;
    auto const deciseconds = static_cast<unsigned>(static_cast<unsigned char>(data[0])) << 8U |
                             static_cast<unsigned>(static_cast<unsigned char>(data[1]));
    out = {std::chrono::milliseconds{deciseconds * 100LL}, data.substr(2)};
    return {};
}

/// Appends the body of a PING command without context.
/// \param ttl  rounded up to 100 ms; more than 65.5 s is sent as 65.5 s, which libzmq can still multiply
inline void append_ping_body(std::string& out, std::chrono::milliseconds ttl) {
    constexpr long long most_deciseconds = 655;
    auto deciseconds = ttl.count() <= 0 ? 0 : ttl.count() / 100 + (ttl.count() % 100 != 0 ? 1 : 0);
    if (deciseconds > most_deciseconds) deciseconds = most_deciseconds;
    char const data[2] = {static_cast<char>(deciseconds >> 8), static_cast<char>(deciseconds & 0xff)};
    append_command_body(out, "PING", {data, 2});
}

/// Appends the body of a PONG command.
/// \param context  that of the PING; what is over 16 octets is cut off
inline void append_pong_body(std::string& out, std::string_view context) {
    append_command_body(out, "PONG", context.substr(0, ping_context_bytes));
}

/// Replaces what is not printable ASCII by '?', so that a peer's words can stand in one line of a log.
[[nodiscard]] inline std::string printable(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c < ' ' || c > '~') c = '?';
    }
    return out;
}

/// The reason in the data of an ERROR command; as much of it as is there, made printable.
[[nodiscard]] inline std::string error_reason(std::string_view data) {
    if (data.empty()) return {};
    return printable(data.substr(1, static_cast<unsigned char>(data[0])));
}

/// The data of an ERROR command: the reason with its length before it.
/// \param reason  made printable; what is over 255 octets is cut off
[[nodiscard]] inline std::string error_data(std::string_view reason) {
    reason = reason.substr(0, 255);
    return std::string(1, static_cast<char>(reason.size())) + printable(reason);
}

/// Appends a whole SUBSCRIBE command frame, as a subscriber sends it to a 3.1 publisher.
inline void append_subscribe(std::string& out, std::string_view prefix) {
    append_command(out, "SUBSCRIBE", prefix);
}

/// Appends a whole CANCEL command frame, which takes one SUBSCRIBE back.
inline void append_cancel(std::string& out, std::string_view prefix) {
    append_command(out, "CANCEL", prefix);
}

}  // namespace fastqueue::zmtp
