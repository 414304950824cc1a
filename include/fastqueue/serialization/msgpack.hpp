#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/policy/serialization.hpp>
#include <fastqueue/serialization/arguments.hpp>
#include <fastqueue/serialization/msgpack_input.hpp>
#include <fastqueue/serialization/msgpack_output.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

namespace fastqueue::serialization {

/// Values as msgpack, which other languages read too: smaller than JSON and exact for NaN. Arguments as an array (by
/// position), a map (by name) or nothing (none). Which type becomes what: see `msgpack_encoder`; what is read: see
/// `msgpack_decoder`. Unknown and repeated argument names are refused. Needs msgpack-cxx (Debian: libmsgpack-cxx-dev).
/// All members are safe from any thread. ::msgpack is that library: in this namespace it is hidden, and a using-declaration
/// of this struct at file scope would clash with it.
/// \source https://github.com/msgpack/msgpack/blob/master/spec.md
struct msgpack {
    static constexpr std::string_view content = "msgpack";

    /// Appends `value`. \throws error (bad_value), with `out` as it was
    template <class T>
    static void encode(std::string& out, T const& value) {
        detail::undo_on_error(out, [&] { msgpack_encoder{out}.put(value); });
    }

    /// Reads a value that takes all of `bytes`. \throws error (bad_value)
    template <class T>
    [[nodiscard]] static T decode(std::string_view bytes) {
        msgpack_document document;
        parse(document, bytes, "the value is not msgpack: ", errc::bad_value);
        auto value = T();  // not {}: a constructor with a default argument may be explicit
        msgpack_decoder{document}.read(value, document[0]);
        return value;
    }

    /// Appends an array of arguments by position. \throws error (bad_value), with `out` as it was
    template <class... Ts>
    static void encode_arguments(std::string& out, Ts const&... values) {
        detail::undo_on_error(out, [&] { msgpack_encoder{out}.put(std::tie(values...)); });
    }

    /// Reads arguments into `values`: see `policy::serialization`. \throws error (bad_arguments)
    template <class... Ts, class Fill = policy::no_defaults>
    static void decode_arguments(std::string_view bytes, std::span<std::string_view const> names,
                                 std::tuple<Ts...>& values, Fill const& fill = {}) {
        msgpack_document document;
        std::array<msgpack_item, sizeof...(Ts)> given{};  // absent, all of them
        if (!bytes.empty()) {
            parse(document, bytes, "the arguments are not msgpack: ", errc::bad_arguments);
            locate(document, names, given);
        }
        msgpack_decoder decoder{document};
        auto const is_given = [&](std::size_t i) { return given[i].kind != msgpack_kind::absent; };
        auto const read = [&](std::size_t i, auto& element) {
            decoder.argument(detail::name_at(names, i), i + 1);
            decoder.read(element, given[i]);
        };
        detail::in_arguments([&] { detail::read_each(names, values, is_given, read, fill); });
    }

private:
    static void parse(msgpack_document& document, std::string_view bytes, std::string_view prefix,
                      errc code) {
        if (document.parse(bytes)) return;
        throw error{code, std::string{prefix} + std::string{document.problem()} + " at octet " +
                              std::to_string(document.problem_offset())};
    }

    // Finds the value of each argument, by position or by name.
    static void locate(msgpack_document const& document, std::span<std::string_view const> names,
                       std::span<msgpack_item> given) {
        switch (document[0].kind) {
            case msgpack_kind::list:
                return locate_by_position(document, given);
            case msgpack_kind::map:
                return locate_by_name(document, names.first(std::min(names.size(), given.size())), given);
            default:
                detail::bad_arguments("the arguments must be a msgpack array or map");
        }
    }

    static void locate_by_position(msgpack_document const& document, std::span<msgpack_item> given) {
        auto const list = document[0];
        auto const count = static_cast<std::size_t>(list.bits);
        if (count > given.size()) detail::too_many_arguments(given.size(), count);
        auto at = list.end;
        for (auto& argument : given.first(count)) {
            argument = document[at];
            at = document.behind(argument);
        }
    }

    static void locate_by_name(msgpack_document const& document, std::span<std::string_view const> names,
                               std::span<msgpack_item> given) {
        auto const map = document[0];
        auto at = map.end;
        for (auto left = map.bits; left > 0; --left) {
            auto const key = document[at];
            if (key.kind != msgpack_kind::text)
                detail::bad_arguments("expected a parameter's name, got " + document.describe(key));
            auto const name = document.text(key);
            auto const found = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
            if (found == names.size()) detail::unknown_argument(document.excerpt(key), names);
            if (given[found].kind != msgpack_kind::absent)
                detail::bad_arguments(argument_label(name, 0) + " is given twice");
            given[found] = document[key.end];
            at = document.behind(given[found]);
        }
    }
};

static_assert(policy::serialization<msgpack>);

}  // namespace fastqueue::serialization
