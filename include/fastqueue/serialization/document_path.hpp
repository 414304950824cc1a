#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/serialization/arguments.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::serialization::detail {

/// Which member or element of a container was taken last: what a cursor's nodes have in common. Left uninitialised until it
/// is needed, so the name is no string_view.
struct path_step {
    std::uint32_t position;  // elements, or members without a name, taken so far
    bool by_name;            // the last one was a member with the name `name`
    char const* name;
    std::size_t name_size;

    void begin() noexcept {
        position = 0;
        by_name = false;
        name = nullptr;
        name_size = 0;
    }
    void set_name(std::string_view text) noexcept {
        by_name = true;
        name = text.data();
        name_size = text.size();
    }
    /// `"width"`, or `element 2`
    [[nodiscard]] std::string label() const {
        if (!by_name) return "element " + std::to_string(position);
        return '"' +
               (name == nullptr ? "value" + std::to_string(position - 1) : std::string{name, name_size}) +
               '"';
    }
};

/// The containers that a decoder is in, from the outermost, and how to say where it stands when something is wrong.
/// \tparam Node  a `path_step` and what a form of documents needs besides
template <class Node, std::size_t Depth>
class document_path {
public:
    document_path() = default;
    document_path(document_path const&) = delete;
    document_path& operator=(document_path const&) = delete;

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

    /// What is being read is a member with this name, which outlives its reading.
    void at_member(std::string_view name) noexcept { top().set_name(name); }

    /// \throws error (bad_value): what was asked for last is not there; `missing "width" in argument "box"`
    [[noreturn]] void missing() {
        auto const what = top().label();
        --depth_;  // what is missing is not where it is missing
        auto const inside = path();
        throw error{errc::bad_value, "missing " + what + (inside.empty() ? "" : " in " + inside)};
    }

    /// \throws error (bad_value) that says where
    [[noreturn]] void fail(std::string const& what) const {
        auto const where = path();
        throw error{errc::bad_value, where.empty() ? what : where + ": " + what};
    }

protected:
    ~document_path() = default;

    [[nodiscard]] bool outside() const noexcept { return depth_ == 0; }
    [[nodiscard]] Node& top() noexcept { return nodes_[depth_ - 1]; }
    [[nodiscard]] Node const& top() const noexcept { return nodes_[depth_ - 1]; }
    /// \throws error (bad_value) if it is nested too deep
    [[nodiscard]] Node& push() {
        if (depth_ == nodes_.size()) fail("nested too deep");
        auto& node = nodes_[depth_++];
        node.begin();
        return node;
    }
    Node& pop() noexcept { return nodes_[--depth_]; }
    /// What `name` said, once.
    [[nodiscard]] bool take_name() noexcept { return std::exchange(named_, false); }
    [[nodiscard]] std::string_view asked_for() const noexcept { return name_; }

private:
    // `argument "box", "corner", element 2`
    [[nodiscard]] std::string path() const {
        std::string text;
        if (position_ != 0) text = argument_label(argument_, position_);
        for (unsigned i = 0; i < depth_; ++i) {
            auto const& n = nodes_[i];
            if (n.position == 0 && !n.by_name) continue;
            if (!text.empty()) text += ", ";
            text += n.label();
        }
        return text;
    }

    std::string_view argument_;
    std::size_t position_ = 0;  // 0: what is read is no argument
    std::string_view name_;
    bool named_ = false;
    unsigned depth_ = 0;
    std::array<Node, Depth> nodes_;
};

}  // namespace fastqueue::serialization::detail
