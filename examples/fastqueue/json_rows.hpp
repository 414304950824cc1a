#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/error.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::cli {

namespace detail {

inline void write_members(json::writer& w, json::document const& document, json::document::index object);

/// Writes a value of a document again, without the white space that stood in it: on one line.
inline void write_again(json::writer& w, json::document const& document, json::document::index at) {
    using enum json::token;
    std::string scratch;
    auto const& node = document[at];
    if (node.kind == begin_object) {
        w.begin_object();
        write_members(w, document, at);
        w.end_object();
    } else if (node.kind == begin_array) {
        w.begin_array();
        for (auto item = at + 1; item < node.next; item = document[item].next) write_again(w, document, item);
        w.end_array();
    } else if (node.kind == string) {
        w.value(document.text(at, scratch));
    } else if (node.kind == number) {
        w.raw(document.text(at, scratch));
    } else {
        w.raw(node.kind == true_ ? "true" : node.kind == false_ ? "false" : "null");
    }
}

inline void write_members(json::writer& w, json::document const& document, json::document::index object) {
    std::string scratch;
    for (auto key = object + 1; key < document[object].next; key = document[key + 1].next) {
        w.key(document.text(key, scratch));
        write_again(w, document, key + 1);
    }
}

}  // namespace detail

/// Objects of a document that the management port gave, to be read row by row: those of an array, the members of an object
/// (each named), or the one object that the document is. The text must outlive it.
class json_rows {
public:
    enum class form { array, members, one };

    /// \throws error (bad_value) if it is something else
    explicit json_rows(std::string_view text, form expected = form::array) {
        auto const opening = expected == form::array ? json::token::begin_array : json::token::begin_object;
        if (!document_.parse(text) || document_[0].kind != opening)
            throw error{errc::bad_value,
                        "the control plane's answer cannot be read; is it of another version?"};
        if (expected == form::one) {
            rows_.push_back(0);
            return;
        }
        for (json::document::index i = 1; i < document_[0].next; i = document_[i].next) {
            if (expected == form::members) ++i;  // over the key
            if (document_[i].kind == json::token::begin_object) rows_.push_back(i);
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

    /// The name of a row that is a member.
    [[nodiscard]] std::string name(std::size_t row) const {
        std::string scratch;
        return std::string{document_.text(rows_[row] - 1, scratch)};
    }
    /// A member's text or number as it is written; empty if there is none.
    [[nodiscard]] std::string get(std::size_t row, std::string_view key) const {
        std::string scratch;
        auto const at = document_.find(rows_[row], key, scratch);
        if (at == json::document::none) return {};
        auto const kind = document_[at].kind;
        if (kind == json::token::true_) return "true";
        if (kind != json::token::string && kind != json::token::number) return {};
        return std::string{document_.text(at, scratch)};
    }
    [[nodiscard]] bool has(std::size_t row, std::string_view key) const { return !get(row, key).empty(); }
    [[nodiscard]] std::uint64_t number(std::size_t row, std::string_view key) const {
        auto const text = get(row, key);
        std::uint64_t value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    }

    /// A member as JSON, on one line; empty if there is none.
    [[nodiscard]] std::string raw(std::size_t row, std::string_view key) const {
        std::string scratch;
        std::string out;
        auto const at = document_.find(rows_[row], key, scratch);
        if (at == json::document::none) return out;
        json::writer w{out};
        detail::write_again(w, document_, at);
        return out;
    }

    /// All rows as JSON, an object a line.
    /// \param name_key  what a row's own name is called, where rows are members
    [[nodiscard]] std::string lines(std::string_view name_key = {}) const {
        std::string out;
        for (std::size_t row = 0; row < size(); ++row) {
            if (row > 0) out += '\n';
            json::writer w{out};
            if (name_key.empty()) {
                detail::write_again(w, document_, rows_[row]);
                continue;
            }
            w.begin_object().key(name_key).value(name(row));
            detail::write_members(w, document_, rows_[row]);
            w.end_object();
        }
        return out;
    }

private:
    json::document document_;
    std::vector<json::document::index> rows_;
};

}  // namespace fastqueue::cli
