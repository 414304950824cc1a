#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/archive.hpp>
#include <fastqueue/serialization/arguments.hpp>
#include <fastqueue/serialization/binary_output.hpp>
#include <fastqueue/serialization/shape.hpp>

#include <cereal/cereal.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace fastqueue::serialization {

class binary_input;

/// Reads what `binary_encoder`, or cereal's portable binary archive on either kind of machine, has written. A count is
/// believed only as far as there are octets left for it, and containers grow as they are read, so what is allocated stays
/// in proportion to what came. One thread at a time.
class binary_decoder {
public:
    /// \throws error (bad_value) if the first octet is none that this archive begins with
    explicit binary_decoder(std::string_view bytes) : rest_{bytes} {
        auto const order = take(1).front();
        if (order != '\0' && order != '\1') fail("this is no portable binary archive");
        swapped_ = (order == '\1') != (std::endian::native == std::endian::little);
    }
    binary_decoder(binary_decoder const&) = delete;  // a binary_input points here
    binary_decoder& operator=(binary_decoder const&) = delete;

    /// What is read next is an argument: messages then begin with `argument "x"`.
    void argument(std::string_view name, std::size_t position) noexcept {
        argument_ = name;
        position_ = position;
    }

    /// \throws error (bad_value) with a sentence
    template <class T>
    void get(T& out) {
        static_assert(!std::is_same_v<T, std::string_view> && !std::is_pointer_v<T>,
                      "a view or pointer owns nothing to read into: use std::string");
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::null)
            return;
        else if constexpr (s == shape::boolean)
            out = get_flag();
        else if constexpr (std::is_arithmetic_v<T>)
            out = get_number<T>();
        else if constexpr (s == shape::number)
            out = static_cast<T>(get_number<std::underlying_type_t<T>>());
        else if constexpr (s == shape::text)
            out = take(get_size());
        else
            get_nested(out);
    }

    /// A count of things that take an octet each at least.
    [[nodiscard]] std::size_t get_size() {
        auto const size = get_number<std::uint64_t>();
        if (size > rest_.size()) too_short();
        return static_cast<std::size_t>(size);
    }

    /// `count` numbers to where they shall lie.
    template <class Number>
    void get_raw(Number* out, std::size_t count) {
        if (count > rest_.size() / sizeof(Number)) too_short();
        for (std::size_t i = 0; i < count; ++i) out[i] = get_number<Number>();
    }

    /// \throws error (bad_value) if anything is left
    void finish() {
        position_ = 0;
        if (!rest_.empty()) fail("something follows the value: " + std::to_string(rest_.size()) + " octets");
    }

private:
    [[noreturn]] void fail(std::string const& what) const {
        throw error{errc::bad_value,
                    (position_ != 0 ? argument_label(argument_, position_) + ": " : "") + what};
    }
    [[noreturn]] void too_short() const { fail("the bytes end too early"); }

    std::string_view take(std::size_t size) {
        if (size > rest_.size()) too_short();
        auto const taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    template <class Number>
    Number get_number() {
        std::array<char, sizeof(Number)> octets;
        std::memcpy(octets.data(), take(octets.size()).data(), octets.size());
        if (swapped_) std::ranges::reverse(octets);
        return std::bit_cast<Number>(octets);
    }

    // A bool that is neither 0 nor 1 would be undefined behaviour to look at.
    bool get_flag() {
        auto const octet = take(1).front();
        if (octet != '\0' && octet != '\1') fail("expected a boolean");
        return octet == '\1';
    }

    template <class T>
    void get_nested(T& out) {
        constexpr auto s = shape_of<T>;
        if (++depth_ > max_binary_depth) fail("nested too deep");
        if constexpr (s == shape::object)
            get_object(out);
        else if constexpr (s == shape::optional)
            get_flag() ? out.reset() : get(out.emplace());
        else if constexpr (s == shape::choice)
            get_choice(out);
        else if constexpr (s == shape::tuple)
            std::apply([&](auto&... each) { (get(each), ...); }, out);
        else if constexpr (s == shape::fixed) {
            for (auto& each : out) get(each);
        } else {
            get_each(out);
        }
        --depth_;
    }

    template <class Variant>
    void get_choice(Variant& out) {
        auto const chosen = get_number<std::int32_t>();
        constexpr auto size = std::variant_size_v<Variant>;
        if (chosen < 0 || static_cast<std::size_t>(chosen) >= size) fail("a variant has no such alternative");
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            ((I == static_cast<std::size_t>(chosen) ? get(out.template emplace<I>()) : void()), ...);
        }
        (std::make_index_sequence<size>{});
    }

    template <class Container>
    void get_each(Container& out) {
        out.clear();
        for (auto left = get_size(); left > 0; --left) {
            if constexpr (shape_of<Container> == shape::map) {
                std::pair<typename Container::key_type, typename Container::mapped_type> item;
                get(item);
                out.insert(std::move(item));
            } else {
                auto item = typename Container::value_type();
                get(item);
                out.insert(out.end(), std::move(item));
            }
        }
    }

    template <class T>
    void get_object(T& out);

    std::string_view rest_;
    std::string_view argument_;
    std::size_t position_ = 0;         // 0: what is read is no argument
    binary_input* archive_ = nullptr;  // while a class of the user's is being read
    unsigned depth_ = 0;
    bool swapped_ = false;
};

/// The cereal archive that the user's `serialize` and `load` functions are given.
class binary_input : public cereal::InputArchive<binary_input, cereal::AllowEmptyClassElision> {
    using base = cereal::InputArchive<binary_input, cereal::AllowEmptyClassElision>;

public:
    explicit binary_input(binary_decoder& decoder) : base{this}, decoder_{decoder} {}

    template <class... Ts>
    binary_input& operator()(Ts&&... values) {
        (one(values), ...);
        return *this;
    }
    template <class T>
    binary_input& operator&(T&& value) {
        return one(value), *this;
    }
    template <class T>
    binary_input& operator>>(T&& value) {
        return one(value), *this;
    }

    [[nodiscard]] binary_decoder& decoder() noexcept { return decoder_; }

    /// By cereal: finds the user's function for `value`.
    template <class T>
    void dispatch(T& value) {
        base::operator()(value);
    }

private:
    template <class T>
    void one(cereal::NameValuePair<T>& member) {
        one(member.value);
    }
    template <class T>
    void one(cereal::SizeTag<T>& tag) {
        tag.size = static_cast<std::remove_reference_t<T>>(decoder_.get_size());
    }
    template <class T>
    void one(cereal::BinaryData<T>& data) {
        using number = std::remove_pointer_t<std::remove_reference_t<T>>;
        using octets = std::conditional_t<std::is_void_v<number>, char, number>;
        decoder_.get_raw(static_cast<octets*>(data.data), data.size / sizeof(octets));
    }
    template <class K, class V>
    void one(cereal::MapItem<K, V>& item) {
        one(item.key);
        one(item.value);
    }
    template <class T>
    void one(cereal::DeferredData<T>& later) {
        dispatch(later);
    }
    template <class T>
    void one(T& value) {
        decoder_.get(value);
    }

    binary_decoder& decoder_;
};

template <class T>
void binary_decoder::get_object(T& out) {
    detail::dispatch(archive_, *this, out);
}

// What cereal looks for in an archive's namespace.
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(binary_input& archive, cereal::NameValuePair<T>& member) {
    archive(member);
}
template <class T>
requires(shape_of<T> == shape::text ||
         std::is_arithmetic_v<T>) void CEREAL_LOAD_FUNCTION_NAME(binary_input& archive, T& value) {
    archive.decoder().get(value);
}

}  // namespace fastqueue::serialization

CEREAL_SETUP_ARCHIVE_TRAITS(fastqueue::serialization::binary_input, fastqueue::serialization::binary_output)
