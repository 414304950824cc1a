#pragma once

#include <fastqueue/json/reader.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::json {

/// A JSON document as a flat list of nodes in the order of the text, so that it is checked whole before any of it is
/// believed, and that a value can be stepped over in O(1). Nodes point into the text, which must outlive them. Small
/// documents (up to 32 nodes) need no memory of the heap. Const members may be called from several threads at once.
class document {
public:
    struct node {
        std::uint32_t
            begin;  ///< offset of the text: in a plain string behind the quote, else the first octet
        std::uint32_t length;  ///< octets of it; strings with escapes have theirs by `text`
        std::uint32_t next;    ///< index of the node behind this value, and behind all that it holds
        token kind;            ///< begin_object, begin_array, key, string, number, true_, false_ or null
        bool escaped;          ///< a string or key that must be decoded
    };
    using index = std::uint32_t;

    static constexpr index none = std::numeric_limits<index>::max();

    document() noexcept = default;
    document(document const&) = delete;  // nodes_ may point into this object
    document& operator=(document const&) = delete;

    /// Reads the whole of `text`. A member's value follows its key.
    /// \return false if it is not JSON: see `problem` and `problem_offset`
    [[nodiscard]] bool parse(std::string_view text, unsigned max_depth = max_depth_limit) {
        source_ = text;
        size_ = 0;
        problem_ = {};
        if (text.size() >= none) return fail("the document is too large", 0);
        std::array<index, max_depth_limit> open;  // the containers around the next token
        for (reader in{text, max_depth};;) {
            auto const kind = in.next();
            if (kind == token::end) return true;
            if (kind == token::error) return fail(in.problem(), in.offset());
            if (kind == token::end_object || kind == token::end_array) {
                nodes_[open[in.depth()]].next = size_;
                continue;
            }
            if (kind == token::begin_object || kind == token::begin_array) open[in.depth() - 1] = size_;
            append(kind, in);
        }
    }

    /// What is wrong, in words, and where, in octets from the beginning.
    [[nodiscard]] std::string_view problem() const noexcept { return problem_; }
    [[nodiscard]] std::size_t problem_offset() const noexcept { return problem_offset_; }

    /// How many nodes there are. Node 0 is the document's value.
    [[nodiscard]] index size() const noexcept { return size_; }
    [[nodiscard]] node const& operator[](index i) const noexcept { return nodes_[i]; }

    /// A number as it is written, or a string or key, decoded into `scratch` if it must be.
    [[nodiscard]] std::string_view text(index i, std::string& scratch) const {
        node const& n = nodes_[i];
        if (!n.escaped) return source_.substr(n.begin, n.length);
        reader again{source_.substr(n.begin)};
        again.next();
        scratch = again.text();
        return scratch;
    }

    /// The value of the first member `name` of the object at `object`, or `none`. Begins at `hint`, which is the index
    /// of one of its keys or its end, where no member with that name can stand before it; O(members).
    [[nodiscard]] index find(index object, std::string_view name, std::string& scratch,
                             index hint = 0) const {
        auto const end = nodes_[object].next;
        for (auto key = hint != 0 ? hint : object + 1; key < end; key = nodes_[key + 1].next) {
            if (text(key, scratch) == name) return key + 1;
        }
        return none;
    }

    /// What a string or a number says, for messages: control characters are shown as `?`, and it is cut after at most
    /// `most` octets.
    [[nodiscard]] std::string excerpt(index i, std::size_t most = 40) const {
        node const& n = nodes_[i];
        if (n.kind != token::string && n.kind != token::key && n.kind != token::number) return {};
        std::string scratch;
        std::string_view const whole = text(i, scratch);
        auto cut = whole.size() > most ? most : whole.size();
        while (cut > 0 && cut < whole.size() && (static_cast<unsigned char>(whole[cut]) & 0xC0U) == 0x80U)
            --cut;
        std::string shown{whole.substr(0, cut)};
        for (char& c : shown) {
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
        }
        if (cut < whole.size()) shown += "...";
        return shown;
    }

private:
    bool fail(std::string_view problem, std::size_t where) noexcept {
        problem_ = problem;
        problem_offset_ = where;
        size_ = 0;
        return false;
    }

    void append(token kind, reader const& in) {
        node n{static_cast<index>(in.offset()), 0, size_ + 1, kind, false};
        if (kind == token::string || kind == token::key || kind == token::number) {
            auto const text = in.text();
            auto const first = source_.data();
            // A decoded string lies in the reader's own buffer: its node keeps the quote, to be read again from there.
            n.escaped = kind != token::number && text.data() != first + in.offset() + 1;
            if (kind != token::number && !n.escaped) ++n.begin;
            n.length = static_cast<index>(text.size());
        }
        if (size_ == capacity_) grow();
        nodes_[size_++] = n;
    }

    void grow() {
        if (many_.empty()) many_.assign(few_.begin(), few_.end());
        many_.resize(std::size_t{capacity_} * 2);
        nodes_ = many_.data();
        capacity_ = static_cast<index>(many_.size());
    }

    std::string_view source_;
    std::string_view problem_;
    std::size_t problem_offset_ = 0;
    index size_ = 0;
    index capacity_ = 32;
    std::array<node, 32> few_;
    std::vector<node> many_;  // all nodes, once there are more than few_ can hold
    node* nodes_ = few_.data();
};

}  // namespace fastqueue::json
