#pragma once

#include <fastqueue/serialization/document_path.hpp>
#include <fastqueue/serialization/msgpack_document.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::serialization {

namespace detail {

struct msgpack_path_node : path_step {
    msgpack_item container;  // what the members or elements are taken from
    std::size_t at;          // where the next one stands, or the last one if that is a container
    std::uint64_t left;      // how many have not been taken yet, in the order of the bytes
    bool inside;             // at `at` stands the last one
    bool in_order;           // each member so far was found at `at`
};

}  // namespace detail

/// Where a decoder stands in a msgpack document: which containers it is in, which member or element comes next, and how to
/// say so when something is wrong. One thread at a time.
class msgpack_cursor : public detail::document_path<detail::msgpack_path_node, max_msgpack_depth> {
public:
    using place = msgpack_item;  ///< a value of the document
    static constexpr place absent{msgpack_kind::absent, 0, 0, 0};

    /// \param document  parsed; must outlive the cursor
    explicit msgpack_cursor(msgpack_document const& document) noexcept : document_{document} {}

    /// How many elements the list that is being read has. At most the number of octets, for each has been seen.
    /// \throws error (bad_value) if it is no list
    [[nodiscard]] std::size_t list_size() {
        if (outside()) return 0;
        auto const list = top().container;
        check_here(list, msgpack_kind::list, "a list");
        return static_cast<std::size_t>(list.bits);
    }

    /// Goes into `container`, whose members or elements are read next, and out of it.
    /// \throws error (bad_value) if it is nested too deep
    void enter(place const& container) {
        auto& node = push();
        node.container = container;
        node.at = container.end;
        node.left = container.nests() ? container.bits : 0;
        node.inside = false;
        node.in_order = true;
    }
    void leave() noexcept {
        auto& left = pop();
        if (outside() || left.left != 0) return;
        // Who has read all of a container knows where it ends, so the one around it need not be told by `behind`.
        auto& around = top();
        if (!around.inside || around.at != left.container.begin) return;
        around.at = settled(left);
        around.inside = false;
    }

    /// The next member or element; `absent` if it is not there.
    [[nodiscard]] place next() {
        if (outside()) return document_[0];
        auto& here = top();
        bool const named = take_name();
        if (here.container.kind == msgpack_kind::list && !named) return next_element(here);
        check_here(here.container, msgpack_kind::map, "an object");
        here.set_name(named ? asked_for() : std::string_view{});
        if (named) return member(here, asked_for());
        return member(here, "value" + std::to_string(here.position++));
    }

    /// The next member's name, in the order of the map that is being read; its value is what `next_value` gives then.
    /// \throws error (bad_value) if it is no string
    [[nodiscard]] std::string_view next_key() {
        auto& here = top();
        here.by_name = false;  // what is wrong with a key is not in the member before it
        auto const key = document_[settled(here)];
        if (key.kind != msgpack_kind::text) expected("a string as a key", key);
        --here.left;
        here.at = key.end;
        return document_.text(key);
    }
    [[nodiscard]] place next_value() noexcept { return take(top(), document_[top().at]); }

    /// Whether an element or member is left of what is being read in order.
    [[nodiscard]] bool more() const noexcept { return top().left != 0; }

    [[nodiscard]] static bool is_there(place const& at) noexcept { return at.kind != msgpack_kind::absent; }
    [[nodiscard]] static bool is_null(place const& at) noexcept { return at.kind == msgpack_kind::nil; }
    void check_list(place const& at) const { check(at, msgpack_kind::list, "a list"); }
    void check_map(place const& at, char const* what) const { check(at, msgpack_kind::map, what); }
    void check(place const& got, msgpack_kind kind, char const* what) const {
        if (got.kind != kind) expected(what, got);
    }
    [[noreturn]] void expected(std::string const& what, place const& got) const {
        fail("expected " + what + ", got " + document_.describe(got));
    }

    [[nodiscard]] msgpack_document const& document() const noexcept { return document_; }

private:
    // Where the next one stands.
    std::size_t settled(detail::msgpack_path_node& n) const noexcept {
        if (std::exchange(n.inside, false)) n.at = document_.behind(document_[n.at]);
        return n.at;
    }

    static place take(detail::msgpack_path_node& here, place const& taken) noexcept {
        here.inside = taken.nests();
        here.at = here.inside ? taken.begin : taken.end;
        return taken;
    }

    place next_element(detail::msgpack_path_node& here) const noexcept {
        ++here.position;
        here.by_name = false;
        if (here.left == 0) return absent;
        --here.left;
        return take(here, document_[settled(here)]);
    }

    // Members mostly come in the order in which they are asked for: then one comparison finds each.
    place member(detail::msgpack_path_node& here, std::string_view name) const noexcept {
        if (here.in_order && here.left > 0) {
            auto const key = document_[settled(here)];
            if (key.kind == msgpack_kind::text && document_.text(key) == name) {
                --here.left;
                return take(here, document_[key.end]);
            }
        }
        here.in_order = false;
        return document_.find(here.container, name);
    }

    // As `check`, for the container itself, whose members are not part of the path.
    void check_here(place const& got, msgpack_kind kind, char const* what) {
        if (got.kind == kind) return;
        pop();
        expected(what, got);
    }

    msgpack_document const& document_;
};

}  // namespace fastqueue::serialization
