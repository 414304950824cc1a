#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/zmtp/command.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue::zmtp {

/// What a mechanism makes of one handshake command.
struct handshake_reply {
    std::error_code error;           ///< set: the connection ends; the mechanism may have appended an ERROR
    bool peer_known = false;         ///< the peer's metadata have come: nothing more is expected from it
    std::string_view peer_metadata;  ///< with `peer_known`: properties; valid until the next call
};

/// How a mechanism shakes hands.
template <class M>
concept shakes_hands = requires(M m, M const c, command const& from_peer, std::string_view text,
                                std::string& out) {
    { M::name } -> std::convertible_to<std::string_view>;
    { c.as_server() }
    noexcept->std::same_as<bool>;
    { m.start(text, out) } -> std::same_as<std::error_code>;
    { m.on_command(from_peer, out) } -> std::same_as<handshake_reply>;
    { m.finish(out) } -> std::same_as<void>;
    { m.refuse(text, out) } -> std::same_as<void>;
};

/// How a mechanism that seals turns frames into others once the handshake is done.
template <class M>
concept seals_frames = requires(M m, std::uint8_t flags, std::uint8_t& plain_flags, std::string_view body,
                                std::string& out) {
    { M::frame_overhead } -> std::convertible_to<std::size_t>;
    { m.encode_frame(flags, body, out) } -> std::same_as<std::error_code>;
    { m.decode_frame(flags, body, plain_flags, out) } -> std::same_as<std::error_code>;
};

/// A ZMTP security mechanism: what is said between the greeting and the first message, and how frames look
/// afterwards. One object serves one connection; it reads no clock and does no I/O.
///
/// expression                   | law
/// M::name                      | the name in the greeting, 1 to 20 octets, upper case
/// M::seals                     | constant; false: frames travel in the clear, and nothing below is called
/// c.as_server()                | the octet in the greeting; a matter of configuration, not of who dialled
/// m.start(metadata, out)       | once, when the peer's greeting is complete; `metadata` are our own
/// properties,
///                              | to be kept if they are sent later. Appends whole frames to `out`
/// m.on_command(command, out)   | each command from the peer but ERROR, until `peer_known`. A command that is
///                              | unknown or out of turn is errc::bad_command. Appends whole frames
/// m.finish(out)                | once, when the connection has accepted the peer's metadata: what is still
/// to
///                              | be said (PLAIN's and CURVE's READY from the server). Then traffic begins
/// m.refuse(reason, out)        | instead of finish(): appends an ERROR in the mechanism's own spelling
/// M::frame_overhead            | octets by which a sealed body is longer than the plain one, at most
/// m.encode_frame(f, body, out) | appends one whole sealed frame; `f` is of `frame_flag` (MORE, COMMAND)
/// m.decode_frame(f, body, p, out) | opens a frame's body: appends the plain octets (at most as many as
/// `body`
///                              | has) to `out` and sets `p` to the plain flags (MORE, COMMAND)
///
/// The library promises one thread at a time and the order above; after an error no further call.
template <class M>
concept mechanism = std::move_constructible<M> && shakes_hands<M> && requires {
    { M::seals } -> std::convertible_to<bool>;
} &&(!M::seals || seals_frames<M>);

/// No security: both sides send READY as soon as they have the other's greeting.
/// \source RFC 37/ZMTP 3.1, "The NULL Security Mechanism"
struct null_mechanism {
    static constexpr std::string_view name = "NULL";
    static constexpr bool seals = false;

    [[nodiscard]] bool as_server() const noexcept { return false; }

    [[nodiscard]] std::error_code start(std::string_view metadata, std::string& out) {
        append_command(out, "READY", metadata);
        return {};
    }

    [[nodiscard]] handshake_reply on_command(command const& from_peer, std::string&) {
        if (from_peer.name != "READY") return {errc::bad_command, false, {}};
        return {{}, true, from_peer.data};
    }

    void finish(std::string&) {}

    void refuse(std::string_view reason, std::string& out) {
        append_command(out, "ERROR", error_data(reason));
    }
};

static_assert(mechanism<null_mechanism>);

}  // namespace fastqueue::zmtp
