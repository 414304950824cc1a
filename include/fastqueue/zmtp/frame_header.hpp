#pragma once

#include <fastqueue/model/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue::zmtp {

/// The flags octet of a frame. Bits 3 to 7 are reserved and must be zero.
/// \source RFC 37/ZMTP 3.1, "Framing"
namespace frame_flag {
inline constexpr std::uint8_t more = 0x01;     ///< another frame of the same message follows
inline constexpr std::uint8_t large = 0x02;    ///< the size takes 8 octets
inline constexpr std::uint8_t command = 0x04;  ///< a command, not a part of a message
}  // namespace frame_flag

/// Longest encoded frame header, in octets.
inline constexpr std::size_t largest_header_bytes = 9;

/// One decoded frame header.
struct frame_header {
    std::uint64_t body_bytes = 0;
    std::uint8_t header_bytes = 0;  ///< 2 or 9
    std::uint8_t flags = 0;         ///< of `frame_flag`, `large` included

    [[nodiscard]] constexpr bool more() const noexcept { return (flags & frame_flag::more) != 0; }
    [[nodiscard]] constexpr bool command() const noexcept { return (flags & frame_flag::command) != 0; }
};

namespace detail {

[[nodiscard]] constexpr bool legal_flags(unsigned flags) noexcept {
    return (flags & 0xf8U) == 0 &&
           (flags & (frame_flag::more | frame_flag::command)) != (frame_flag::more | frame_flag::command);
}

// How many octets of the header that begins with `in` are to be read before more can be told of it.
[[nodiscard]] constexpr std::size_t header_bytes_of(std::string_view in) noexcept {
    if (in.empty()) return 1;
    return (static_cast<unsigned char>(in[0]) & frame_flag::large) != 0 ? largest_header_bytes : 2;
}

// The hot path: an `errc` (zero is success) costs less than an `error_code`.
[[nodiscard]] constexpr errc read_header(std::string_view in, std::uint64_t body_bytes_limit,
                                         frame_header& out) noexcept {
    if (in.empty()) return errc::need_more;
    auto const flags = static_cast<unsigned char>(in[0]);
    if (!legal_flags(flags)) return errc::reserved_flag_set;
    auto const header_bytes = header_bytes_of(in);
    if (in.size() < header_bytes) return errc::need_more;
    std::uint64_t size = 0;
    for (std::size_t i = 1; i < header_bytes; ++i) size = size << 8U | static_cast<unsigned char>(in[i]);
    if (size > body_bytes_limit || (size >> 63U) != 0) return errc::frame_too_large;
    out = {size, static_cast<std::uint8_t>(header_bytes), flags};
    return errc{};
}

}  // namespace detail

/// Decodes one ZMTP frame header from the front of `in`. Reads nothing past it.
/// \param in                octets received so far, any number including zero
/// \param body_bytes_limit  largest body this node accepts, in bytes
/// \param[out] out          written on success only
/// \return success, or
///         errc::need_more          fewer than 2 (short) or 9 (long) octets: call again with more
///         errc::reserved_flag_set  bits 7-3 not zero, or MORE on a command: close the connection
///         errc::frame_too_large    body over the limit, or bit 63 set: close the connection
/// \complexity O(1), allocates nothing, never throws
/// \source RFC 37/ZMTP 3.1, "Framing"
[[nodiscard]] inline std::error_code decode_header(std::string_view in, std::uint64_t body_bytes_limit,
                                                   frame_header& out) noexcept {
    auto const result = detail::read_header(in, body_bytes_limit, out);
    return result == errc{} ? std::error_code{} : make_error_code(result);
}

/// Octets that the header of a frame with a body of `body_bytes` takes: 2 up to 255, then 9.
[[nodiscard]] constexpr std::size_t encoded_header_bytes(std::uint64_t body_bytes) noexcept {
    return body_bytes <= 255 ? 2 : largest_header_bytes;
}

/// Appends the header of a frame. The short form is chosen where the size fits.
/// \param flags       of `frame_flag`, without `large`
/// \param body_bytes  size of the body that follows, at most 2^63 - 1
inline void append_header(std::string& out, std::uint8_t flags, std::uint64_t body_bytes) {
    char header[largest_header_bytes];
    if (body_bytes <= 255) {
        header[0] = static_cast<char>(flags);
        header[1] = static_cast<char>(body_bytes);
        out.append(header, 2);
        return;
    }
    header[0] = static_cast<char>(flags | frame_flag::large);
    for (unsigned i = 0; i < 8; ++i) header[8 - i] = static_cast<char>(body_bytes >> (8 * i) & 0xffU);
    out.append(header, largest_header_bytes);
}

/// Appends a whole frame in the clear: header and body.
inline void append_frame(std::string& out, std::uint8_t flags, std::string_view body) {
    append_header(out, flags, body.size());
    out.append(body);
}

}  // namespace fastqueue::zmtp
