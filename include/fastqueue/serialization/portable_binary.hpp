#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/policy/serialization.hpp>
#include <fastqueue/serialization/arguments.hpp>
#include <fastqueue/serialization/binary_input.hpp>
#include <fastqueue/serialization/binary_output.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

namespace fastqueue::serialization {

/// Values in the form of cereal's portable binary archive: smaller and faster than JSON for numbers and large arrays, exact
/// for NaN and for strings that are no text, and readable only by who knows the types. Arguments are their number (32 bits)
/// and then each one, by position.
struct portable_binary {
    static constexpr std::string_view content = "cereal-portable-binary";

    /// Appends `value`. \throws error (bad_value)
    template <class T>
    static void encode(std::string& out, T const& value) {
        binary_encoder{out}.put(value);
    }

    /// Reads a value that takes all of `bytes`. \throws error (bad_value)
    template <class T>
    [[nodiscard]] static T decode(std::string_view bytes) {
        binary_decoder in{bytes};
        auto value = T();  // not {}: a constructor with a default argument may be explicit
        in.get(value);
        in.finish();
        return value;
    }

    /// Appends arguments. \throws error (bad_value)
    template <class... Ts>
    static void encode_arguments(std::string& out, Ts const&... values) {
        binary_encoder encoder{out};
        encoder.put(static_cast<std::uint32_t>(sizeof...(Ts)));
        (encoder.put(values), ...);
    }

    /// Reads arguments into `values`: see `policy::serialization`. \throws error (bad_arguments)
    template <class... Ts, class Fill = policy::no_defaults>
    static void decode_arguments(std::string_view bytes, std::span<std::string_view const> names,
                                 std::tuple<Ts...>& values, Fill const& fill = {}) {
        detail::in_arguments([&] {
            std::optional<binary_decoder> in;
            std::uint32_t count = 0;
            if (!bytes.empty()) in.emplace(bytes).get(count);
            if (count > sizeof...(Ts)) detail::too_many_arguments(sizeof...(Ts), count);
            auto const is_given = [&](std::size_t i) { return i < count; };
            auto const read = [&](std::size_t i, auto& element) {
                in->argument(detail::name_at(names, i), i + 1);
                in->get(element);
            };
            detail::read_each(names, values, is_given, read, fill);
            if (in) in->finish();
        });
    }
};

static_assert(policy::serialization<portable_binary>);

}  // namespace fastqueue::serialization
