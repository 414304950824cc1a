#pragma once

#include <fastqueue/json/number.hpp>
#include <fastqueue/json/plain.hpp>
#include <fastqueue/json/utf8.hpp>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::json {

/// Appends one JSON document to a string and places the commas itself. The caller keeps the grammar: what it
/// begins it ends, and in an object each value has a key.
///
/// What JSON cannot say is never written as something that is not JSON: a NaN or an infinity becomes `null`,
/// an octet that is no UTF-8 becomes U+FFFD, and `ok()` is false from then on. Who must not lose anything
/// asks `ok()` at the end.
///
/// \throws std::bad_alloc from each member that writes. One thread at a time.
/// \source RFC 8259
class writer {
public:
    /// \param out  appended to; must outlive the writer
    explicit writer(std::string& out) noexcept : out_{&out} {}

    writer& begin_object() { return open('{'); }
    writer& end_object() { return close('}'); }
    writer& begin_array() { return open('['); }
    writer& end_array() { return close(']'); }

    /// The name of the member that comes next.
    writer& key(std::string_view name) {
        separate();
        quote(name);
        out_->push_back(':');
        separated_ = true;
        return *this;
    }

    writer& value(std::string_view text) {
        separate();
        quote(text);
        return *this;
    }
    writer& value(char const* text) { return value(std::string_view{text}); }
    writer& value(std::string const& text) { return value(std::string_view{text}); }
    writer& value(std::same_as<bool> auto flag) { return raw(flag ? "true" : "false"); }
    writer& value(std::nullptr_t) { return raw("null"); }

    /// In full, also above 2^53, where some readers (JavaScript's) lose digits.
    template <std::integral Integer>
    requires(!std::same_as<Integer, bool>) writer& value(Integer number) { return write_number(number); }

    /// The shortest text that reads back as the same value; `null`, and no longer `ok`, for NaN and
    /// infinities.
    template <std::floating_point Real>
    writer& value(Real number) {
        if (is_finite(number)) return write_number(number);
        ok_ = false;
        return raw("null");
    }

    /// A value that is JSON already, and is not looked at.
    writer& raw(std::string_view json) {
        separate();
        out_->append(json);
        return *this;
    }

    /// Whether all that was given could be said in JSON.
    [[nodiscard]] bool ok() const noexcept { return ok_; }

private:
    void separate() {
        if (!separated_) out_->push_back(',');
        separated_ = false;
    }

    writer& open(char bracket) {
        separate();
        out_->push_back(bracket);
        separated_ = true;
        return *this;
    }

    writer& close(char bracket) {
        out_->push_back(bracket);
        separated_ = false;
        return *this;
    }

    template <class Number>
    writer& write_number(Number number) {
        char digits[64];  // 24 are enough for a double, 20 for an integer, 45 for a long double
        auto const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        return raw({digits, static_cast<std::size_t>(end - digits)});
    }

    void quote(std::string_view text) {
        // A long text is copied once, and what follows it does not move it.
        constexpr std::size_t long_text = 1024;
        if (text.size() >= long_text && out_->capacity() - out_->size() < text.size() + 64)
            out_->reserve(std::max(out_->size() + text.size() + text.size() / 8, 2 * out_->capacity()));
        out_->push_back('"');
        std::size_t run = 0;  // where what is not yet copied begins
        for (std::size_t i = 0;;) {
            i = detail::skip_plain_words(text, i);
            if (i == text.size()) break;
            auto const c = static_cast<unsigned char>(text[i]);
            auto const length = c < 0x80 ? 1 : utf8_length(text.substr(i, 4));
            if (length != 0 && c >= 0x20 && c != '"' && c != '\\') {
                i += length;
                continue;
            }
            out_->append(text, run, i - run);
            if (length == 0) {
                ok_ = false;
                out_->append("\xEF\xBF\xBD");
            } else {
                escape(c);
            }
            run = ++i;
        }
        out_->append(text, run).push_back('"');
    }

    void escape(unsigned char c) {
        constexpr std::string_view from = "\"\\\b\f\n\r\t";
        constexpr std::string_view to = "\"\\bfnrt";
        constexpr std::string_view hex = "0123456789abcdef";
        out_->push_back('\\');
        if (auto const found = from.find(static_cast<char>(c)); found != std::string_view::npos) {
            out_->push_back(to[found]);
            return;
        }
        out_->append("u00").append(1, hex[c >> 4U]).append(1, hex[c & 0xFU]);
    }

    std::string* out_;
    bool separated_ = true;  // the next value needs no comma before it
    bool ok_ = true;
};

}  // namespace fastqueue::json
