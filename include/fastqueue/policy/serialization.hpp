#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

namespace fastqueue::policy {

/// What `decode_arguments` calls for a parameter that no argument was given for: `fill(position, element)`, where `position`
/// is a `std::integral_constant<std::size_t, I>`. It assigns the parameter's default and returns true, or returns false.
struct no_defaults {
    template <class Position, class T>
    constexpr bool operator()(Position, T&) const noexcept {
        return false;
    }
};

template <class S>
concept names_content = requires {
    { S::content } -> std::convertible_to<std::string_view>;
};

template <class S>
concept encodes_values = requires(std::string& out, int const& value) {
    { S::encode(out, value) } -> std::same_as<void>;
};

template <class S>
concept decodes_values = requires(std::string_view bytes) {
    { S::template decode<int>(bytes) } -> std::same_as<int>;
};

template <class S>
concept encodes_arguments = requires(std::string& out, int const& x, std::string const& y) {
    { S::encode_arguments(out) } -> std::same_as<void>;
    { S::encode_arguments(out, x, y) } -> std::same_as<void>;
};

template <class S>
concept decodes_arguments = requires(std::string_view bytes, std::span<std::string_view const> names,
                                     std::tuple<int, std::string>& values, no_defaults fill) {
    { S::decode_arguments(bytes, names, values, fill) } -> std::same_as<void>;
};

// clang-format off
/// How arguments and results become bytes and come back. Stateless: all members are static, and safe from any thread.
///
/// expression                          | throws                | law
/// S::content                          |                       | the name in FQ1's `content=`, constant; 1 to 64 of `a-z 0-9 -`
/// S::encode(out, v)                   | error (bad_value)     | appends v to out; a result of a void handler is std::monostate
/// S::decode<T>(bytes)                 | error (bad_value)     | the T that encode wrote; all of bytes is used, or it throws
/// S::encode_arguments(out, v...)      | error (bad_value)     | appends a list of arguments by position
/// S::decode_arguments(b, n, tuple, f) | error (bad_arguments) | reads each element of the tuple, or fills it by f, or leaves a
///                                     |                       | std::optional empty, or throws and names the parameter;
///                                     |                       | no bytes at all are no arguments. n: the parameters'
///                                     |                       | names in order, fewer or empty where they have none
///
/// Bytes come from strangers: what is allocated stays within a small factor of their number, and nesting is bounded.
/// The text of an error is a sentence for people, UTF-8.
/// Implementations: serialization/json.hpp (the default), serialization/portable_binary.hpp, serialization/msgpack.hpp.
// clang-format on
template <class S>
concept serialization = names_content<S> && encodes_values<S> && decodes_values<S> && encodes_arguments<S> &&
    decodes_arguments<S>;

}  // namespace fastqueue::policy
