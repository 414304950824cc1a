#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/arguments.hpp>
#include <fastqueue/serialization/msgpack_document.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::serialization {

/// Where a decoder stands in a msgpack document: which containers it is in, which member or element comes next, and how to
/// say so when something is wrong. One thread at a time.
class msgpack_cursor {
public:
    using item = msgpack_item;

    /// \param document  parsed; must outlive the cursor
    explicit msgpack_cursor(msgpack_document const& document) noexcept : document_{document} {}
    msgpack_cursor(msgpack_cursor const&) = delete;
    msgpack_cursor& operator=(msgpack_cursor const&) = delete;

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

    /// How many elements the list that is being read has. At most the number of octets, for each has been seen.
    /// \throws error (bad_value) if it is no list
    [[nodiscard]] std::size_t list_size() {
        if (depth_ == 0) return 0;
        auto const list = nodes_[depth_ - 1].container;
        check_here(list, msgpack_kind::list, "a list");
        return static_cast<std::size_t>(list.bits);
    }

    /// Goes into `container`, whose members or elements are read next, and out of it.
    /// \throws error (bad_value) if it is nested too deep
    void enter(item const& container) {
        if (depth_ == nodes_.size()) fail("nested too deep");
        auto const left = container.nests() ? container.bits : 0;
        nodes_[depth_++] = {container, container.end, left, 0, false, true, false, nullptr, 0};
    }
    void leave() noexcept {
        auto& left = nodes_[--depth_];
        if (depth_ == 0 || left.left != 0) return;
        // Who has read all of a container knows where it ends, so the one around it need not be told by `behind`.
        auto& around = nodes_[depth_ - 1];
        if (!around.inside || around.at != left.container.begin) return;
        around.at = settled(left);
        around.inside = false;
    }

    /// The next member or element; `absent` if it is not there.
    [[nodiscard]] item next() {
        if (depth_ == 0) return document_[0];
        auto& top = nodes_[depth_ - 1];
        bool const named = std::exchange(named_, false);
        if (top.container.kind == msgpack_kind::list && !named) return next_element(top);
        check_here(top.container, msgpack_kind::map, "an object");
        top.set_name(named ? name_ : std::string_view{});
        if (named) return member(top, name_);
        return member(top, "value" + std::to_string(top.position++));
    }

    /// The next member's name, in the order of the map that is being read; its value is what `next_value` gives then.
    /// \throws error (bad_value) if it is no string
    [[nodiscard]] std::string_view next_key() {
        auto& top = nodes_[depth_ - 1];
        top.by_name = false;  // what is wrong with a key is not in the member before it
        auto const key = document_[settled(top)];
        if (key.kind != msgpack_kind::text) expected("a string as a key", key);
        --top.left;
        top.at = key.end;
        return document_.text(key);
    }
    [[nodiscard]] item next_value() noexcept {
        auto& top = nodes_[depth_ - 1];
        return take(top, document_[top.at]);
    }

    /// What is being read is a member with this name, which outlives its reading.
    void at_member(std::string_view name) noexcept { nodes_[depth_ - 1].set_name(name); }

    /// Whether an element or member is left of what is being read in order.
    [[nodiscard]] bool more() const noexcept { return nodes_[depth_ - 1].left != 0; }

    /// \throws error (bad_value): what was asked for last is not there; `missing "width" in argument "box"`
    [[noreturn]] void missing() {
        auto const what = label(nodes_[depth_ - 1]);
        --depth_;  // what is missing is not where it is missing
        auto const inside = path();
        throw error{errc::bad_value, "missing " + what + (inside.empty() ? "" : " in " + inside)};
    }

    /// \throws error (bad_value) that says where
    [[noreturn]] void fail(std::string const& what) const {
        auto const where = path();
        throw error{errc::bad_value, where.empty() ? what : where + ": " + what};
    }
    [[noreturn]] void expected(std::string const& what, item const& got) const {
        fail("expected " + what + ", got " + document_.describe(got));
    }
    void check(item const& got, msgpack_kind kind, char const* what) const {
        if (got.kind != kind) expected(what, got);
    }

    [[nodiscard]] msgpack_document const& document() const noexcept { return document_; }

private:
    struct node {
        item container;          // what the members or elements are taken from
        std::size_t at;          // where the next one stands, or the last one if that is a container
        std::uint64_t left;      // how many have not been taken yet, in the order of the bytes
        std::uint32_t position;  // elements, or members without a name, taken so far
        bool inside;             // at `at` stands the last one
        bool in_order;           // each member so far was found at `at`
        bool by_name;            // the last one was a member with the name `name`
        char const* name;        // no string_view: a node is left uninitialised until it is needed
        std::size_t name_size;

        void set_name(std::string_view text) noexcept {
            by_name = true;
            name = text.data();
            name_size = text.size();
        }
    };

    // Where the next one stands.
    std::size_t settled(node& n) const noexcept {
        if (std::exchange(n.inside, false)) n.at = document_.behind(document_[n.at]);
        return n.at;
    }

    static item take(node& top, item const& taken) noexcept {
        top.inside = taken.nests();
        top.at = top.inside ? taken.begin : taken.end;
        return taken;
    }

    item next_element(node& top) const noexcept {
        ++top.position;
        top.by_name = false;
        if (top.left == 0) return {msgpack_kind::absent, 0, 0, 0};
        --top.left;
        return take(top, document_[settled(top)]);
    }

    // Members mostly come in the order in which they are asked for: then one comparison finds each.
    item member(node& top, std::string_view name) const noexcept {
        if (top.in_order && top.left > 0) {
            auto const key = document_[settled(top)];
            if (key.kind == msgpack_kind::text && document_.text(key) == name) {
                --top.left;
                return take(top, document_[key.end]);
            }
        }
        top.in_order = false;
        return document_.find(top.container, name);
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

    // As `check`, for the container itself, whose members are not part of the path.
    void check_here(item const& got, msgpack_kind kind, char const* what) {
        if (got.kind == kind) return;
        --depth_;
        expected(what, got);
    }

    msgpack_document const& document_;
    std::string_view argument_;
    std::size_t position_ = 0;  // 0: what is read is no argument
    std::string_view name_;
    bool named_ = false;
    unsigned depth_ = 0;
    std::array<node, max_msgpack_depth> nodes_;
};

}  // namespace fastqueue::serialization
