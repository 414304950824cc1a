#pragma once

#include <fastqueue/json/number.hpp>
#include <fastqueue/json/reader.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/archive.hpp>
#include <fastqueue/serialization/shape.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace fastqueue::serialization {

class json_output;

/// Writes values as plain JSON, appending to a string. Classes of the user's go through `json_output`, all else is written
/// straight away. One thread at a time.
///
/// | C++ | JSON |
/// |---|---|
/// | bool, integers, floating point, enumerations | `true`, a number (an enumeration is its number) |
/// | std::string | a string; it must be UTF-8 |
/// | std::optional | the value, or `null` |
/// | vector, deque, list, set, array, tuple, pair | a list |
/// | map with string keys | an object; other maps: a list of [key, value] |
/// | std::variant | `{"index": 1, "data": value}`, the index counted from 0 |
/// | std::monostate | `null` |
/// | a class with `serialize` or `save` | an object; members without a name are `value0`, `value1` ... |
class json_encoder {
public:
    explicit json_encoder(std::string& out) noexcept : out_{out} {}
    json_encoder(json_encoder const&) = delete;  // a json_output points here
    json_encoder& operator=(json_encoder const&) = delete;

    /// Writes one value where the document stands.
    /// \throws error (bad_value) for what JSON cannot say: NaN, infinities, strings that are not UTF-8, values nested
    ///         deeper than readers accept
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
    void as_list() {
        if (depth_ == 0 || nodes_[depth_ - 1].kind != kind::undecided) return;
        nodes_[depth_ - 1].kind = kind::list;
        out_.begin_array();
    }

    /// Around each class of the user's. What it holds decides whether it becomes an object or a list.
    void begin_node() {
        before_value();
        push(kind::undecided);
    }
    void end_node() {
        auto const ended = nodes_[--depth_].kind;
        if (ended == kind::undecided) out_.begin_object();
        ended == kind::list ? out_.end_array() : out_.end_object();
    }

private:
    enum class kind : std::uint8_t { undecided, object, list };
    struct node {
        json_encoder::kind kind;
        std::uint32_t unnamed;  // members without a name so far
    };

    [[noreturn]] static void fail(std::string const& what) { throw error{errc::bad_value, what}; }

    void push(kind k) {
        if (depth_ == json::max_depth_limit) fail("the value is nested too deep for JSON");
        nodes_[depth_++] = {k, 0};
    }

    void before_value() {
        if (depth_ == 0) return;
        auto& top = nodes_[depth_ - 1];
        if (top.kind == kind::list) {
            named_ = false;
            return;
        }
        if (top.kind == kind::undecided) {
            top.kind = kind::object;
            out_.begin_object();
        }
        if (std::exchange(named_, false)) {
            out_.key(name_);
        } else {
            out_.key("value" + std::to_string(top.unnamed++));
        }
    }

    template <class T>
    void write(T const& value) {
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::null) out_.value(nullptr);
        if constexpr (s == shape::boolean || s == shape::integer) out_.value(value);
        if constexpr (s == shape::number) out_.value(static_cast<std::underlying_type_t<T>>(value));
        if constexpr (s == shape::real) write_real(value);
        if constexpr (s == shape::text) write_text(value);
        if constexpr (s == shape::choice) write_choice(value);
        if constexpr (s == shape::tuple) write_tuple(value);
        if constexpr (string_map<T>) write_map(value);
        if constexpr (s == shape::map && !string_map<T>) write_pairs(value);
        if constexpr (s == shape::sequence || s == shape::fixed) write_sequence(value);
    }

    template <class Real>
    void write_real(Real value) {
        if (!json::is_finite(value)) fail("JSON has no NaN and no infinity");
        out_.value(value);
    }

    void write_text(std::string_view text) {
        out_.value(text);
        if (!out_.ok()) fail("a string is not UTF-8: JSON cannot carry it");
    }

    template <class Variant>
    void write_choice(Variant const& value) {
        if (value.valueless_by_exception()) fail("a variant holds no value");
        push(kind::object);
        out_.begin_object().key("index").value(value.index());
        name("data");
        std::visit([this](auto const& held) { this->put(held); }, value);
        out_.end_object();
        --depth_;
    }

    template <class Tuple>
    void write_tuple(Tuple const& tuple) {
        list([&] { std::apply([&](auto const&... each) { (put(each), ...); }, tuple); });
    }

    template <class Sequence>
    void write_sequence(Sequence const& sequence) {
        list([&] {
            for (typename Sequence::value_type const& each : sequence) put(each);
        });
    }

    template <class Map>
    void write_map(Map const& map) {
        push(kind::object);
        out_.begin_object();
        for (auto const& [key, value] : map) {
            name(key);
            put(value);
        }
        out_.end_object();
        --depth_;
        if (!out_.ok()) fail("a key is not UTF-8: JSON cannot carry it");
    }

    template <class Map>
    void write_pairs(Map const& map) {
        list([&] {
            for (auto const& [key, value] : map) put(std::tie(key, value));
        });
    }

    template <class Body>
    void list(Body&& body) {
        push(kind::list);
        out_.begin_array();
        body();
        out_.end_array();
        --depth_;
    }

    template <class T>
    void put_object(T const& value);

    json::writer out_;
    json_output* archive_ = nullptr;  // while a class of the user's is being written
    std::string_view name_;
    bool named_ = false;
    unsigned depth_ = 0;
    std::array<node, json::max_depth_limit> nodes_;
};

/// The cereal archive that the user's `serialize` and `save` functions are given. See `json_encoder` for the form.
class json_output : public detail::named_output<json_output, json_encoder> {
public:
    explicit json_output(json_encoder& encoder) : named_output{this, encoder} {}
};

template <class T>
void json_encoder::put_object(T const& value) {
    detail::dispatch(archive_, *this, value);
}

}  // namespace fastqueue::serialization
