#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/policy/serialization.hpp>
#include <fastqueue/serialization/arguments.hpp>
#include <fastqueue/serialization/json_input.hpp>
#include <fastqueue/serialization/json_output.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

namespace fastqueue::serialization {

/// Values as plain JSON; arguments as a list (by position), an object (by name) or nothing (none). Which type becomes what:
/// see `json_encoder`; what is read: see `json_decoder`. Unknown and repeated argument names are refused.
struct json {
    static constexpr std::string_view content = "json";

    /// Appends `value`. \throws error (bad_value), with `out` as it was
    template <class T>
    static void encode(std::string& out, T const& value) {
        detail::undo_on_error(out, [&] { json_encoder{out}.put(value); });
    }

    /// Reads one document. \throws error (bad_value)
    template <class T>
    [[nodiscard]] static T decode(std::string_view bytes) {
        fastqueue::json::document document;
        parse(document, bytes, "the value is not JSON: ", errc::bad_value);
        auto value = T();  // not {}: a constructor with a default argument may be explicit
        json_decoder{document}.read(value, 0);
        return value;
    }

    /// Appends a list of arguments by position. \throws error (bad_value), with `out` as it was
    template <class... Ts>
    static void encode_arguments(std::string& out, Ts const&... values) {
        detail::undo_on_error(out, [&] { json_encoder{out}.put(std::tie(values...)); });
    }

    /// Reads arguments into `values`: see `policy::serialization`. \throws error (bad_arguments)
    template <class... Ts, class Fill = policy::no_defaults>
    static void decode_arguments(std::string_view bytes, std::span<std::string_view const> names,
                                 std::tuple<Ts...>& values, Fill const& fill = {}) {
        fastqueue::json::document document;
        std::array<index, sizeof...(Ts)> given;  // the node of each argument
        given.fill(fastqueue::json::document::none);
        if (!bytes.empty()) {
            parse(document, bytes, "the arguments are not JSON: ", errc::bad_arguments);
            locate(document, names, given);
        }
        json_decoder decoder{document};
        auto const is_given = [&](std::size_t i) { return given[i] != fastqueue::json::document::none; };
        auto const read = [&](std::size_t i, auto& element) {
            decoder.argument(detail::name_at(names, i), i + 1);
            decoder.read(element, given[i]);
        };
        detail::in_arguments([&] { detail::read_each(names, values, is_given, read, fill); });
    }

private:
    using index = fastqueue::json::document::index;

    static void parse(fastqueue::json::document& document, std::string_view bytes, std::string_view prefix,
                      errc code) {
        if (document.parse(bytes)) return;
        throw error{code, std::string{prefix} + std::string{document.problem()} + " at octet " +
                              std::to_string(document.problem_offset())};
    }

    // Finds the node of each argument, by position or by name.
    static void locate(fastqueue::json::document const& document, std::span<std::string_view const> names,
                       std::span<index> given) {
        using fastqueue::json::token;
        switch (document[0].kind) {
            case token::begin_array:
                return locate_by_position(document, given);
            case token::begin_object:
                return locate_by_name(document, names.first(std::min(names.size(), given.size())), given);
            default:
                detail::bad_arguments("the arguments must be a JSON list or object");
        }
    }

    static void locate_by_position(fastqueue::json::document const& document, std::span<index> given) {
        std::size_t count = 0;
        for (index i = 1; i < document.size(); i = document[i].next, ++count) {
            if (count < given.size()) given[count] = i;
        }
        if (count > given.size()) detail::too_many_arguments(given.size(), count);
    }

    static void locate_by_name(fastqueue::json::document const& document,
                               std::span<std::string_view const> names, std::span<index> given) {
        std::string scratch;
        for (index key = 1; key < document.size(); key = document[key + 1].next) {
            auto const name = document.text(key, scratch);
            auto const found = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
            if (found == names.size()) detail::unknown_argument(document.excerpt(key), names);
            if (given[found] != fastqueue::json::document::none) {
                detail::bad_arguments(argument_label(name, 0) + " is given twice");
            }
            given[found] = key + 1;
        }
    }
};

static_assert(policy::serialization<json>);

}  // namespace fastqueue::serialization
