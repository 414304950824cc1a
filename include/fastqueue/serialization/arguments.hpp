#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/shape.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace fastqueue::serialization {

/// How messages name an argument: `argument "x"`, or `argument 2` where it has no name.
[[nodiscard]] inline std::string argument_label(std::string_view name, std::size_t position) {
    return name.empty() ? "argument " + std::to_string(position) : "argument \"" + std::string{name} + '"';
}

namespace detail {

[[noreturn]] inline void bad_arguments(std::string const& what) { throw error{errc::bad_arguments, what}; }

[[noreturn]] inline void too_many_arguments(std::size_t expected, std::size_t got) {
    bad_arguments("expected " + std::string{expected == 0 ? "no" : "at most " + std::to_string(expected)} +
                  (expected == 1 ? " argument" : " arguments") + ", got " + std::to_string(got));
}

[[nodiscard]] inline std::string_view name_at(std::span<std::string_view const> names,
                                              std::size_t i) noexcept {
    return i < names.size() ? names[i] : std::string_view{};
}

[[noreturn]] inline void missing_argument(std::span<std::string_view const> names, std::size_t i) {
    bad_arguments("missing " + argument_label(name_at(names, i), i + 1));
}

// Calls read(i, element) for each element that was given, and fills the others.
template <class Tuple, class Given, class Read, class Fill>
void read_each(std::span<std::string_view const> names, Tuple& out, Given&& given, Read&& read, Fill&& fill) {
    auto const one = [&]<std::size_t I>(std::integral_constant<std::size_t, I> position) {
        auto& element = std::get<I>(out);
        if (given(I)) return read(I, element);
        if (fill(position, element)) return;
        if constexpr (shape_of<std::remove_reference_t<decltype(element)>> == shape::optional)
            element.reset();
        else
            missing_argument(names, I);
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) { (one(std::integral_constant<std::size_t, I>{}), ...); }
    (std::make_index_sequence<std::tuple_size_v<Tuple>>{});
}

}  // namespace detail
}  // namespace fastqueue::serialization
