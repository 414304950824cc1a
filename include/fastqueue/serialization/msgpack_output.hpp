#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/archive.hpp>
#include <fastqueue/serialization/msgpack_document.hpp>
#include <fastqueue/serialization/shape.hpp>

// The library asks Boost only which end of a number comes first, and has a copy of that for those without Boost. Nobody
// shall need Boost for us. Undone behind it, so that who includes the rest of the library gets it as he wants it.
#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#include <msgpack/pack.hpp>
#undef MSGPACK_NO_BOOST
#else
#include <msgpack/pack.hpp>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace fastqueue::serialization {

class msgpack_output;

/// Writes values as msgpack, appending to a string, each in the shortest form that the format has for it. Classes of the
/// user's go through `msgpack_output`, all else is written straight away. One thread at a time.
///
/// | C++ | msgpack |
/// |---|---|
/// | bool, integers, enumerations | bool, int (an enumeration is its number) |
/// | float, double | float 32, float 64 (long double: float 64) |
/// | std::string | str; it must be UTF-8 |
/// | std::optional | the value, or nil |
/// | vector, deque, list, set, array, tuple, pair | array, also of octets: no type of C++ becomes a bin |
/// | map with string keys | map; other maps: an array of [key, value] |
/// | std::variant | a map of "index", counted from 0, and "data" |
/// | std::monostate | nil |
/// | a class with `serialize` or `save` | a map; members without a name are "value0", "value1" ... |
///
/// \source https://github.com/msgpack/msgpack/blob/master/spec.md, "Serialization"
class msgpack_encoder {
public:
    /// \param out  appended to; must outlive the encoder
    explicit msgpack_encoder(std::string& out) noexcept : sink_{&out}, out_{sink_} {}
    msgpack_encoder(msgpack_encoder const&) = delete;  // a msgpack_output points here
    msgpack_encoder& operator=(msgpack_encoder const&) = delete;

    /// Writes one value where the document stands.
    /// \throws error (bad_value) for what msgpack cannot say: strings that are not UTF-8, 2^32 octets or elements and more,
    ///         values nested deeper than readers accept
    template <class T>
    void put(T const& value) {
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::object) {
            put_object(value);  // by cereal: begin_node and end_node
        } else if constexpr (s == shape::optional) {
            if (value) return put(*value);
            put(nullptr);
        } else {
            before_value();
            write(value);
        }
    }

    /// The next value is the member `name`.
    void name(std::string_view name) noexcept {
        name_ = name;
        named_ = true;
    }

    /// The value that is being written is a list.
    void as_list() noexcept {
        if (depth_ == 0 || nodes_[depth_ - 1].kind != kind::undecided) return;
        nodes_[depth_ - 1].kind = kind::list;
    }

    /// Around each class of the user's. What it holds decides whether it becomes a map or a list, and how many values are
    /// in it, so its head is written last.
    void begin_node() {
        before_value();
        push(kind::undecided);
        nodes_[depth_ - 1].head = sink_.out->size();
        sink_.out->push_back('\0');
    }
    void end_node() {
        auto const& ended = nodes_[--depth_];
        std::string head;
        sink head_sink{&head};
        ::msgpack::packer<sink> packer{head_sink};
        ended.kind == kind::list ? packer.pack_array(ended.count) : packer.pack_map(ended.count);
        sink_.out->replace(ended.head, 1, head);  // in place up to 15 members
    }

private:
    struct sink {
        std::string* out;
        void write(char const* octets, std::size_t size) { out->append(octets, size); }
    };
    enum class kind : std::uint8_t { undecided, members, list, plain };  // plain: its head is written already
    struct node {
        msgpack_encoder::kind kind;
        std::uint32_t count;    // elements or members so far
        std::uint32_t unnamed;  // members without a name so far
        std::size_t head;       // where its head belongs
    };

    [[noreturn]] static void fail(std::string const& what) { throw error{errc::bad_value, what}; }

    void push(kind k) {
        if (depth_ == nodes_.size()) fail("the value is nested too deep for msgpack");
        nodes_[depth_++] = {k, 0, 0, 0};
    }

    void before_value() {
        if (depth_ == 0) return;
        auto& top = nodes_[depth_ - 1];
        bool const named = std::exchange(named_, false);
        if (top.kind == kind::plain) return;
        if (top.count == std::numeric_limits<std::uint32_t>::max()) fail("a list is too long for msgpack");
        ++top.count;
        if (top.kind == kind::list) return;
        top.kind = kind::members;
        if (named) return write_text(name_);
        write_text("value" + std::to_string(top.unnamed++));
    }

    template <class T>
    void write(T const& value) {
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::null) out_.pack_nil();
        if constexpr (s == shape::boolean) value ? out_.pack_true() : out_.pack_false();
        if constexpr (s == shape::integer) write_integer(value);
        if constexpr (s == shape::number) write(static_cast<std::underlying_type_t<T>>(value));
        if constexpr (s == shape::real) write_real(value);
        if constexpr (s == shape::text) write_text(value);
        if constexpr (s == shape::choice) write_choice(value);
        if constexpr (s == shape::tuple) write_tuple(value);
        if constexpr (string_map<T>) write_map(value);
        if constexpr (s == shape::map && !string_map<T>) write_pairs(value);
        if constexpr (s == shape::sequence || s == shape::fixed) write_sequence(value);
    }

    template <class Integer>
    void write_integer(Integer value) {
        if constexpr (std::is_signed_v<Integer>)
            out_.pack_int64(value);
        else
            out_.pack_uint64(value);
    }

    // Not by the packer, which makes integers of whole numbers: then 2.0 would be another type than 2.5, and -0.0 be 0.
    template <class Real>
    void write_real(Real value) {
        using sent = std::conditional_t<std::is_same_v<Real, float>, float, double>;
        auto octets = std::bit_cast<std::array<char, sizeof(sent)>>(static_cast<sent>(value));
        if constexpr (std::endian::native == std::endian::little) std::ranges::reverse(octets);
        sink_.out->push_back(static_cast<char>(sizeof(sent) == 4 ? 0xCA : 0xCB));
        sink_.write(octets.data(), octets.size());
    }

    static std::uint32_t size(std::size_t count, char const* what) {
        if (count > std::numeric_limits<std::uint32_t>::max())
            fail(std::string{what} + " is too long for msgpack");
        return static_cast<std::uint32_t>(count);
    }

    void write_text(std::string_view text) {
        if (!msgpack_document::is_text(text)) fail("a string is not UTF-8: msgpack cannot carry it");
        out_.pack_str(size(text.size(), "a string"));
        sink_.write(text.data(), text.size());
    }

    template <class Variant>
    void write_choice(Variant const& value) {
        if (value.valueless_by_exception()) fail("a variant holds no value");
        push(kind::plain);
        out_.pack_map(2);
        write_text("index");
        out_.pack_uint64(value.index());
        write_text("data");
        std::visit([this](auto const& held) { this->put(held); }, value);
        --depth_;
    }

    template <class Tuple>
    void write_tuple(Tuple const& tuple) {
        list(std::tuple_size_v<Tuple>,
             [&] { std::apply([&](auto const&... each) { (put(each), ...); }, tuple); });
    }

    template <class Sequence>
    void write_sequence(Sequence const& sequence) {
        list(sequence.size(), [&] {
            for (typename Sequence::value_type const& each : sequence) put(each);
        });
    }

    template <class Map>
    void write_map(Map const& map) {
        push(kind::plain);
        out_.pack_map(size(map.size(), "a map"));
        for (auto const& [key, value] : map) {
            write_text(key);
            put(value);
        }
        --depth_;
    }

    template <class Map>
    void write_pairs(Map const& map) {
        list(map.size(), [&] {
            for (auto const& [key, value] : map) put(std::tie(key, value));
        });
    }

    template <class Body>
    void list(std::size_t count, Body&& body) {
        push(kind::plain);
        out_.pack_array(size(count, "a list"));
        body();
        --depth_;
    }

    template <class T>
    void put_object(T const& value);

    sink sink_;
    ::msgpack::packer<sink> out_;
    msgpack_output* archive_ = nullptr;  // while a class of the user's is being written
    std::string_view name_;
    bool named_ = false;
    unsigned depth_ = 0;
    std::array<node, max_msgpack_depth> nodes_;
};

/// The cereal archive that the user's `serialize` and `save` functions are given. See `msgpack_encoder` for the form.
class msgpack_output : public detail::named_output<msgpack_output, msgpack_encoder> {
public:
    explicit msgpack_output(msgpack_encoder& encoder) : named_output{this, encoder} {}
};

template <class T>
void msgpack_encoder::put_object(T const& value) {
    detail::dispatch(archive_, *this, value);
}

}  // namespace fastqueue::serialization
