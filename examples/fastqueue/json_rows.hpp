#pragma once

#include <fastqueue/json/document.hpp>
#include <fastqueue/model/error.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::cli {

/// A JSON array of objects, as the management port gives them, to be read row by row. The text must outlive it.
class json_rows {
public:
    /// \throws error (bad_value) if it is something else
    explicit json_rows(std::string_view text) {
        if (!document_.parse(text) || document_[0].kind != json::token::begin_array)
            throw error{errc::bad_value,
                        "the control plane's answer cannot be read; is it of another version?"};
        for (json::document::index i = 1; i < document_[0].next; i = document_[i].next) {
            if (document_[i].kind == json::token::begin_object) rows_.push_back(i);
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

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
    [[nodiscard]] std::uint64_t number(std::size_t row, std::string_view key) const {
        auto const text = get(row, key);
        std::uint64_t value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    }

private:
    json::document document_;
    std::vector<json::document::index> rows_;
};

}  // namespace fastqueue::cli
