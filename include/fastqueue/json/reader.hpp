#pragma once

#include <fastqueue/json/number.hpp>
#include <fastqueue/json/plain.hpp>
#include <fastqueue/json/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::json {

/// What `reader::next` found.
enum class token : std::uint8_t {
    begin_object,
    end_object,
    begin_array,
    end_array,
    key,
    string,
    number,
    true_,
    false_,
    null,
    end,   ///< after the document's one value
    error  ///< see `reader::problem` and `reader::offset`; there is nothing after it
};

/// Containers nested deeper than this are refused, whatever a reader is told.
inline constexpr unsigned max_depth_limit = 64;

/// A strict pull reader of one JSON document. It never recurses, allocates only to decode strings with
/// escapes, and takes time linear in the text. UTF-8 is validated; lone surrogates, control characters in
/// strings, numbers that JSON does not know and anything behind the document are refused. A member's name
/// that occurs twice is passed on twice: what that means is for the caller to say.
///
/// The text must outlive the reader. One thread at a time.
/// \source RFC 8259
class reader {
public:
    /// \param text       the whole document
    /// \param max_depth  how deep containers may be nested, 0 to `max_depth_limit` (more is taken as that)
    explicit reader(std::string_view text, unsigned max_depth = max_depth_limit) noexcept
        : source_{text}, max_depth_{std::min(max_depth, max_depth_limit)} {}

    reader(reader const&) = delete;  // text() may point into this object
    reader& operator=(reader const&) = delete;

    /// The next token. After `token::error` it is `token::error` for ever, after `token::end` `token::end`.
    /// \throws std::bad_alloc while it decodes a string
    token next() {
        if (expect_ == expect::nothing) return last_;
        skip_space();
        start_ = position_;
        last_ = dispatch();
        return last_;
    }

    /// After `key` and `string` what it says, escapes decoded (valid until the next call of `next`); after
    /// `number` the number as it is written.
    [[nodiscard]] std::string_view text() const noexcept { return text_; }

    /// Where the last token began, in octets from the document's start; after `token::error` where the
    /// problem is.
    [[nodiscard]] std::size_t offset() const noexcept { return start_; }

    /// Where the last token ended, in octets from the document's start.
    [[nodiscard]] std::size_t end_offset() const noexcept { return position_; }

    /// After `token::error`, what is wrong, in words; empty otherwise.
    [[nodiscard]] std::string_view problem() const noexcept { return problem_; }

    /// How many containers are open.
    [[nodiscard]] unsigned depth() const noexcept { return depth_; }

    /// After `begin_object` or `begin_array`, reads past its end; after `key`, past its value; otherwise does
    /// nothing. \return false if the document turned out to be malformed
    bool skip() {
        if (last_ == token::key) next();
        if (last_ == token::error) return false;
        if (last_ != token::begin_object && last_ != token::begin_array) return true;
        for (auto const outside = depth_ - 1; depth_ != outside;) {
            if (next() == token::error) return false;
        }
        return true;
    }

    /// The last number as an integer: see `read_number`.
    [[nodiscard]] bool to(std::int64_t& out) const noexcept { return number_to(out); }
    [[nodiscard]] bool to(std::uint64_t& out) const noexcept { return number_to(out); }
    /// The last number as a double; false if it is out of range, as `1e999` is.
    [[nodiscard]] bool to(double& out) const noexcept { return number_to(out); }

private:
    enum class expect : std::uint8_t { value, value_or_end, key, key_or_end, after_value, nothing };

    template <class Number>
    [[nodiscard]] bool number_to(Number& out) const noexcept {
        return last_ == token::number && read_number(text_, out);
    }

    [[nodiscard]] bool at_end() const noexcept { return position_ == source_.size(); }
    [[nodiscard]] char peek() const noexcept { return at_end() ? '\0' : source_[position_]; }
    [[nodiscard]] static constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
    [[nodiscard]] bool in_object() const noexcept { return (objects_ >> (depth_ - 1) & 1U) != 0; }

    void skip_space() noexcept {
        while (!at_end()) {
            char const c = source_[position_];
            if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
            ++position_;
        }
    }

    token fail(std::string_view problem, std::size_t where) noexcept {
        problem_ = problem;
        text_ = {};
        start_ = where;
        expect_ = expect::nothing;
        return token::error;
    }
    token fail(std::string_view problem) noexcept { return fail(problem, position_); }

    token dispatch() {
        switch (expect_) {
            case expect::value:
                return read_value();
            case expect::value_or_end:
                return peek() == ']' ? close() : read_value();
            case expect::key:
                return read_key();
            case expect::key_or_end:
                return peek() == '}' ? close() : read_key();
            case expect::after_value:
                return after_value();
            case expect::nothing:
                break;
        }
        return last_;
    }

    token after_value() {
        if (depth_ == 0) {
            if (!at_end()) return fail("something follows the document");
            expect_ = expect::nothing;
            return token::end;
        }
        char const c = peek();
        if (c == (in_object() ? '}' : ']')) return close();
        if (c != ',') {
            if (at_end()) return fail("the document ends too early");
            return fail(in_object() ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        ++position_;
        skip_space();
        start_ = position_;
        return in_object() ? read_key() : read_value();
    }

    token read_value() {
        if (at_end()) return fail(position_ == 0 ? "the document is empty" : "the document ends too early");
        char const c = peek();
        switch (c) {
            case '{':
                return open(true);
            case '[':
                return open(false);
            case '"':
                return read_string() ? value_read(token::string) : token::error;
            case 't':
                return read_word("true", token::true_);
            case 'f':
                return read_word("false", token::false_);
            case 'n':
                return read_word("null", token::null);
            default:
                break;
        }
        if (c == '-' || is_digit(c)) return read_number_token();
        return fail("expected a value");
    }

    token value_read(token what) noexcept {
        expect_ = expect::after_value;
        return what;
    }

    token open(bool object) noexcept {
        if (depth_ == max_depth_) return fail("nested too deep");
        auto const bit = std::uint64_t{1} << depth_;
        objects_ = object ? objects_ | bit : objects_ & ~bit;
        ++depth_;
        ++position_;
        expect_ = object ? expect::key_or_end : expect::value_or_end;
        return object ? token::begin_object : token::begin_array;
    }

    token close() noexcept {
        auto const what = in_object() ? token::end_object : token::end_array;
        --depth_;
        ++position_;
        return value_read(what);
    }

    token read_word(std::string_view word, token what) noexcept {
        if (source_.substr(position_, word.size()) != word) return fail("expected a value");
        position_ += word.size();
        return value_read(what);
    }

    token read_key() {
        if (at_end()) return fail("the document ends too early");
        if (peek() != '"') return fail("expected a member's name in quotes");
        if (!read_string()) return token::error;
        skip_space();
        if (peek() != ':') return fail("expected ':'");
        ++position_;
        expect_ = expect::value;
        return token::key;
    }

    void skip_digits() noexcept {
        while (is_digit(peek())) ++position_;
    }

    token read_number_token() noexcept {
        if (peek() == '-') ++position_;
        if (!is_digit(peek())) return fail("expected a digit");
        if (peek() == '0') {
            ++position_;
            if (is_digit(peek())) return fail("a number begins with 0");
        }
        skip_digits();
        if (peek() == '.') {
            ++position_;
            if (!is_digit(peek())) return fail("expected a digit after the decimal point");
            skip_digits();
        }
        if (peek() == 'e' || peek() == 'E') {
            ++position_;
            if (peek() == '+' || peek() == '-') ++position_;
            if (!is_digit(peek())) return fail("expected a digit in the exponent");
            skip_digits();
        }
        text_ = source_.substr(start_, position_ - start_);
        return value_read(token::number);
    }

    // Stops at what a string may not just contain: a quote, a backslash, a control character. False: not
    // UTF-8.
    bool skip_plain() noexcept {
        while (!at_end()) {
            position_ = detail::skip_plain_words(source_, position_);
            if (at_end()) break;
            auto const c = static_cast<unsigned char>(source_[position_]);
            if (c < 0x20 || c == '"' || c == '\\') return true;
            if (c < 0x80) {
                ++position_;
                continue;
            }
            auto const length = utf8_length(source_.substr(position_, 4));
            if (length == 0) return false;
            position_ += length;
        }
        return true;
    }

    bool read_string() {
        auto const first = ++position_;
        bool decoded = false;
        for (auto run = first;;) {
            if (!skip_plain()) return fail("not UTF-8"), false;
            if (at_end()) return fail("a string does not end"), false;
            if (decoded) buffer_.append(source_, run, position_ - run);
            char const c = source_[position_];
            if (c == '"') {
                text_ = decoded ? std::string_view{buffer_} : source_.substr(first, position_ - first);
                ++position_;
                return true;
            }
            if (c != '\\') return fail("a control character in a string"), false;
            if (!decoded) buffer_.assign(source_, first, position_ - first);
            decoded = true;
            if (!read_escape()) return false;
            run = position_;
        }
    }

    bool read_escape() {
        auto const where = position_++;
        char const c = peek();
        if (c == 'u') return read_unicode_escape(where);
        constexpr std::string_view from = "\"\\/bfnrt";
        constexpr std::string_view to = "\"\\/\b\f\n\r\t";
        auto const found = at_end() ? std::string_view::npos : from.find(c);
        if (found == std::string_view::npos) return fail("an unknown escape in a string", where), false;
        ++position_;
        buffer_.push_back(to[found]);
        return true;
    }

    bool read_unicode_escape(std::size_t where) {
        std::uint32_t code = 0;
        if (!read_hex(code)) return fail("expected four hexadecimal digits after \\u", where), false;
        if (code >= 0xD800 && code <= 0xDFFF) {
            std::uint32_t low = 0;
            bool const paired = code <= 0xDBFF && source_.substr(position_, 2) == "\\u" &&
                                (++position_, read_hex(low)) && low >= 0xDC00 && low <= 0xDFFF;
            if (!paired) return fail("a lone surrogate in a string", where), false;
            code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
        }
        append_utf8(code);
        return true;
    }

    // At the `u` of an escape: reads it and the four digits behind it.
    bool read_hex(std::uint32_t& out) noexcept {
        ++position_;
        out = 0;
        for (int i = 0; i < 4; ++i, ++position_) {
            char const c = peek();
            std::uint32_t digit = 0;
            if (is_digit(c)) {
                digit = static_cast<std::uint32_t>(c - '0');
            } else if (c >= 'a' && c <= 'f') {
                digit = static_cast<std::uint32_t>(c - 'a') + 10;
            } else if (c >= 'A' && c <= 'F') {
                digit = static_cast<std::uint32_t>(c - 'A') + 10;
            } else {
                return false;
            }
            out = out << 4U | digit;
        }
        return true;
    }

    void append_utf8(std::uint32_t code) {
        auto const put = [this](std::uint32_t octet) { buffer_.push_back(static_cast<char>(octet)); };
        if (code < 0x80) return put(code);
        if (code < 0x800) {
            put(0xC0 | code >> 6U);
        } else {
            if (code < 0x10000) {
                put(0xE0 | code >> 12U);
            } else {
                put(0xF0 | code >> 18U);
                put(0x80 | (code >> 12U & 0x3F));
            }
            put(0x80 | (code >> 6U & 0x3F));
        }
        put(0x80 | (code & 0x3F));
    }

    std::string_view source_;
    std::string_view text_;
    std::string_view problem_;
    std::string buffer_;         // the last string that had escapes
    std::size_t position_ = 0;   // the next octet to read
    std::size_t start_ = 0;      // where the last token began
    std::uint64_t objects_ = 0;  // bit n: the container at depth n is an object
    unsigned depth_ = 0;
    unsigned max_depth_;
    expect expect_ = expect::value;
    token last_ = token::null;
};

}  // namespace fastqueue::json
