#pragma once

#include <fastqueue/json/number.hpp>
#include <fastqueue/serialization/archive.hpp>
#include <fastqueue/serialization/decoder.hpp>
#include <fastqueue/serialization/msgpack_cursor.hpp>
#include <fastqueue/serialization/msgpack_document.hpp>
#include <fastqueue/serialization/msgpack_output.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
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
class msgpack_decoder : public detail::decoder<msgpack_decoder, msgpack_cursor, msgpack_input> {
public:
    using decoder::decoder;

private:
    friend class detail::decoder<msgpack_decoder, msgpack_cursor, msgpack_input>;

    void read_boolean(bool& out, place const& at) const {
        check(at, msgpack_kind::boolean, "a boolean");
        out = at.bits != 0;
    }

    template <class Integer>
    void read_integer(Integer& out, place const& at) const {
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
    void read_real(Real& out, place const& at) const {
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

    void read_text(std::string& out, place const& at) const {
        check(at, msgpack_kind::text, "a string");
        out = document().text(at);
    }

    template <class Sequence>
    bool read_octets(Sequence& out, place const& at) const {
        if constexpr (!detail::is_octet_vector<Sequence>) {
            return false;
        } else {
            if (at.kind != msgpack_kind::octets) return false;
            using octet = typename Sequence::value_type;
            auto const octets = document().text(at);
            auto const* const first = reinterpret_cast<octet const*>(octets.data());
            out.assign(first, first + octets.size());
            return true;
        }
    }

    template <class Map>
    void read_map(Map& out, place const& at) {
        check_map(at, "an object");
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
};

/// The cereal archive that the user's `serialize` and `load` functions are given. See `msgpack_decoder`.
class msgpack_input : public detail::named_input<msgpack_input, msgpack_output, msgpack_decoder> {
public:
    explicit msgpack_input(msgpack_decoder& decoder) : named_input{this, decoder} {}
};

}  // namespace fastqueue::serialization

CEREAL_SETUP_ARCHIVE_TRAITS(fastqueue::serialization::msgpack_input, fastqueue::serialization::msgpack_output)
