#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fastqueue::zmtp {

/// The ZeroMQ socket types of the stable patterns.
/// \source RFC 28 to 31
enum class socket_type : std::uint8_t { req, rep, dealer, router, pub, sub, xpub, xsub, push, pull, pair };

namespace detail {

struct socket_type_entry {
    std::string_view name;
    std::uint16_t partners;  // bit n: may talk to the type with value n
    bool tells_identity;
};

[[nodiscard]] constexpr std::uint16_t bit(socket_type type) noexcept {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(type));
}

template <class... Types>
[[nodiscard]] constexpr std::uint16_t bits(Types... types) noexcept {
    return static_cast<std::uint16_t>((0U | ... | bit(types)));
}

// In the order of the enumeration.
inline constexpr std::array<socket_type_entry, 11> socket_types{{
    {"REQ", bits(socket_type::rep, socket_type::router), true},
    {"REP", bits(socket_type::req, socket_type::dealer), false},
    {"DEALER", bits(socket_type::rep, socket_type::dealer, socket_type::router), true},
    {"ROUTER", bits(socket_type::req, socket_type::dealer, socket_type::router), true},
    {"PUB", bits(socket_type::sub, socket_type::xsub), false},
    {"SUB", bits(socket_type::pub, socket_type::xpub), false},
    {"XPUB", bits(socket_type::sub, socket_type::xsub), false},
    {"XSUB", bits(socket_type::pub, socket_type::xpub), false},
    {"PUSH", bits(socket_type::pull), false},
    {"PULL", bits(socket_type::push), false},
    {"PAIR", bits(socket_type::pair), false},
}};

[[nodiscard]] constexpr socket_type_entry const& entry_of(socket_type type) noexcept {
    return socket_types[static_cast<std::size_t>(type)];
}

}  // namespace detail

/// The value of the `Socket-Type` property, upper case.
[[nodiscard]] constexpr std::string_view name_of(socket_type type) noexcept {
    return detail::entry_of(type).name;
}

/// The type whose name is exactly `name` (upper case, as RFC 37 has it); empty for any other text.
[[nodiscard]] constexpr std::optional<socket_type> socket_type_from_name(std::string_view name) noexcept {
    for (std::size_t i = 0; i < detail::socket_types.size(); ++i) {
        if (detail::socket_types[i].name == name) return static_cast<socket_type>(i);
    }
    return std::nullopt;
}

/// Whether a socket of type `a` may be connected to one of type `b`. Symmetric.
[[nodiscard]] constexpr bool legal_pair(socket_type a, socket_type b) noexcept {
    return (detail::entry_of(a).partners & detail::bit(b)) != 0;
}

/// Whether sockets of this type send the `Identity` property, empty or not, as libzmq's do.
[[nodiscard]] constexpr bool tells_identity(socket_type type) noexcept {
    return detail::entry_of(type).tells_identity;
}

}  // namespace fastqueue::zmtp
