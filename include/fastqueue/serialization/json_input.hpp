#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/serialization/archive.hpp>
#include <fastqueue/serialization/decoder.hpp>
#include <fastqueue/serialization/json_cursor.hpp>
#include <fastqueue/serialization/json_output.hpp>

#include <limits>
#include <string>

namespace fastqueue::serialization {

class json_input;

/// Reads values from a JSON document, in the form that `json_encoder` lays down. Members of objects are found by name, in
/// any order; unknown ones are ignored; of two with one name the first counts. A std::optional member may be absent.
/// A class whose members have no names may also be given as a list.
/// Integers may not be written with a fraction or an exponent. One thread at a time.
///
/// Each failure is a sentence that says where, what was expected and what came:
/// `argument "box", "width": expected an integer, got a string ("abc")`; `missing "width" in argument "box"`.
class json_decoder : public detail::decoder<json_decoder, json_cursor, json_input> {
public:
    using decoder::decoder;

private:
    friend class detail::decoder<json_decoder, json_cursor, json_input>;

    void read_boolean(bool& out, place at) const {
        auto const kind = document()[at].kind;
        if (kind != json::token::true_ && kind != json::token::false_) expected("a boolean", at);
        out = kind == json::token::true_;
    }

    template <class Integer>
    void read_integer(Integer& out, place at) {
        using limits = std::numeric_limits<Integer>;
        check(at, json::token::number, "an integer");
        auto const text = document().text(at, scratch_);
        if (json::read_number(text, out)) return;
        if (text.find_first_of(".eE") != text.npos) expected("an integer", at);
        fail("expected an integer from " + std::to_string(limits::min()) + " to " +
             std::to_string(limits::max()) + ", got " + document().excerpt(at));
    }

    template <class Real>
    void read_real(Real& out, place at) {
        check(at, json::token::number, "a number");
        if (!json::read_number(document().text(at, scratch_), out))
            fail("the number is out of range: " + document().excerpt(at));
    }

    void read_text(std::string& out, place at) {
        check(at, json::token::string, "a string");
        out = document().text(at, scratch_);
    }

    template <class Sequence>
    static bool read_octets(Sequence&, place) noexcept {
        return false;
    }

    template <class Map>
    void read_map(Map& out, place at) {
        check_map(at, "an object");
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

    std::string scratch_;
};

/// The cereal archive that the user's `serialize` and `load` functions are given. See `json_decoder`.
class json_input : public detail::named_input<json_input, json_output, json_decoder> {
public:
    explicit json_input(json_decoder& decoder) : named_input{this, decoder} {}
};

}  // namespace fastqueue::serialization

CEREAL_SETUP_ARCHIVE_TRAITS(fastqueue::serialization::json_input, fastqueue::serialization::json_output)
