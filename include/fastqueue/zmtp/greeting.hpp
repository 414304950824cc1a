#pragma once

#include <fastqueue/model/error.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <string_view>
#include <system_error>

namespace fastqueue::zmtp {

/// Size of a ZMTP 3.x greeting in octets.
inline constexpr std::size_t greeting_bytes = 64;
/// Most octets in the name of a security mechanism.
inline constexpr std::size_t mechanism_name_bytes = 20;

namespace detail {

inline constexpr std::size_t mechanism_offset = 12;
inline constexpr std::size_t as_server_offset = 32;

[[nodiscard]] constexpr unsigned octet(char c) noexcept { return static_cast<unsigned char>(c); }

}  // namespace detail

/// The greeting of a ZMTP 3.1 peer, to be sent whole and at once: a peer that waits for ours before it sends
/// its own, as libzmq does, would wait for ever otherwise.
/// \param mechanism  `NULL`, `PLAIN` or `CURVE`: 1 to 20 octets
/// \param as_server  this side is the server of PLAIN or CURVE
/// \source RFC 37/ZMTP 3.1, "Greeting"
[[nodiscard]] constexpr std::array<char, greeting_bytes> encode_greeting(std::string_view mechanism,
                                                                         bool as_server) noexcept {
    assert(!mechanism.empty() && mechanism.size() <= mechanism_name_bytes);
    std::array<char, greeting_bytes> out{};
    out[0] = '\xff';
    out[8] = 1;  // not significant; libzmq's value where there is no identity
    out[9] = '\x7f';
    out[10] = 3;
    out[11] = 1;
    std::copy(mechanism.begin(), mechanism.end(), out.begin() + detail::mechanism_offset);
    out[detail::as_server_offset] = as_server ? 1 : 0;
    return out;
}

/// Reads a peer's greeting, however it is cut into pieces, and refuses a bad one at its first bad octet.
/// Padding, filler and a version over 3.1 are accepted. Allocates nothing.
class greeting_reader {
public:
    /// \param mechanism  the only mechanism accepted; all 20 octets are compared, the rest must be NUL
    explicit constexpr greeting_reader(std::string_view mechanism) noexcept {
        assert(mechanism.size() <= mechanism_name_bytes);
        std::copy(mechanism.begin(), mechanism.end(), expected_.begin());
    }

    /// Takes octets from the front of `bytes` until the greeting is complete; the rest stays in `bytes`.
    /// \return success (see `complete()`), or, and the connection must be closed,
    ///         errc::bad_greeting              the first octet is not ff: not ZMTP, or ZMTP 1.0
    ///         errc::unsupported_zmtp_version  ZMTP 1.0 or 2.0
    ///         errc::mechanism_mismatch        another mechanism
    [[nodiscard]] std::error_code feed(std::string_view& bytes) noexcept {
        auto const n = std::min(bytes.size(), greeting_bytes - size_);
        std::copy_n(bytes.begin(), n, octets_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += n;
        bytes.remove_prefix(n);
        return check();
    }

    /// All 64 octets are there.
    [[nodiscard]] constexpr bool complete() const noexcept { return size_ == greeting_bytes; }
    /// The peer's major version, 3 or more. After `complete()`.
    [[nodiscard]] constexpr unsigned major_version() const noexcept { return detail::octet(octets_[10]); }
    /// The peer's minor version: 0 means subscriptions in message frames. After `complete()`.
    [[nodiscard]] constexpr unsigned minor_version() const noexcept { return detail::octet(octets_[11]); }
    /// What the peer says of its role; libzmq always says false. After `complete()`.
    [[nodiscard]] constexpr bool as_server() const noexcept { return octets_[detail::as_server_offset] != 0; }

private:
    [[nodiscard]] std::error_code check() const noexcept {
        if (size_ >= 1 && octets_[0] != '\xff') return errc::bad_greeting;
        if (size_ >= 10 && (detail::octet(octets_[9]) & 1U) == 0) return errc::unsupported_zmtp_version;
        if (size_ >= 11 && detail::octet(octets_[10]) < 3) return errc::unsupported_zmtp_version;
        if (size_ <= detail::mechanism_offset) return {};
        auto const named = std::min(size_ - detail::mechanism_offset, mechanism_name_bytes);
        bool const same =
            std::equal(expected_.begin(), expected_.begin() + static_cast<std::ptrdiff_t>(named),
                       octets_.begin() + detail::mechanism_offset);
        return same ? std::error_code{} : errc::mechanism_mismatch;
    }

    std::array<char, greeting_bytes> octets_{};
    std::array<char, mechanism_name_bytes> expected_{};
    std::size_t size_ = 0;
};

}  // namespace fastqueue::zmtp
