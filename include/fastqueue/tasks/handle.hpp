#pragma once

#include <fastqueue/serialization/json.hpp>
#include <fastqueue/serialization/shape.hpp>
#include <fastqueue/tasks/invocation.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace fastqueue {

template <class Signature>
class task;

/// What caller and worker agree on at compile time: a task's name, its parameters and its result. Stands in a header that
/// both include: `inline constexpr fq::task<int(int, int)> add{"add", "x", "y"};`. Calling it runs nothing: it gives an
/// invocation, which a client sends. A constant; safe from any thread.
template <class R, class... Ts>
class task<R(Ts...)> {
    static_assert((std::same_as<Ts, std::remove_cvref_t<Ts>> && ...),
                  "a task's parameters are values, not references");
    static_assert(!std::is_reference_v<R>, "a task's result is a value, not a reference");

public:
    using result_type = R;

    /// \param name   1 to 255 of `A-Z a-z 0-9 . _ : -`; must live for ever, as literals do
    /// \param names  of the parameters in order: all of them, or none, and then they can be given by position only
    template <std::convertible_to<std::string_view>... Names>
    requires(sizeof...(Names) == sizeof...(Ts) ||
             sizeof...(Names) == 0) constexpr explicit task(std::string_view name, Names const&... names)
        : name_{name}, names_{names...} {}

    [[nodiscard]] constexpr std::string_view name() const noexcept { return name_; }
    /// The parameters' names in order; empty where they have none.
    [[nodiscard]] constexpr std::span<std::string_view const> names() const noexcept { return names_; }

    /// An invocation with these arguments. Trailing std::optional parameters may be left out.
    /// \throws error (bad_value) for an argument that cannot be written
    template <class... Us>
    requires(sizeof...(Us) <= sizeof...(Ts)) [[nodiscard]] invocation<R> operator()(
        Us const&... arguments) const {
        return with<serialization::json>(arguments...);
    }

    /// The same in another serialization: `add.with<fq::serialization::portable_binary>(5, 3)`.
    template <class Serialization, class... Us>
    requires(sizeof...(Us) <= sizeof...(Ts)) [[nodiscard]] invocation<R> with(Us const&... arguments) const {
        std::string bytes;
        encode<Serialization>(bytes, std::index_sequence_for<Us...>{}, std::tie(arguments...));
        check_left_out(std::make_index_sequence<sizeof...(Ts) - sizeof...(Us)>{});
        return {name_, std::move(bytes), Serialization::content};
    }

private:
    template <std::size_t I>
    using parameter_type = std::tuple_element_t<I, std::tuple<Ts...>>;

    // Arguments are converted first, so that what is sent is what the handler's parameter is.
    template <class Serialization, std::size_t... I, class Given>
    static void encode(std::string& out, std::index_sequence<I...>, Given const& given) {
        static_assert((std::convertible_to<std::tuple_element_t<I, Given>, parameter_type<I>> && ...),
                      "an argument cannot be converted to the task's parameter");
        Serialization::encode_arguments(out, convert<parameter_type<I>>(std::get<I>(given))...);
    }

    template <class T, class U>
    static decltype(auto) convert(U const& value) {
        if constexpr (std::same_as<T, U>)
            return (value);
        else
            return T(value);
    }

    template <std::size_t... I>
    static consteval void check_left_out(std::index_sequence<I...>) {
        constexpr auto given = sizeof...(Ts) - sizeof...(I);
        static_assert(
            ((serialization::shape_of<parameter_type<given + I>> == serialization::shape::optional) && ...),
            "an argument is missing: only trailing std::optional parameters may be left out");
    }

    std::string_view name_;
    std::array<std::string_view, sizeof...(Ts)> names_;
};

}  // namespace fastqueue
