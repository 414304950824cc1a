#pragma once

#include <fastqueue/serialization/archive.hpp>
#include <fastqueue/serialization/shape.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace fastqueue::serialization::detail {

/// What reading is like in every form of documents in which members have names: which value a type is read from, and all
/// that is made of other values. One thread at a time.
/// \tparam Form     derives from this; reads plain values and maps: `read_boolean`, `read_integer`, `read_real`, `read_text`,
///                  `read_map`, and `read_octets`, which says whether it did
/// \tparam Cursor   of the form
/// \tparam Archive  the cereal archive that the user's functions are given
template <class Form, class Cursor, class Archive>
class decoder : public Cursor {
public:
    using place = typename Cursor::place;
    using Cursor::Cursor;

    /// Reads the document's value `at`.
    /// \throws error (bad_value) with a sentence
    template <class T>
    void read(T& out, place const& at) {
        static_assert(!std::is_same_v<T, std::string_view> && !std::is_pointer_v<T>,
                      "a view or pointer owns nothing to read into: use std::string");
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::object) read_object(out, at);
        if constexpr (s == shape::optional) read_optional(out, at);
        if constexpr (s == shape::null) read_null(at);
        if constexpr (s == shape::boolean) form().read_boolean(out, at);
        if constexpr (s == shape::integer) form().read_integer(out, at);
        if constexpr (s == shape::real) form().read_real(out, at);
        if constexpr (s == shape::number) read_enumeration(out, at);
        if constexpr (s == shape::text) form().read_text(out, at);
        if constexpr (s == shape::choice) read_choice(out, at);
        if constexpr (s == shape::tuple) read_tuple(out, at);
        if constexpr (s == shape::fixed) read_fixed(out, at);
        if constexpr (string_map<T>) form().read_map(out, at);
        if constexpr (s == shape::sequence || (s == shape::map && !string_map<T>)) read_sequence(out, at);
    }

    /// Reads the next member or element of what is being read.
    template <class T>
    void get(T& out) {
        auto const at = this->next();
        if (this->is_there(at)) return read(out, at);
        if constexpr (shape_of<T> != shape::optional)
            this->missing();
        else
            out.reset();
    }

    /// Reads what a class of the user's becomes that is one plain value (`load_minimal`).
    template <class T>
    void get_here(T& out) {
        auto const at = std::exchange(at_, Cursor::absent);
        this->is_there(at) ? read(out, at) : get(out);
    }

    /// Around each class of the user's.
    void begin_node() {
        auto const at = std::exchange(at_, Cursor::absent);
        this->enter(this->is_there(at) ? at : next_or_missing());
    }
    void end_node() noexcept { this->leave(); }

private:
    [[nodiscard]] Form& form() noexcept { return static_cast<Form&>(*this); }

    place next_or_missing() {
        auto const at = this->next();
        if (!this->is_there(at)) this->missing();
        return at;
    }

    void read_null(place const& at) const {
        if (!this->is_null(at)) this->expected("null", at);
    }

    template <class Enumeration>
    void read_enumeration(Enumeration& out, place const& at) {
        std::underlying_type_t<Enumeration> number{};
        form().read_integer(number, at);
        out = static_cast<Enumeration>(number);
    }

    template <class Optional>
    void read_optional(Optional& out, place const& at) {
        if (this->is_null(at)) return out.reset();
        read(out.emplace(), at);
    }

    template <class Variant>
    void read_choice(Variant& out, place const& at) {
        this->check_map(at, "an object with \"index\" and \"data\"");
        this->enter(at);
        std::size_t chosen = 0;
        this->name("index");
        get(chosen);
        constexpr auto size = std::variant_size_v<Variant>;
        if (chosen >= size)
            this->fail("expected a number below " + std::to_string(size) + ", got " + std::to_string(chosen));
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            auto const take = [&](auto& alternative) {
                this->name("data");
                get(alternative);
            };
            ((I == chosen ? take(out.template emplace<I>()) : void()), ...);
        }
        (std::make_index_sequence<size>{});
        this->leave();
    }

    template <class Tuple>
    void read_tuple(Tuple& out, place const& at) {
        begin_list(at, std::tuple_size_v<Tuple>);
        std::apply([&](auto&... each) { (get(each), ...); }, out);
        this->leave();
    }

    template <class Array>
    void read_fixed(Array& out, place const& at) {
        begin_list(at, out.size());
        for (auto& each : out) get(each);
        this->leave();
    }

    void begin_list(place const& at, std::size_t size) {
        this->check_list(at);
        this->enter(at);
        auto const found = this->list_size();
        if (found == size) return;
        this->leave();
        this->fail("expected a list of " + std::to_string(size) + ", got one of " + std::to_string(found));
    }

    template <class Sequence>
    void read_sequence(Sequence& out, place const& at) {
        if (form().read_octets(out, at)) return;
        this->check_list(at);
        this->enter(at);
        out.clear();
        while (this->more()) {
            if constexpr (requires { out.emplace_back(); } &&
                          !std::is_same_v<typename Sequence::value_type, bool>) {
                get(out.emplace_back());
            } else if constexpr (shape_of<Sequence> == shape::map) {
                std::pair<typename Sequence::key_type, typename Sequence::mapped_type> pair;
                get(pair);
                out.insert(std::move(pair));
            } else {
                auto element = typename Sequence::value_type();
                get(element);
                out.insert(out.end(), std::move(element));
            }
        }
        this->leave();
    }

    template <class T>
    void read_object(T& out, place const& at) {
        at_ = at;
        dispatch(archive_, form(), out);
    }

    Archive* archive_ = nullptr;  // while a class of the user's is being read
    place at_ = Cursor::absent;   // the value of the class that is about to begin
};

}  // namespace fastqueue::serialization::detail
