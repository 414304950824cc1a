#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace fastqueue::serialization {

/// What a C++ type looks like from outside, the same for every serialization. What is no shape of the standard library's
/// is an `object`: its members are found through the user's `serialize`, or `save` and `load`, as cereal does.
enum class shape {
    null,      ///< std::monostate, std::nullptr_t
    boolean,   ///< bool
    integer,   ///< any other integral type
    real,      ///< float, double
    text,      ///< std::string; std::string_view and char const* to be written only
    number,    ///< an enumeration, as its underlying number
    optional,  ///< std::optional
    choice,    ///< std::variant
    tuple,     ///< std::tuple, std::pair
    fixed,     ///< std::array
    sequence,  ///< vector, deque, list, set, multiset, unordered_set
    map,       ///< std::map, std::unordered_map
    object     ///< a class of the user's
};

namespace detail {

template <class T>
inline constexpr shape class_shape = shape::object;
template <>
inline constexpr shape class_shape<std::monostate> = shape::null;
template <>
inline constexpr shape class_shape<std::nullptr_t> = shape::null;
template <>
inline constexpr shape class_shape<std::string> = shape::text;
template <>
inline constexpr shape class_shape<std::string_view> = shape::text;
template <>
inline constexpr shape class_shape<char const*> = shape::text;
template <std::size_t N>
inline constexpr shape class_shape<char[N]> = shape::text;
template <class T>
inline constexpr shape class_shape<std::optional<T>> = shape::optional;
template <class... Ts>
inline constexpr shape class_shape<std::variant<Ts...>> = shape::choice;
template <class... Ts>
inline constexpr shape class_shape<std::tuple<Ts...>> = shape::tuple;
template <class A, class B>
inline constexpr shape class_shape<std::pair<A, B>> = shape::tuple;
template <class T, std::size_t N>
inline constexpr shape class_shape<std::array<T, N>> = shape::fixed;
template <class T, class A>
inline constexpr shape class_shape<std::vector<T, A>> = shape::sequence;
template <class T, class A>
inline constexpr shape class_shape<std::deque<T, A>> = shape::sequence;
template <class T, class A>
inline constexpr shape class_shape<std::list<T, A>> = shape::sequence;
template <class T, class C, class A>
inline constexpr shape class_shape<std::set<T, C, A>> = shape::sequence;
template <class T, class C, class A>
inline constexpr shape class_shape<std::multiset<T, C, A>> = shape::sequence;
template <class T, class H, class E, class A>
inline constexpr shape class_shape<std::unordered_set<T, H, E, A>> = shape::sequence;
template <class K, class V, class C, class A>
inline constexpr shape class_shape<std::map<K, V, C, A>> = shape::map;
template <class K, class V, class H, class E, class A>
inline constexpr shape class_shape<std::unordered_map<K, V, H, E, A>> = shape::map;

template <class T>
[[nodiscard]] consteval shape find_shape() noexcept {
    if constexpr (std::same_as<T, bool>) return shape::boolean;
    if constexpr (std::integral<T>) return shape::integer;
    if constexpr (std::floating_point<T>) return shape::real;
    if constexpr (std::is_enum_v<T>) return shape::number;
    return class_shape<T>;
}

}  // namespace detail

template <class T>
inline constexpr shape shape_of = detail::find_shape<std::remove_cv_t<T>>();

/// A map whose keys are strings: an object in JSON. Other maps are lists of [key, value] pairs.
template <class T>
concept string_map = shape_of<T>
== shape::map&& std::same_as<typename T::key_type, std::string>;

/// The type in people's words and without an article, as signatures and error messages show it: `integer`, `number`,
/// `string`, `boolean`, `list of integer`, `object`, `integer or null`. Allocates; safe from any thread.
template <class T>
[[nodiscard]] std::string type_in_words() {
    constexpr auto s = shape_of<T>;
    if constexpr (s == shape::null) return "null";
    if constexpr (s == shape::boolean) return "boolean";
    if constexpr (s == shape::integer || s == shape::number) return "integer";
    if constexpr (s == shape::real) return "number";
    if constexpr (s == shape::text) return "string";
    if constexpr (s == shape::optional) return type_in_words<typename T::value_type>() + " or null";
    if constexpr (s == shape::sequence || s == shape::fixed) {
        return "list of " + type_in_words<typename T::value_type>();
    }
    if constexpr (string_map<T>) return "object of " + type_in_words<typename T::mapped_type>();
    if constexpr (s == shape::tuple || s == shape::map) return "list";
    return "object";
}

}  // namespace fastqueue::serialization
