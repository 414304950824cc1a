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

[[noreturn]] inline void unknown_argument(std::string const& name, std::span<std::string_view const> names) {
    std::string what = "unknown argument \"" + name + '"';
    if (names.empty()) bad_arguments(what + ": the parameters of this task have no names");
    what += ": the parameters are ";
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i != 0) what += ", ";
        what += '"' + std::string{names[i]} + '"';
    }
    bad_arguments(what);
}

// Runs `body`, and takes back what it appended to `out` if it throws.
template <class Body>
void undo_on_error(std::string& out, Body&& body) {
    auto const before = out.size();
    try {
        body();
    } catch (...) {
        out.resize(before);
        throw;
    }
}

// Runs `body`: what is wrong with a value is wrong with the arguments then.
template <class Body>
void in_arguments(Body&& body) {
    try {
        body();
    } catch (error const& e) {
        if (e.code() == errc::bad_arguments) throw;
        throw error{errc::bad_arguments, e.text()};
    }
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
