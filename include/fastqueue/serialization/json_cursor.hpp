#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/serialization/document_path.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace fastqueue::serialization {

namespace detail {

struct json_path_node : path_step {
    json::document::index container;  // what the members or elements are taken from
    json::document::index cursor;     // where the next one is looked for first
    bool in_order;                    // each member so far was found at the cursor
};

}  // namespace detail

/// Where a decoder stands in a JSON document: which containers it is in, which member or element comes next, and how to
/// say so when something is wrong. One thread at a time.
class json_cursor : public detail::document_path<detail::json_path_node, json::max_depth_limit> {
public:
    using place = json::document::index;  ///< a node of the document
    static constexpr place absent = json::document::none;

    /// \param document  must outlive the cursor
    explicit json_cursor(json::document const& document) noexcept : document_{document} {}

    /// How many elements the list that is being read has.
    /// \throws error (bad_value) if it is no list
    [[nodiscard]] std::size_t list_size() {
        if (outside()) return 0;
        auto const list = top().container;
        check_here(list, json::token::begin_array, "a list");
        std::size_t size = 0;
        for (auto i = list + 1; i < document_[list].next; i = document_[i].next) ++size;
        return size;
    }

    /// Goes into the container at `container`, whose members or elements are read next, and out of it.
    /// \throws error (bad_value) if it is nested too deep
    void enter(place container) {
        auto& node = push();
        node.container = container;
        node.cursor = container + 1;
        node.in_order = true;
    }
    void leave() noexcept { pop(); }

    /// The node of the next member or element; `absent` if it is not there.
    [[nodiscard]] place next() {
        if (outside()) return 0;
        auto& here = top();
        bool const named = take_name();
        if (document_[here.container].kind == json::token::begin_array && !named) return next_element(here);
        check_here(here.container, json::token::begin_object, "an object");
        here.set_name(named ? asked_for() : std::string_view{});
        if (named) return member(here, asked_for());
        return member(here, "value" + std::to_string(here.position++));
    }

    /// Whether an element is left of the list that is being read.
    [[nodiscard]] bool more() const noexcept { return top().cursor < document_[top().container].next; }

    [[nodiscard]] static bool is_there(place at) noexcept { return at != absent; }
    [[nodiscard]] bool is_null(place at) const noexcept { return document_[at].kind == json::token::null; }
    void check_list(place at) const { check(at, json::token::begin_array, "a list"); }
    void check_map(place at, char const* what) const { check(at, json::token::begin_object, what); }
    void check(place at, json::token kind, char const* what) const {
        if (document_[at].kind != kind) expected(what, at);
    }
    [[noreturn]] void expected(std::string const& what, place at) const {
        fail("expected " + what + ", got " + describe(at));
    }

    [[nodiscard]] json::document const& document() const noexcept { return document_; }

private:
    place next_element(detail::json_path_node& here) const noexcept {
        ++here.position;
        here.by_name = false;
        auto const at = here.cursor;
        if (at >= document_[here.container].next) return absent;
        here.cursor = document_[at].next;
        return at;
    }

    // Members mostly come in the order in which they are asked for: then one comparison finds each.
    place member(detail::json_path_node& here, std::string_view name) {
        auto const end = document_[here.container].next;
        if (here.in_order && here.cursor < end && document_.text(here.cursor, scratch_) == name) {
            auto const value = here.cursor + 1;
            here.cursor = document_[value].next;
            return value;
        }
        here.in_order = false;
        return document_.find(here.container, name, scratch_);
    }

    // `a string ("abc")`
    [[nodiscard]] std::string describe(place at) const {
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
    void check_here(place at, json::token kind, char const* what) {
        if (document_[at].kind == kind) return;
        leave();
        expected(what, at);
    }

    json::document const& document_;
    std::string scratch_;
};

}  // namespace fastqueue::serialization
