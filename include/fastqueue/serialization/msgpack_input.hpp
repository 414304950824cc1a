#pragma once

#include <fastqueue/json/number.hpp>
#include <fastqueue/serialization/archive.hpp>
#include <fastqueue/serialization/msgpack_cursor.hpp>
#include <fastqueue/serialization/msgpack_document.hpp>
#include <fastqueue/serialization/msgpack_output.hpp>
#include <fastqueue/serialization/shape.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace fastqueue::serialization {

class msgpack_input;

namespace detail {

template <class T>
inline constexpr bool is_octet_vector = false;
template <class A>
inline constexpr bool is_octet_vector<std::vector<unsigned char, A>> = true;
template <class A>
inline constexpr bool is_octet_vector<std::vector<std::byte, A>> = true;

}  // namespace detail

/// Reads values from a msgpack document, in the form that `msgpack_encoder` lays down and in any width of its numbers and
/// heads. Members of maps are found by name, in any order; unknown ones are ignored; of two with one name the first counts.
/// A std::optional member may be absent. A class whose members have no names may also be given as an array. A vector of
/// unsigned char or std::byte may also be given as a bin, which is what other languages make of octets.
/// An integer may not be given as a float; a float 64 or an integer is rounded to what a float or double can hold.
/// Containers grow as they are read: per octet that came, at most what one empty element takes. One thread at a time.
///
/// Each failure is a sentence that says where, what was expected and what came:
/// `argument "box", "width": expected an integer, got a string ("abc")`; `missing "width" in argument "box"`.
class msgpack_decoder : public msgpack_cursor {
public:
    using msgpack_cursor::msgpack_cursor;

    /// Reads the document's value `at`.
    /// \throws error (bad_value) with a sentence
    template <class T>
    void read(T& out, item const& at) {
        static_assert(!std::is_same_v<T, std::string_view> && !std::is_pointer_v<T>,
                      "a view or pointer owns nothing to read into: use std::string");
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::object) read_object(out, at);
        if constexpr (s == shape::optional) read_optional(out, at);
        if constexpr (s == shape::null) check(at, msgpack_kind::nil, "null");
        if constexpr (s == shape::boolean) read_boolean(out, at);
        if constexpr (s == shape::integer) read_integer(out, at);
        if constexpr (s == shape::real) read_real(out, at);
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
        if (at.kind != msgpack_kind::absent) return read(out, at);
        if constexpr (shape_of<T> != shape::optional)
            missing();
        else
            out.reset();
    }

    /// Reads what a class of the user's becomes that is one plain value (`load_minimal`).
    template <class T>
    void get_here(T& out) {
        auto const at = std::exchange(at_, absent);
        at.kind != msgpack_kind::absent ? read(out, at) : get(out);
    }

    /// Around each class of the user's.
    void begin_node() {
        auto const at = std::exchange(at_, absent);
        enter(at.kind != msgpack_kind::absent ? at : next_or_missing());
    }
    void end_node() noexcept { leave(); }

private:
    static constexpr item absent{msgpack_kind::absent, 0, 0, 0};

    item next_or_missing() {
        auto const at = next();
        if (at.kind == msgpack_kind::absent) missing();
        return at;
    }

    void read_boolean(bool& out, item const& at) const {
        check(at, msgpack_kind::boolean, "a boolean");
        out = at.bits != 0;
    }

    template <class Integer>
    void read_integer(Integer& out, item const& at) const {
        using limits = std::numeric_limits<Integer>;
        bool fits = false;
        if (at.kind == msgpack_kind::natural)
            fits = at.bits <= static_cast<std::uint64_t>(limits::max());
        else if (at.kind != msgpack_kind::negative)
            expected("an integer", at);
        else if constexpr (std::is_signed_v<Integer>)
            fits = at.negative() >= limits::min();
        if (!fits) {
            fail("expected an integer from " + std::to_string(limits::min()) + " to " +
                 std::to_string(limits::max()) + ", got " + document().excerpt(at));
        }
        out = static_cast<Integer>(at.bits);
    }

    template <class Real>
    void read_real(Real& out, item const& at) const {
        if (at.kind == msgpack_kind::natural) {
            out = static_cast<Real>(at.bits);
        } else if (at.kind == msgpack_kind::negative) {
            out = static_cast<Real>(at.negative());
        } else {
            check(at, msgpack_kind::real, "a number");
            if (!narrow(at.real(), out)) fail("the number is out of range: " + document().excerpt(at));
        }
    }

    // A number that a float cannot even come near is no smaller a mistake than an integer that does not fit.
    template <class Real>
    static bool narrow(double value, Real& out) noexcept {
        if constexpr (std::is_same_v<Real, float>) {
            constexpr double most = std::numeric_limits<float>::max();
            bool const finite = fastqueue::json::is_finite(value);
            if (finite && (value > most || value < -most)) return false;
            out = static_cast<float>(value);
            return (out != 0) == (value != 0);
        } else {
            out = value;
            return true;
        }
    }

    template <class Enumeration>
    void read_enumeration(Enumeration& out, item const& at) {
        std::underlying_type_t<Enumeration> number{};
        read_integer(number, at);
        out = static_cast<Enumeration>(number);
    }

    void read_text(std::string& out, item const& at) const {
        check(at, msgpack_kind::text, "a string");
        out = document().text(at);
    }

    template <class Optional>
    void read_optional(Optional& out, item const& at) {
        if (at.kind == msgpack_kind::nil) return out.reset();
        read(out.emplace(), at);
    }

    template <class Variant>
    void read_choice(Variant& out, item const& at) {
        check(at, msgpack_kind::map, "an object with \"index\" and \"data\"");
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
    void read_tuple(Tuple& out, item const& at) {
        begin_list(at, std::tuple_size_v<Tuple>);
        std::apply([&](auto&... each) { (get(each), ...); }, out);
        leave();
    }

    template <class Array>
    void read_fixed(Array& out, item const& at) {
        begin_list(at, out.size());
        for (auto& each : out) get(each);
        leave();
    }

    void begin_list(item const& at, std::size_t size) {
        check(at, msgpack_kind::list, "a list");
        enter(at);
        auto const found = list_size();
        if (found == size) return;
        leave();
        fail("expected a list of " + std::to_string(size) + ", got one of " + std::to_string(found));
    }

    template <class Sequence>
    void read_sequence(Sequence& out, item const& at) {
        if constexpr (detail::is_octet_vector<Sequence>) {
            if (at.kind == msgpack_kind::octets) return read_octets(out, at);
        }
        check(at, msgpack_kind::list, "a list");
        enter(at);
        out.clear();
        while (more()) {
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
        leave();
    }

    template <class Octets>
    void read_octets(Octets& out, item const& at) const {
        using octet = typename Octets::value_type;
        auto const octets = document().text(at);
        auto const* const first = reinterpret_cast<octet const*>(octets.data());
        out.assign(first, first + octets.size());
    }

    template <class Map>
    void read_map(Map& out, item const& at) {
        check(at, msgpack_kind::map, "an object");
        enter(at);
        out.clear();
        while (more()) {
            auto const [entry, is_new] = out.try_emplace(std::string{next_key()});
            auto const value = next_value();
            if (!is_new) continue;
            at_member(entry->first);
            read(entry->second, value);
        }
        leave();
    }

    template <class T>
    void read_object(T& out, item const& at);

    msgpack_input* archive_ = nullptr;  // while a class of the user's is being read
    item at_ = absent;                  // the value of the class that is about to begin
};

/// The cereal archive that the user's `serialize` and `load` functions are given. See `msgpack_decoder`.
class msgpack_input : public detail::named_input<msgpack_input, msgpack_output, msgpack_decoder> {
public:
    explicit msgpack_input(msgpack_decoder& decoder) : named_input{this, decoder} {}
};

template <class T>
void msgpack_decoder::read_object(T& out, item const& at) {
    at_ = at;
    detail::dispatch(archive_, *this, out);
}

}  // namespace fastqueue::serialization

CEREAL_SETUP_ARCHIVE_TRAITS(fastqueue::serialization::msgpack_input, fastqueue::serialization::msgpack_output)
