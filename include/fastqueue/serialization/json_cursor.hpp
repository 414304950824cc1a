#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/arguments.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::serialization {

/// Where a decoder stands in a JSON document: which containers it is in, which member or element comes next, and how to
/// say so when something is wrong. One thread at a time.
class json_cursor {
public:
    using index = json::document::index;

    /// \param document  must outlive the cursor
    explicit json_cursor(json::document const& document) noexcept : document_{document} {}
    json_cursor(json_cursor const&) = delete;
    json_cursor& operator=(json_cursor const&) = delete;

    /// What is read next is an argument: messages then begin with `argument "x"`, or `argument 2` where it has no name.
    /// \param name      must outlive what is read; may be empty
    /// \param position  counted from 1
    void argument(std::string_view name, std::size_t position) noexcept {
        argument_ = name;
        position_ = position;
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

    /// Goes into the container at `container`, whose members or elements are read next, and out of it.
    /// \throws error (bad_value) if it is nested too deep
    void enter(index container) {
        if (depth_ == nodes_.size()) fail("nested too deep");
        nodes_[depth_++] = {container, container + 1, 0, true, false, nullptr, 0};
    }
    void leave() noexcept { --depth_; }

    /// The node of the next member or element; `document::none` if it is not there.
    [[nodiscard]] index next() {
        if (depth_ == 0) return 0;
        auto& top = nodes_[depth_ - 1];
        bool const named = std::exchange(named_, false);
        if (document_[top.container].kind == json::token::begin_array && !named) return next_element(top);
        check_here(top.container, json::token::begin_object, "an object");
        top.set_name(named ? name_ : std::string_view{});
        if (named) return member(top, name_);
        return member(top, "value" + std::to_string(top.position++));
    }

    /// What `next` gave last is a member with this name, which outlives its reading.
    void at_member(std::string_view name) noexcept { nodes_[depth_ - 1].set_name(name); }

    /// Whether an element is left of the list that is being read.
    [[nodiscard]] bool more() const noexcept {
        auto const& top = nodes_[depth_ - 1];
        return top.cursor < document_[top.container].next;
    }

    /// \throws error (bad_value): what was asked for last is not there; `missing "width" in argument "box"`
    [[noreturn]] void missing() {
        auto const what = label(nodes_[depth_ - 1]);
        leave();  // what is missing is not where it is missing
        auto const inside = path();
        throw error{errc::bad_value, "missing " + what + (inside.empty() ? "" : " in " + inside)};
    }

    /// \throws error (bad_value) that says where
    [[noreturn]] void fail(std::string const& what) const {
        auto const where = path();
        throw error{errc::bad_value, where.empty() ? what : where + ": " + what};
    }
    [[noreturn]] void expected(std::string const& what, index at) const {
        fail("expected " + what + ", got " + describe(at));
    }
    void check(index at, json::token kind, char const* what) const {
        if (document_[at].kind != kind) expected(what, at);
    }

    [[nodiscard]] json::document const& document() const noexcept { return document_; }

private:
    struct node {
        index container;         // what the members or elements are taken from
        index cursor;            // where the next one is looked for first
        std::uint32_t position;  // elements, or members without a name, taken so far
        bool in_order;           // each member so far was found at the cursor
        bool by_name;            // the last one was a member with the name `name`
        char const* name;        // no string_view: a node is left uninitialised until it is needed
        std::size_t name_size;

        void set_name(std::string_view text) noexcept {
            by_name = true;
            name = text.data();
            name_size = text.size();
        }
    };

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

    // `"width"`, or `element 2`
    [[nodiscard]] static std::string label(node const& n) {
        if (!n.by_name) return "element " + std::to_string(n.position);
        return '"' +
               (n.name == nullptr ? "value" + std::to_string(n.position - 1)
                                  : std::string{n.name, n.name_size}) +
               '"';
    }

    // Where the cursor stands: `argument "box", "corner", element 2`
    [[nodiscard]] std::string path() const {
        std::string text;
        if (position_ != 0) text = argument_label(argument_, position_);
        for (unsigned i = 0; i < depth_; ++i) {
            auto const& n = nodes_[i];
            if (n.position == 0 && !n.by_name) continue;
            if (!text.empty()) text += ", ";
            text += label(n);
        }
        return text;
    }

    // `a string ("abc")`
    [[nodiscard]] std::string describe(index at) const {
        switch (document_[at].kind) {
            case json::token::begin_object:
                return "an object";
            case json::token::begin_array:
                return "a list";
            case json::token::true_:
                return "a boolean (true)";
            case json::token::false_:
                return "a boolean (false)";
            case json::token::null:
                return "null";
            case json::token::string:
                return "a string (\"" + document_.excerpt(at) + "\")";
            default:
                return "a number (" + document_.excerpt(at) + ")";
        }
    }

    // As `check`, for the container itself, whose members are not part of the path.
    void check_here(index at, json::token kind, char const* what) {
        if (document_[at].kind == kind) return;
        leave();
        expected(what, at);
    }

    json::document const& document_;
    std::string_view argument_;
    std::size_t position_ = 0;  // 0: what is read is no argument
    std::string_view name_;
    bool named_ = false;
    unsigned depth_ = 0;
    std::string scratch_;
    std::array<node, json::max_depth_limit> nodes_;
};

}  // namespace fastqueue::serialization
