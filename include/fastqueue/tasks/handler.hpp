#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/shape.hpp>
#include <fastqueue/tasks/argument.hpp>
#include <fastqueue/tasks/context.hpp>
#include <fastqueue/tasks/definition.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace fastqueue::detail {

// The signature of a callable that has just one.
template <class F>
struct signature_of : signature_of<decltype(&F::operator())> {};
template <class R, class... Ps>
struct signature_of<R (*)(Ps...)> {
    using type = R(Ps...);
};
template <class R, class... Ps>
struct signature_of<R (*)(Ps...) noexcept> : signature_of<R (*)(Ps...)> {};
template <class C, class R, class... Ps>
struct signature_of<R (C::*)(Ps...) const> : signature_of<R (*)(Ps...)> {};
template <class C, class R, class... Ps>
struct signature_of<R (C::*)(Ps...) const noexcept> : signature_of<R (*)(Ps...)> {};
template <class C, class R, class... Ps>
struct signature_of<R (C::*)(Ps...)> : signature_of<R (*)(Ps...)> {};  // refused later, in words

template <class F>
concept has_one_signature = requires {
    typename signature_of<F>::type;
};

// Parameters as a handler declares them, without the leading context.
template <class Signature>
struct parameters_of;
template <class R, class... Ps>
struct parameters_of<R(Ps...)> {
    using result = R;
    using declared = std::tuple<Ps...>;
    using values = std::tuple<std::remove_cvref_t<Ps>...>;
    static constexpr bool takes_context = false;
};
template <class R, class... Ps>
struct parameters_of<R(context&, Ps...)> : parameters_of<R(Ps...)> {
    static constexpr bool takes_context = true;
};

/// A handler with all it needs to be called from bytes. Const, so that any number of threads may call it.
template <class R, class Declared, class Values, class F>
class handler {
    static constexpr std::size_t count = std::tuple_size_v<Values>;

    template <class>
    struct defaults_of;
    template <class... Ts>
    struct defaults_of<std::tuple<Ts...>> {
        using type = std::tuple<std::optional<Ts>...>;
    };

public:
    handler(F function, std::vector<std::string> names)
        : function_{std::move(function)}, names_{std::move(names)} {
        names_.resize(count);
        std::ranges::copy(names_, views_.begin());
    }
    handler(handler const&) = delete;  // views_ point into names_
    handler& operator=(handler const&) = delete;

    /// \throws error (bad_option) if there is no such parameter, or it cannot have that value
    template <class T>
    void set_default(defaulted_arg<T> const& given) {
        bool found = false;
        each_position([&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
            if (names_[I] != given.name) return;
            found = true;
            using target = std::tuple_element_t<I, Values>;
            if constexpr (std::convertible_to<T const&,
                                              target>)  // implicitly: a number is no length of a list
                std::get<I>(defaults_).emplace(static_cast<target>(given.value));
            else
                throw error{errc::bad_option,
                            "the default of \"" + given.name + "\" is no value of its type"};
        });
        if (!found)
            throw error{errc::bad_option, "a default for \"" + given.name + "\", which is no parameter"};
    }

    [[nodiscard]] std::vector<parameter> parameters() const {
        std::vector<parameter> list;
        each_position([&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
            list.push_back({names_[I], serialization::type_in_words<std::tuple_element_t<I, Values>>(),
                            std::get<I>(defaults_).has_value()});
        });
        return list;
    }

    /// The function of a `task_invoker`.
    template <class Serialization>
    static invocation_result run(void const* state, context& ctx, std::string_view,
                                 std::string_view arguments, std::string& out) {
        auto const& self = *static_cast<handler const*>(state);
        auto phase = run_phase::reading_arguments;
        try {
            Values values;
            Serialization::decode_arguments(arguments, self.views_, values, self.filler());
            phase = run_phase::running;
            auto const result = self.call(ctx, values, std::make_index_sequence<count>{});
            phase = run_phase::writing_result;
            Serialization::encode(out, result);
            return {};
        } catch (...) {
            return report_exception(out, phase);
        }
    }

private:
    template <class Body>
    static void each_position(Body&& body) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (body(std::integral_constant<std::size_t, I>{}), ...);
        }
        (std::make_index_sequence<count>{});
    }

    [[nodiscard]] auto filler() const {
        return [this]<std::size_t I, class T>(std::integral_constant<std::size_t, I>, T& element) {
            auto const& value = std::get<I>(this->defaults_);
            if (value) element = *value;
            return value.has_value();
        };
    }

    template <std::size_t... I>
    auto call(context& ctx, [[maybe_unused]] Values& values, std::index_sequence<I...>) const {
        // As the handler declares them: moved into values, bound to references.
        auto const invoke = [&]() -> decltype(auto) {
            if constexpr (std::invocable<F const&, context&, std::tuple_element_t<I, Declared>...>) {
                return function_(ctx,
                                 static_cast<std::tuple_element_t<I, Declared>&&>(std::get<I>(values))...);
            } else {
                return function_(static_cast<std::tuple_element_t<I, Declared>&&>(std::get<I>(values))...);
            }
        };
        if constexpr (std::is_void_v<R>) {
            invoke();
            return std::monostate{};
        } else {
            return static_cast<R>(invoke());
        }
    }

    F function_;
    std::vector<std::string> names_;
    std::array<std::string_view, count> views_;
    typename defaults_of<Values>::type defaults_;
};

}  // namespace fastqueue::detail
