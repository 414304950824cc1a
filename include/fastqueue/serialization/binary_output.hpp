#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/archive.hpp>
#include <fastqueue/serialization/shape.hpp>

#include <cereal/cereal.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace fastqueue::serialization {

class binary_output;

/// Values nested deeper than this are refused, when they are written and when they are read.
inline constexpr unsigned max_binary_depth = 64;

/// Writes values as cereal's portable binary archive does (and reads them there), appending to a string instead of a stream:
/// little-endian numbers of their own size, 64-bit counts before strings and containers, no names. One thread at a time.
class binary_encoder {
public:
    /// Begins with the octet that says which end comes first.
    explicit binary_encoder(std::string& out) : out_{&out} { out_->push_back('\1'); }
    binary_encoder(binary_encoder const&) = delete;  // a binary_output points here
    binary_encoder& operator=(binary_encoder const&) = delete;

    /// \throws error (bad_value) for a variant without a value and for values nested too deep
    template <class T>
    void put(T const& value) {
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::null)
            return;
        else if constexpr (std::is_arithmetic_v<T>)
            put_number(value);
        else if constexpr (s == shape::number)
            put_number(static_cast<std::underlying_type_t<T>>(value));
        else if constexpr (s == shape::text)
            put_text(value);
        else
            put_nested(value);
    }

    void put_size(std::size_t size) { put_number(static_cast<std::uint64_t>(size)); }

    /// `count` numbers as they lie in memory.
    template <class Number>
    void put_raw(Number const* numbers, std::size_t count) {
        if constexpr (std::endian::native == std::endian::little || sizeof(Number) == 1) {
            out_->append(reinterpret_cast<char const*>(numbers), count * sizeof(Number));
        } else {
            for (std::size_t i = 0; i < count; ++i) put_number(numbers[i]);
        }
    }

private:
    template <class Number>
    void put_number(Number number) {
        auto octets = std::bit_cast<std::array<char, sizeof(Number)>>(number);
        if constexpr (std::endian::native != std::endian::little) std::ranges::reverse(octets);
        out_->append(octets.data(), octets.size());
    }

    void put_text(std::string_view text) {
        put_size(text.size());
        out_->append(text);
    }

    template <class T>
    void put_nested(T const& value) {
        constexpr auto s = shape_of<T>;
        if (++depth_ > max_binary_depth) throw error{errc::bad_value, "the value is nested too deep"};
        if constexpr (s == shape::object)
            put_object(value);
        else if constexpr (s == shape::optional) {
            put_number(!value.has_value());  // cereal's order: true says that there is none
            if (value) put(*value);
        } else if constexpr (s == shape::choice)
            put_choice(value);
        else if constexpr (s == shape::tuple)
            std::apply([&](auto const&... each) { (put(each), ...); }, value);
        else
            put_each(value);
        --depth_;
    }

    template <class Variant>
    void put_choice(Variant const& value) {
        if (value.valueless_by_exception()) throw error{errc::bad_value, "a variant holds no value"};
        put_number(static_cast<std::int32_t>(value.index()));
        std::visit([this](auto const& held) { this->put(held); }, value);
    }

    template <class Container>
    void put_each(Container const& container) {
        using element = typename Container::value_type;
        if constexpr (shape_of<Container> != shape::fixed) put_size(container.size());
        if constexpr (std::is_arithmetic_v<element> && requires { container.data(); }) {
            put_raw(container.data(), container.size());
        } else {
            for (element const& each : container) put(each);
        }
    }

    template <class T>
    void put_object(T const& value);

    std::string* out_;
    binary_output* archive_ = nullptr;  // while a class of the user's is being written
    unsigned depth_ = 0;
};

/// The cereal archive that the user's `serialize` and `save` functions are given.
class binary_output : public cereal::OutputArchive<binary_output, cereal::AllowEmptyClassElision> {
    using base = cereal::OutputArchive<binary_output, cereal::AllowEmptyClassElision>;

public:
    explicit binary_output(binary_encoder& encoder) : base{this}, encoder_{encoder} {}

    template <class... Ts>
    binary_output& operator()(Ts&&... values) {
        (one(values), ...);
        return *this;
    }
    template <class T>
    binary_output& operator&(T&& value) {
        return one(value), *this;
    }
    template <class T>
    binary_output& operator<<(T&& value) {
        return one(value), *this;
    }

    [[nodiscard]] binary_encoder& encoder() noexcept { return encoder_; }

    /// By cereal: finds the user's function for `value`.
    template <class T>
    void dispatch(T const& value) {
        base::operator()(value);
    }

private:
    template <class T>
    void one(cereal::NameValuePair<T> const& member) {
        one(member.value);
    }
    template <class T>
    void one(cereal::SizeTag<T> const& tag) {
        encoder_.put_size(tag.size);
    }
    template <class T>
    void one(cereal::BinaryData<T> const& data) {
        using number = std::remove_cv_t<std::remove_pointer_t<std::remove_reference_t<T>>>;
        using octets = std::conditional_t<std::is_void_v<number>, char, number>;
        encoder_.put_raw(static_cast<octets const*>(data.data), data.size / sizeof(octets));
    }
    template <class K, class V>
    void one(cereal::MapItem<K, V> const& item) {
        one(item.key);
        one(item.value);
    }
    template <class T>
    void one(cereal::DeferredData<T> const& later) {
        dispatch(later);
    }
    template <class T>
    void one(T const& value) {
        encoder_.put(value);
    }

    binary_encoder& encoder_;
};

template <class T>
void binary_encoder::put_object(T const& value) {
    detail::dispatch(archive_, *this, value);
}

// What cereal looks for in an archive's namespace.
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(binary_output& archive, cereal::NameValuePair<T> const& member) {
    archive(member);
}
template <class T>
requires(shape_of<T> == shape::text ||
         std::is_arithmetic_v<T>) void CEREAL_SAVE_FUNCTION_NAME(binary_output& archive, T const& value) {
    archive.encoder().put(value);
}

}  // namespace fastqueue::serialization
