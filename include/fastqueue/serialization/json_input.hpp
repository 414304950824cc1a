#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/serialization/archive.hpp>
#include <fastqueue/serialization/json_cursor.hpp>
#include <fastqueue/serialization/json_output.hpp>
#include <fastqueue/serialization/shape.hpp>

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace fastqueue::serialization {

class json_input;

/// Reads values from a JSON document, in the form that `json_encoder` lays down. Members of objects are found by name, in
/// any order; unknown ones are ignored; of two with one name the first counts. A std::optional member may be absent.
/// A class whose members have no names may also be given as a list.
/// Integers may not be written with a fraction or an exponent. One thread at a time.
///
/// Each failure is a sentence that says where, what was expected and what came:
/// `argument "box", "width": expected an integer, got a string ("abc")`; `missing "width" in argument "box"`.
class json_decoder : public json_cursor {
public:
    using json_cursor::json_cursor;

    /// Reads the document's node `at`.
    /// \throws error (bad_value) with a sentence
    template <class T>
    void read(T& out, index at) {
        static_assert(!std::is_same_v<T, std::string_view> && !std::is_pointer_v<T>,
                      "a view or pointer owns nothing to read into: use std::string");
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::object) read_object(out, at);
        if constexpr (s == shape::optional) read_optional(out, at);
        if constexpr (s == shape::null) check(at, json::token::null, "null");
        if constexpr (s == shape::boolean) read_boolean(out, at);
        if constexpr (s == shape::integer || s == shape::real) read_number(out, at);
        if constexpr (s == shape::number) read_enumeration(out, at);
        if constexpr (s == shape::text) read_text(out, at);
        if constexpr (s == shape::choice) read_choice(out, at);
        if constexpr (s == shape::tuple) read_tuple(out, at);
        if constexpr (s == shape::fixed) read_fixed(out, at);
        if constexpr (string_map<T>) read_map(out, at);
        if constexpr (s == shape::sequence || (s == shape::map && !string_map<T>)) read_sequence(out, at);
    }

    /// Reads the next member or element of what is being read.
    template <class T>
    void get(T& out) {
        auto const at = next();
        if (at != json::document::none) return read(out, at);
        if constexpr (shape_of<T> != shape::optional)
            missing();
        else
            out.reset();
    }

    /// Reads what a class of the user's becomes that is one plain value (`load_minimal`).
    template <class T>
    void get_here(T& out) {
        auto const at = std::exchange(at_, json::document::none);
        at != json::document::none ? read(out, at) : get(out);
    }

    /// Around each class of the user's.
    void begin_node() {
        auto const at = std::exchange(at_, json::document::none);
        enter(at != json::document::none ? at : next_or_missing());
    }
    void end_node() noexcept { leave(); }

private:
    index next_or_missing() {
        auto const at = next();
        if (at == json::document::none) missing();
        return at;
    }

    void read_boolean(bool& out, index at) const {
        auto const kind = document()[at].kind;
        if (kind != json::token::true_ && kind != json::token::false_) expected("a boolean", at);
        out = kind == json::token::true_;
    }

    template <class Number>
    void read_number(Number& out, index at) {
        constexpr bool integral = std::is_integral_v<Number>;
        check(at, json::token::number, integral ? "an integer" : "a number");
        auto const text = document().text(at, scratch_);
        if (json::read_number(text, out)) return;
        if (!integral) fail("the number is out of range: " + document().excerpt(at));
        if (text.find_first_of(".eE") != text.npos) expected("an integer", at);
        fail("expected an integer from " + std::to_string(std::numeric_limits<Number>::min()) + " to " +
             std::to_string(std::numeric_limits<Number>::max()) + ", got " + document().excerpt(at));
    }

    template <class Enumeration>
    void read_enumeration(Enumeration& out, index at) {
        std::underlying_type_t<Enumeration> number{};
        read_number(number, at);
        out = static_cast<Enumeration>(number);
    }

    void read_text(std::string& out, index at) {
        check(at, json::token::string, "a string");
        out = document().text(at, scratch_);
    }

    template <class Optional>
    void read_optional(Optional& out, index at) {
        if (document()[at].kind == json::token::null) return out.reset();
        read(out.emplace(), at);
    }

    template <class Variant>
    void read_choice(Variant& out, index at) {
        check(at, json::token::begin_object, "an object with \"index\" and \"data\"");
        enter(at);
        std::size_t chosen = 0;
        name("index");
        get(chosen);
        constexpr auto size = std::variant_size_v<Variant>;
        if (chosen >= size)
            fail("expected a number below " + std::to_string(size) + ", got " + std::to_string(chosen));
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            auto const take = [&](auto& alternative) {
                name("data");
                get(alternative);
            };
            ((I == chosen ? take(out.template emplace<I>()) : void()), ...);
        }
        (std::make_index_sequence<size>{});
        leave();
    }

    template <class Tuple>
    void read_tuple(Tuple& out, index at) {
        begin_list(at, std::tuple_size_v<Tuple>);
        std::apply([&](auto&... each) { (get(each), ...); }, out);
        leave();
    }

    template <class Array>
    void read_fixed(Array& out, index at) {
        begin_list(at, out.size());
        for (auto& each : out) get(each);
        leave();
    }

    void begin_list(index at, std::size_t size) {
        check(at, json::token::begin_array, "a list");
        enter(at);
        auto const found = list_size();
        if (found == size) return;
        leave();
        fail("expected a list of " + std::to_string(size) + ", got one of " + std::to_string(found));
    }

    template <class Sequence>
    void read_sequence(Sequence& out, index at) {
        check(at, json::token::begin_array, "a list");
        enter(at);
        out.clear();
        while (more()) {
            if constexpr (requires { out.emplace_back(); } &&
                          !std::is_same_v<typename Sequence::value_type, bool>) {
                get(out.emplace_back());
            } else if constexpr (shape_of<Sequence> == shape::map) {
                std::pair<typename Sequence::key_type, typename Sequence::mapped_type> item;
                get(item);
                out.insert(std::move(item));
            } else {
                auto item = typename Sequence::value_type();
                get(item);
                out.insert(out.end(), std::move(item));
            }
        }
        leave();
    }

    template <class Map>
    void read_map(Map& out, index at) {
        check(at, json::token::begin_object, "an object");
        enter(at);
        out.clear();
        for (auto key = at + 1; key < document()[at].next; key = document()[key + 1].next) {
            auto const [entry, is_new] = out.try_emplace(std::string{document().text(key, scratch_)});
            if (!is_new) continue;
            at_member(entry->first);
            read(entry->second, key + 1);
        }
        leave();
    }

    template <class T>
    void read_object(T& out, index at);

    json_input* archive_ = nullptr;    // while a class of the user's is being read
    index at_ = json::document::none;  // the node of the class that is about to begin
    std::string scratch_;
};

/// The cereal archive that the user's `serialize` and `load` functions are given. See `json_decoder`.
class json_input : public detail::named_input<json_input, json_output, json_decoder> {
public:
    explicit json_input(json_decoder& decoder) : named_input{this, decoder} {}
};

template <class T>
void json_decoder::read_object(T& out, index at) {
    at_ = at;
    detail::dispatch(archive_, *this, out);
}

}  // namespace fastqueue::serialization

CEREAL_SETUP_ARCHIVE_TRAITS(fastqueue::serialization::json_input, fastqueue::serialization::json_output)
