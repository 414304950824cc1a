#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/arguments.hpp>
#include <fastqueue/serialization/json_output.hpp>
#include <fastqueue/serialization/shape.hpp>

#include <cereal/cereal.hpp>

#include <array>
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

class json_input;

/// Reads values from a JSON document, in the form that `json_encoder` lays down. Members of objects are found by name, in
/// any order; unknown ones are ignored; of two with one name the first counts. A std::optional member may be absent.
/// A class whose members have no names may also be given as a list.
/// Integers may not be written with a fraction or an exponent. One thread at a time.
///
/// Each failure is a sentence that says where, what was expected and what came:
/// `argument "box", "width": expected an integer, got a string ("abc")`; `missing "width" in argument "box"`.
class json_decoder {
public:
    using index = json::document::index;

    /// \param document  must outlive the decoder
    explicit json_decoder(json::document const& document) noexcept : document_{document} {}
    json_decoder(json_decoder const&) = delete;  // a json_input points here
    json_decoder& operator=(json_decoder const&) = delete;

    /// What is read next is an argument: messages then begin with `argument "x"`, or `argument 2` where it has no name.
    /// \param name      must outlive what is read; may be empty
    /// \param position  counted from 1
    void argument(std::string_view name, std::size_t position) noexcept {
        argument_ = name;
        position_ = position;
    }

    /// Reads the document's node `at`.
    /// \throws error (bad_value) with a sentence
    template <class T>
    void read(T& out, index at) {
        static_assert(!std::is_same_v<T, std::string_view> && !std::is_pointer_v<T>,
                      "a view or pointer owns nothing to read into: use std::string");
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::object) read_object(out, at);
        else if constexpr (s == shape::optional) read_optional(out, at);
        else if constexpr (s == shape::null) check(at, json::token::null, "null");
        else if constexpr (s == shape::boolean) read_boolean(out, at);
        else if constexpr (s == shape::integer || s == shape::real) read_number(out, at);
        else if constexpr (s == shape::number) read_enumeration(out, at);
        else if constexpr (s == shape::text) read_text(out, at);
        else if constexpr (s == shape::choice) read_choice(out, at);
        else if constexpr (s == shape::tuple) read_tuple(out, at);
        else if constexpr (s == shape::fixed) read_fixed(out, at);
        else if constexpr (string_map<T>) read_map(out, at);
        else read_sequence(out, at);
    }

    /// Reads the next member or element of what is being read.
    template <class T>
    void get(T& out) {
        auto const at = next();
        if (at != json::document::none) return read(out, at);
        if constexpr (shape_of<T> == shape::optional) out.reset();
        else missing();
    }

    /// Reads what a class of the user's becomes that is one plain value (`load_minimal`).
    template <class T>
    void get_here(T& out) {
        auto const at = std::exchange(at_, json::document::none);
        at != json::document::none ? read(out, at) : get(out);
    }

    /// The next value is the member `name`.
    void name(std::string_view name) noexcept {
        name_ = name;
        named_ = true;
    }

    /// How many elements the list that is being read has.
    [[nodiscard]] std::size_t list_size() {
        if (depth_ == 0) return 0;
        auto const list = nodes_[depth_ - 1].container;
        check_here(list, json::token::begin_array, "a list");
        std::size_t size = 0;
        for (auto i = list + 1; i < document_[list].next; i = document_[i].next) ++size;
        return size;
    }

    /// Around each class of the user's.
    void begin_node() { push(at_ != json::document::none ? at_ : next_or_missing()); }
    void end_node() noexcept { --depth_; }

    [[noreturn]] void fail(std::string const& what) const { throw error{errc::bad_value, path() + what}; }

private:
    struct node {
        index container;        // what the members or elements are taken from
        index cursor;           // where the next one is looked for first
        std::uint32_t position; // elements, or members without a name, taken so far
        bool in_order;          // each member so far was found at the cursor
        bool by_name;           // the last one was a member with the name `name`
        char const* name;       // no string_view: a node is left uninitialised until it is needed
        std::size_t name_size;

        void set_name(std::string_view text) noexcept {
            by_name = true;
            name = text.data();
            name_size = text.size();
        }
    };

    void push(index container) {
        if (depth_ == nodes_.size()) fail("nested too deep");
        nodes_[depth_++] = {container, container + 1, 0, true, false, nullptr, 0};
        at_ = json::document::none;
    }

    index next_or_missing() {
        auto const at = next();
        if (at == json::document::none) missing();
        return at;
    }

    // The node of the next member or element; none if it is not there.
    index next() {
        if (depth_ == 0) return 0;
        auto& top = nodes_[depth_ - 1];
        bool const named = std::exchange(named_, false);
        if (document_[top.container].kind == json::token::begin_array && !named) return next_element(top);
        check_here(top.container, json::token::begin_object, "an object");
        top.set_name(named ? name_ : std::string_view{});
        if (named) return member(top, name_);
        return member(top, "value" + std::to_string(top.position++));
    }

    index next_element(node& top) const noexcept {
        ++top.position;
        top.by_name = false;
        auto const at = top.cursor;
        if (at >= document_[top.container].next) return json::document::none;
        top.cursor = document_[at].next;
        return at;
    }

    // Members mostly come in the order in which they are asked for: then one comparison finds each.
    index member(node& top, std::string_view name) {
        auto const end = document_[top.container].next;
        if (top.in_order && top.cursor < end && document_.text(top.cursor, scratch_) == name) {
            auto const value = top.cursor + 1;
            top.cursor = document_[value].next;
            return value;
        }
        top.in_order = false;
        return document_.find(top.container, name, scratch_);
    }

    [[noreturn]] void missing() {
        auto& top = nodes_[depth_ - 1];
        auto const what = label(top);
        --depth_;  // what is missing is not where it is missing
        auto const inside = path(false);
        ++depth_;
        throw error{errc::bad_value, "missing " + what + (inside.empty() ? "" : " in " + inside)};
    }

    // `"width"`, or `element 2`
    [[nodiscard]] static std::string label(node const& n) {
        if (!n.by_name) return "element " + std::to_string(n.position);
        return '"' + (n.name == nullptr ? "value" + std::to_string(n.position - 1) : std::string{n.name, n.name_size}) + '"';
    }

    // Where the decoder stands: `argument "box", "corner", element 2: `
    [[nodiscard]] std::string path(bool colon = true) const {
        std::string text;
        if (position_ != 0) text = argument_label(argument_, position_);
        for (unsigned i = 0; i < depth_; ++i) {
            auto const& n = nodes_[i];
            if (n.position == 0 && !n.by_name) continue;
            if (!text.empty()) text += ", ";
            text += label(n);
        }
        if (colon && !text.empty()) text += ": ";
        return text;
    }

    // `a string ("abc")`
    [[nodiscard]] std::string describe(index at) const {
        switch (document_[at].kind) {
            case json::token::begin_object: return "an object";
            case json::token::begin_array: return "a list";
            case json::token::true_: return "a boolean (true)";
            case json::token::false_: return "a boolean (false)";
            case json::token::null: return "null";
            case json::token::string: return "a string (\"" + document_.excerpt(at) + "\")";
            default: return "a number (" + document_.excerpt(at) + ")";
        }
    }

    [[noreturn]] void expected(std::string const& what, index at) const {
        fail("expected " + what + ", got " + describe(at));
    }
    void check(index at, json::token kind, char const* what) const {
        if (document_[at].kind != kind) expected(what, at);
    }
    // The same for the container itself, whose members are not part of the path.
    void check_here(index at, json::token kind, char const* what) {
        if (document_[at].kind == kind) return;
        --depth_;
        expected(what, at);
    }

    void read_boolean(bool& out, index at) const {
        auto const kind = document_[at].kind;
        if (kind != json::token::true_ && kind != json::token::false_) expected("a boolean", at);
        out = kind == json::token::true_;
    }

    template <class Number>
    void read_number(Number& out, index at) {
        constexpr bool integral = std::is_integral_v<Number>;
        check(at, json::token::number, integral ? "an integer" : "a number");
        auto const text = document_.text(at, scratch_);
        if (json::read_number(text, out)) return;
        if (!integral) fail("the number is out of range: " + document_.excerpt(at));
        if (text.find_first_of(".eE") != text.npos) expected("an integer", at);
        fail("expected an integer from " + std::to_string(std::numeric_limits<Number>::min()) + " to " +
             std::to_string(std::numeric_limits<Number>::max()) + ", got " + document_.excerpt(at));
    }

    template <class Enumeration>
    void read_enumeration(Enumeration& out, index at) {
        std::underlying_type_t<Enumeration> number{};
        read_number(number, at);
        out = static_cast<Enumeration>(number);
    }

    void read_text(std::string& out, index at) {
        check(at, json::token::string, "a string");
        out = document_.text(at, scratch_);
    }

    template <class Optional>
    void read_optional(Optional& out, index at) {
        if (document_[at].kind == json::token::null) return out.reset();
        read(out.emplace(), at);
    }

    template <class Variant>
    void read_choice(Variant& out, index at) {
        check(at, json::token::begin_object, "an object with \"index\" and \"data\"");
        push(at);
        std::size_t chosen = 0;
        name("index");
        get(chosen);
        constexpr auto size = std::variant_size_v<Variant>;
        if (chosen >= size) fail("expected a number below " + std::to_string(size) + ", got " + std::to_string(chosen));
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            auto const take = [&](auto& alternative) {
                name("data");
                get(alternative);
            };
            ((I == chosen ? take(out.template emplace<I>()) : void()), ...);
        }(std::make_index_sequence<size>{});
        --depth_;
    }

    template <class Tuple>
    void read_tuple(Tuple& out, index at) {
        begin_list(at, std::tuple_size_v<Tuple>);
        std::apply([&](auto&... each) { (get(each), ...); }, out);
        --depth_;
    }

    template <class Array>
    void read_fixed(Array& out, index at) {
        begin_list(at, out.size());
        for (auto& each : out) get(each);
        --depth_;
    }

    void begin_list(index at, std::size_t size) {
        check(at, json::token::begin_array, "a list");
        push(at);
        auto const found = list_size();
        if (found == size) return;
        --depth_;
        fail("expected a list of " + std::to_string(size) + ", got one of " + std::to_string(found));
    }

    template <class Sequence>
    void read_sequence(Sequence& out, index at) {
        check(at, json::token::begin_array, "a list");
        push(at);
        out.clear();
        for (auto const end = document_[at].next; nodes_[depth_ - 1].cursor < end;) {
            if constexpr (requires { out.emplace_back(); } && !std::is_same_v<typename Sequence::value_type, bool>) {
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
        --depth_;
    }

    template <class Map>
    void read_map(Map& out, index at) {
        check(at, json::token::begin_object, "an object");
        push(at);
        out.clear();
        for (auto key = at + 1; key < document_[at].next; key = document_[key + 1].next) {
            auto const [entry, is_new] = out.try_emplace(std::string{document_.text(key, scratch_)});
            if (!is_new) continue;
            nodes_[depth_ - 1].set_name(entry->first);
            read(entry->second, key + 1);
        }
        --depth_;
    }

    template <class T>
    void read_object(T& out, index at);

    json::document const& document_;
    std::string_view argument_;
    std::size_t position_ = 0;  // 0: what is read is no argument
    json_input* archive_ = nullptr;  // while a class of the user's is being read
    std::string_view name_;
    bool named_ = false;
    index at_ = json::document::none;  // the node of the class that is about to begin
    unsigned depth_ = 0;
    std::string scratch_;
    std::array<node, json::max_depth_limit> nodes_;
};

/// The cereal archive that the user's `serialize` and `load` functions are given. See `json_decoder`.
class json_input : public cereal::InputArchive<json_input, cereal::AllowEmptyClassElision>,
                   public cereal::traits::TextArchive {
    using base = cereal::InputArchive<json_input, cereal::AllowEmptyClassElision>;

public:
    explicit json_input(json_decoder& decoder) : base{this}, decoder_{decoder} {}

    template <class... Ts>
    json_input& operator()(Ts&&... values) {
        (one(values), ...);
        return *this;
    }
    template <class T>
    json_input& operator&(T&& value) {
        return one(value), *this;
    }
    template <class T>
    json_input& operator>>(T&& value) {
        return one(value), *this;
    }

    [[nodiscard]] json_decoder& decoder() noexcept { return decoder_; }

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

    json_decoder& decoder_;
};

template <class T>
void json_decoder::read_object(T& out, index at) {
    at_ = at;
    if (archive_ != nullptr) return archive_->dispatch(out);
    json_input archive{*this};  // made for those who need it only: it holds four tables
    archive_ = &archive;
    struct reset {
        json_input*& pointer;
        ~reset() { pointer = nullptr; }
    } const at_end{archive_};
    archive.dispatch(out);
    archive.serializeDeferments();
}

// What cereal looks for in an archive's namespace.
template <class T>
void prologue(json_input& archive, T const&) {
    if constexpr (detail::has_braces<T, json_output>) archive.decoder().begin_node();
}
template <class T>
void epilogue(json_input& archive, T const&) {
    if constexpr (detail::has_braces<T, json_output>) archive.decoder().end_node();
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(json_input& archive, cereal::NameValuePair<T>& member) {
    archive(member);
}
template <class T>
    requires(shape_of<T> == shape::text || std::is_arithmetic_v<T>)
void CEREAL_LOAD_FUNCTION_NAME(json_input& archive, T& value) {
    archive.decoder().get_here(value);
}

}  // namespace fastqueue::serialization

CEREAL_SETUP_ARCHIVE_TRAITS(fastqueue::serialization::json_input, fastqueue::serialization::json_output)
