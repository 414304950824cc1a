#pragma once

#include <fastqueue/model/error.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue::zmtp {

/// Most octets of metadata that are read.
inline constexpr std::size_t metadata_bytes_limit = 4096;
/// Most octets in the `Identity` of a peer.
inline constexpr std::size_t identity_bytes_limit = 255;

/// Appends one property: `nl name(nl) vl(4, big endian) value(vl)`.
/// \param name   1 to 255 octets of letters, digits, `-`, `_`, `.`, `+`
/// \param value  at most 2^31 - 1 octets
/// \source RFC 37/ZMTP 3.1, "Metadata"
inline void append_property(std::string& out, std::string_view name, std::string_view value) {
    assert(!name.empty() && name.size() <= 255 && value.size() <= 0x7fffffff);
    out.push_back(static_cast<char>(name.size()));
    out.append(name);
    for (int shift = 24; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(value.size() >> shift & 0xffU));
    out.append(value);
}

/// Whether two property names are the same: case does not count.
[[nodiscard]] constexpr bool same_name(std::string_view a, std::string_view b) noexcept {
    auto const lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

namespace detail {

[[nodiscard]] constexpr bool is_property_name(std::string_view name) noexcept {
    for (char const c : name) {
        bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool const other = (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '+';
        if (!letter && !other) return false;
    }
    return !name.empty();
}

// Cuts one property from the front of `in`; false if it is malformed.
[[nodiscard]] constexpr bool take_property(std::string_view& in, std::string_view& name,
                                           std::string_view& value) noexcept {
    auto const name_bytes = static_cast<std::size_t>(static_cast<unsigned char>(in[0]));
    if (in.size() - 1 < name_bytes + 4) return false;
    name = in.substr(1, name_bytes);
    in.remove_prefix(1 + name_bytes);
    std::uint32_t value_bytes = 0;
    for (std::size_t i = 0; i < 4; ++i) value_bytes = value_bytes << 8U | static_cast<unsigned char>(in[i]);
    in.remove_prefix(4);
    if (value_bytes > in.size()) return false;
    value = in.substr(0, value_bytes);
    in.remove_prefix(value_bytes);
    return is_property_name(name);
}

}  // namespace detail

/// Calls `visit(name, value)` for each property of `in`, in order; the views are into `in`. Strict: every
/// octet must belong to a property. Allocates nothing. \return success, or errc::bad_metadata: malformed
/// (what came before has been visited), or over 4096 octets
template <class Visitor>
[[nodiscard]] std::error_code for_each_property(std::string_view in, Visitor&& visit) {
    if (in.size() > metadata_bytes_limit) return errc::bad_metadata;
    while (!in.empty()) {
        std::string_view name;
        std::string_view value;
        if (!detail::take_property(in, name, value)) return errc::bad_metadata;
        visit(name, value);
    }
    return {};
}

/// The properties that a connection looks at. The views are into what was parsed.
struct peer_properties {
    std::optional<std::string_view> socket_type;  ///< as the peer spelt it
    std::string_view identity;                    ///< empty where the peer sent none
};

/// Whether `identity` can be a peer's: at most 255 octets, and not beginning with NUL, which marks the ids
/// that a ROUTER makes up itself.
[[nodiscard]] constexpr bool legal_identity(std::string_view identity) noexcept {
    return identity.size() <= identity_bytes_limit && (identity.empty() || identity[0] != '\0');
}

/// Reads a peer's metadata. Names in any case, unknown ones skipped.
/// \param[out] out  written on success only
/// \return success, or errc::bad_metadata: malformed, an illegal identity, or one of the two named twice
[[nodiscard]] inline std::error_code read_properties(std::string_view in, peer_properties& out) noexcept {
    std::optional<std::string_view> type;
    std::optional<std::string_view> identity;
    bool twice = false;
    auto const keep = [&twice](std::optional<std::string_view>& slot, std::string_view value) {
        twice = twice || slot.has_value();
        slot = value;
    };
    auto const error = for_each_property(in, [&](std::string_view name, std::string_view value) {
        if (same_name(name, "Socket-Type")) keep(type, value);
        if (same_name(name, "Identity")) keep(identity, value);
    });
    if (error) return error;
    if (twice || !legal_identity(identity.value_or(""))) return errc::bad_metadata;
    out = {type, identity.value_or("")};
    return {};
}

}  // namespace fastqueue::zmtp
