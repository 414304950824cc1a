#pragma once

#include <fastqueue/serialization/shape.hpp>

#include <cereal/cereal.hpp>

#include <concepts>
#include <tuple>
#include <type_traits>

namespace fastqueue::serialization {

namespace detail {

struct named_output_tag {};
struct named_input_tag {};

/// The cereal archive that the user's `serialize` and `save` functions are given, for an encoder of a form in which members have
/// names: `name`, `put`, `as_list`, `begin_node`, `end_node`. A text archive to cereal, so that its own functions write the
/// same values for each. One thread at a time.
template <class Archive, class Encoder>
class named_output : public cereal::OutputArchive<Archive, cereal::AllowEmptyClassElision>,
                     public cereal::traits::TextArchive,
                     public named_output_tag {
    using base = cereal::OutputArchive<Archive, cereal::AllowEmptyClassElision>;

public:
    /// \param whole  the archive itself, named by its own constructor: here it is not yet one, and no cast may say it is
    named_output(Archive* whole, Encoder& encoder) : base{whole}, encoder_{encoder} {}

    template <class... Ts>
    Archive& operator()(Ts&&... values) {
        (one(values), ...);
        return static_cast<Archive&>(*this);
    }
    template <class T>
    Archive& operator&(T&& value) {
        return (*this)(value);
    }
    template <class T>
    Archive& operator<<(T&& value) {
        return (*this)(value);
    }

    [[nodiscard]] Encoder& encoder() noexcept { return encoder_; }

    /// By cereal: finds the user's function for `value`.
    template <class T>
    void dispatch(T const& value) {
        base::operator()(value);
    }

private:
    template <class T>
    void one(cereal::NameValuePair<T> const& member) {
        encoder_.name(member.name);
        one(member.value);
    }
    template <class T>
    void one(cereal::SizeTag<T> const&) {
        encoder_.as_list();
    }
    template <class K, class V>
    void one(cereal::MapItem<K, V> const& item) {
        encoder_.put(std::tie(item.key, item.value));
    }
    template <class T>
    void one(cereal::DeferredData<T> const& later) {
        dispatch(later);
    }
    template <class T>
    void one(T const& value) {
        encoder_.put(value);
    }

    Encoder& encoder_;
};

/// The same for `serialize` and `load`, and for a decoder: `name`, `get`, `get_here`, `list_size`, `begin_node`, `end_node`.
/// \tparam Output  the archive that writes what this one reads
template <class Archive, class Output, class Decoder>
class named_input : public cereal::InputArchive<Archive, cereal::AllowEmptyClassElision>,
                    public cereal::traits::TextArchive,
                    public named_input_tag {
    using base = cereal::InputArchive<Archive, cereal::AllowEmptyClassElision>;

public:
    using output_type = Output;

    /// \param whole  as for `named_output`
    named_input(Archive* whole, Decoder& decoder) : base{whole}, decoder_{decoder} {}

    template <class... Ts>
    Archive& operator()(Ts&&... values) {
        (one(values), ...);
        return static_cast<Archive&>(*this);
    }
    template <class T>
    Archive& operator&(T&& value) {
        return (*this)(value);
    }
    template <class T>
    Archive& operator>>(T&& value) {
        return (*this)(value);
    }

    [[nodiscard]] Decoder& decoder() noexcept { return decoder_; }

    /// By cereal: finds the user's function for `value`.
    template <class T>
    void dispatch(T& value) {
        base::operator()(value);
    }

private:
    template <class T>
    void one(cereal::NameValuePair<T>& member) {
        decoder_.name(member.name);
        one(member.value);
    }
    template <class T>
    void one(cereal::SizeTag<T>& tag) {
        tag.size = static_cast<std::remove_reference_t<T>>(decoder_.list_size());
    }
    template <class K, class V>
    void one(cereal::MapItem<K, V>& item) {
        auto both = std::tie(item.key, item.value);
        decoder_.get(both);
    }
    template <class T>
    void one(cereal::DeferredData<T>& later) {
        dispatch(later);
    }
    template <class T>
    void one(T& value) {
        decoder_.get(value);
    }

    Decoder& decoder_;
};

/// Has cereal find the user's functions for `value`, which is a class of his. The archive holds four tables, so it is made for
/// those who need it only, and once for all that the outermost class holds.
/// \param current  where the one in use is kept; none yet: nullptr
template <class Archive, class Coder, class T>
void dispatch(Archive*& current, Coder& coder, T& value) {
    if (current != nullptr) return current->dispatch(value);
    Archive archive{coder};
    current = &archive;
    struct reset {
        Archive*& pointer;
        ~reset() { pointer = nullptr; }
    } const at_end{current};
    archive.dispatch(value);
    archive.serializeDeferments();
}

// Those that become what their one value is have no braces of their own.
template <class T>
inline constexpr bool is_transparent = false;
template <class T>
inline constexpr bool is_transparent<cereal::NameValuePair<T>> = true;
template <class T>
inline constexpr bool is_transparent<cereal::DeferredData<T>> = true;
template <class T>
inline constexpr bool is_transparent<cereal::base_class<T>> = false;

template <class T, class Archive>
inline constexpr bool has_braces =
    shape_of<T> == shape::object && !is_transparent<T> &&
    !cereal::traits::has_minimal_base_class_serialization<T, cereal::traits::has_minimal_output_serialization,
                                                          Archive>::value &&
    !cereal::traits::has_minimal_output_serialization<T, Archive>::value;

template <class T>
concept plain_for_cereal = shape_of<T>
== shape::text || std::is_arithmetic_v<T>;

}  // namespace detail

// What cereal looks for in an archive's namespace.
template <std::derived_from<detail::named_output_tag> Archive, class T>
void prologue(Archive& archive, T const&) {
    if constexpr (detail::has_braces<T, Archive>) archive.encoder().begin_node();
}
template <std::derived_from<detail::named_output_tag> Archive, class T>
void epilogue(Archive& archive, T const&) {
    if constexpr (detail::has_braces<T, Archive>) archive.encoder().end_node();
}
template <std::derived_from<detail::named_output_tag> Archive, class T>
void CEREAL_SAVE_FUNCTION_NAME(Archive& archive, cereal::NameValuePair<T> const& member) {
    archive(member);
}
template <std::derived_from<detail::named_output_tag> Archive, detail::plain_for_cereal T>
void CEREAL_SAVE_FUNCTION_NAME(Archive& archive, T const& value) {
    archive.encoder().put(value);
}
template <std::derived_from<detail::named_input_tag> Archive, class T>
void prologue(Archive& archive, T const&) {
    if constexpr (detail::has_braces<T, typename Archive::output_type>) archive.decoder().begin_node();
}
template <std::derived_from<detail::named_input_tag> Archive, class T>
void epilogue(Archive& archive, T const&) {
    if constexpr (detail::has_braces<T, typename Archive::output_type>) archive.decoder().end_node();
}
template <std::derived_from<detail::named_input_tag> Archive, class T>
void CEREAL_LOAD_FUNCTION_NAME(Archive& archive, cereal::NameValuePair<T>& member) {
    archive(member);
}
template <std::derived_from<detail::named_input_tag> Archive, detail::plain_for_cereal T>
void CEREAL_LOAD_FUNCTION_NAME(Archive& archive, T& value) {
    archive.decoder().get_here(value);
}

}  // namespace fastqueue::serialization
