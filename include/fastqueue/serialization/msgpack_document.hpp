#pragma once

#include <fastqueue/json/plain.hpp>
#include <fastqueue/json/reader.hpp>
#include <fastqueue/json/utf8.hpp>

#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::serialization {

/// Values nested deeper than this are refused, when they are written and when they are read: the limit that JSON has here.
inline constexpr unsigned max_msgpack_depth = fastqueue::json::max_depth_limit;

/// What stands in a msgpack document. `absent` is no value: what was looked for is not there.
enum class msgpack_kind : std::uint8_t {
    absent,
    nil,
    boolean,
    natural,   ///< an integer from 0
    negative,  ///< an integer below 0
    real,
    text,
    octets,
    list,
    map,
    cut,   ///< the bytes end within it
    alien  ///< an extension type, or the octet that the format leaves unused
};

/// A value in a msgpack document, or the head of a list or a map. Its values stand behind it, a map's each behind its key.
struct msgpack_item {
    msgpack_kind kind;
    std::size_t begin;  ///< offset of its first octet
    std::size_t end;    ///< offset of the octet behind it, or behind the head
    std::uint64_t
        bits;  ///< the number, a double's octets, a size in octets, or a count of elements or members

    [[nodiscard]] bool nests() const noexcept {
        return kind == msgpack_kind::list || kind == msgpack_kind::map;
    }
    /// How many values stand behind the head.
    [[nodiscard]] std::uint64_t values() const noexcept {
        return kind == msgpack_kind::list ? bits : kind == msgpack_kind::map ? 2 * bits : 0;
    }
    [[nodiscard]] double real() const noexcept { return std::bit_cast<double>(bits); }
    [[nodiscard]] std::int64_t negative() const noexcept { return static_cast<std::int64_t>(bits); }
};

/// One msgpack value that is checked whole before any of it is believed: it is read where it lies, so what a head announces
/// costs no memory. Points into the bytes, which must outlive it. Const members may be called from several threads at once.
/// \source https://github.com/msgpack/msgpack/blob/master/spec.md, "Formats"
class msgpack_document {
public:
    /// Takes `bytes` if they are one value and nothing else: no extension types, strings in UTF-8, nested at most
    /// `max_msgpack_depth` deep. O(n), no memory; never throws.
    /// \return false if they are not: see `problem` and `problem_offset`
    [[nodiscard]] bool parse(std::string_view bytes) noexcept {
        bytes_ = bytes;
        std::array<std::uint64_t, max_msgpack_depth> left;  // values to come, of each container around
        unsigned depth = 0;
        std::size_t at = 0;
        do {
            if (depth > 0) --left[depth - 1];
            auto const item = (*this)[at];
            if (item.kind == msgpack_kind::cut) return fail("the bytes end too early", bytes.size());
            if (item.kind == msgpack_kind::alien) return fail("an extension or unknown type", at);
            if (item.kind == msgpack_kind::text && !is_text(text(item)))
                return fail("a string is not UTF-8", at);
            if (item.nests()) {
                if (depth == left.size()) return fail("nested too deep", at);
                left[depth++] = item.values();
            }
            at = item.end;
            while (depth > 0 && left[depth - 1] == 0) --depth;
        } while (depth > 0);
        if (at != bytes.size()) return fail("something follows the value", at);
        return true;
    }

    /// What is wrong, in words, and where, in octets from the beginning.
    [[nodiscard]] std::string_view problem() const noexcept { return problem_; }
    [[nodiscard]] std::size_t problem_offset() const noexcept { return problem_offset_; }

    /// What begins at the offset `at`. Offset 0 is the document's value.
    [[nodiscard]] msgpack_item operator[](std::size_t at) const noexcept {
        if (at >= bytes_.size()) return {msgpack_kind::cut, at, at, 0};
        auto const octet = static_cast<unsigned char>(bytes_[at]);
        if (octet < 0x80) return {msgpack_kind::natural, at, at + 1, octet};
        if (octet < 0x90) return {msgpack_kind::map, at, at + 1, octet & 0x0FU};
        if (octet < 0xA0) return {msgpack_kind::list, at, at + 1, octet & 0x0FU};
        if (octet < 0xC0) return string(msgpack_kind::text, at, at + 1, octet & 0x1FU);
        if (octet >= 0xE0) return {msgpack_kind::negative, at, at + 1, std::uint64_t{octet} - 0x100};
        switch (octet) {
            case 0xC0:
                return {msgpack_kind::nil, at, at + 1, 0};
            case 0xC2:
            case 0xC3:
                return {msgpack_kind::boolean, at, at + 1, octet & 1U};
            case 0xC4:
            case 0xC5:
            case 0xC6:
                return sized(msgpack_kind::octets, at, 1U << (octet - 0xC4U));
            case 0xCA:
                return single(at);
            case 0xCB:
                return sized(msgpack_kind::real, at, 8);
            case 0xCC:
            case 0xCD:
            case 0xCE:
            case 0xCF:
                return sized(msgpack_kind::natural, at, 1U << (octet - 0xCCU));
            case 0xD0:
            case 0xD1:
            case 0xD2:
            case 0xD3:
                return integer(at, 1U << (octet - 0xD0U));
            case 0xD9:
            case 0xDA:
            case 0xDB:
                return sized(msgpack_kind::text, at, 1U << (octet - 0xD9U));
            case 0xDC:
            case 0xDD:
                return sized(msgpack_kind::list, at, 2U << (octet - 0xDCU));
            case 0xDE:
            case 0xDF:
                return sized(msgpack_kind::map, at, 2U << (octet - 0xDEU));
            default:
                return {msgpack_kind::alien, at, at + 1, 0};
        }
    }

    /// The offset behind a value of a document that has been parsed, and behind all that it holds. O(what it holds).
    [[nodiscard]] std::size_t behind(msgpack_item item) const noexcept {
        for (auto left = item.values(); left > 0; --left) {
            item = (*this)[item.end];
            left += item.values();
        }
        return item.end;
    }

    /// A string's or bin's octets.
    [[nodiscard]] std::string_view text(msgpack_item const& item) const noexcept {
        return bytes_.substr(item.end - static_cast<std::size_t>(item.bits),
                             static_cast<std::size_t>(item.bits));
    }

    /// Whether `octets` may be a str, which is to be UTF-8. O(n); most is ASCII, which is stepped over in words.
    [[nodiscard]] static bool is_text(std::string_view octets) noexcept {
        while (!octets.empty()) {
            octets.remove_prefix(fastqueue::json::detail::skip_plain_words(octets, 0));
            if (octets.empty()) return true;
            auto const length = fastqueue::json::utf8_length(octets);
            if (length == 0) return false;
            octets.remove_prefix(length);
        }
        return true;
    }

    /// The value of the first member `name` of `map`, or one that is `absent`. O(members and what they hold).
    [[nodiscard]] msgpack_item find(msgpack_item const& map, std::string_view name) const noexcept {
        auto at = map.end;
        for (auto left = map.bits; left > 0; --left) {
            auto const key = (*this)[at];
            auto const value = (*this)[behind(key)];
            if (key.kind == msgpack_kind::text && text(key) == name) return value;
            at = behind(value);
        }
        return {msgpack_kind::absent, 0, 0, 0};
    }

    /// What a value is, for messages: `a string ("abc")`. Control characters are shown as `?`, and a string is cut after 40
    /// octets.
    [[nodiscard]] std::string describe(msgpack_item const& item) const {
        switch (item.kind) {
            case msgpack_kind::map:
                return "an object";
            case msgpack_kind::list:
                return "a list";
            case msgpack_kind::octets:
                return "octets (" + std::to_string(item.bits) + " of them)";
            case msgpack_kind::boolean:
                return item.bits != 0 ? "a boolean (true)" : "a boolean (false)";
            case msgpack_kind::nil:
                return "null";
            case msgpack_kind::text:
                return "a string (\"" + excerpt(item) + "\")";
            default:
                return "a number (" + excerpt(item) + ")";
        }
    }

    /// What a string or a number says, for messages.
    [[nodiscard]] std::string excerpt(msgpack_item const& item) const {
        if (item.kind == msgpack_kind::natural) return std::to_string(item.bits);
        if (item.kind == msgpack_kind::negative) return std::to_string(item.negative());
        if (item.kind == msgpack_kind::real) return decimal(item.real());
        constexpr std::size_t most = 40;
        auto const whole = text(item);
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
        return false;
    }

    // A head that is followed by a number of `width` octets, the first of which weighs most.
    [[nodiscard]] msgpack_item sized(msgpack_kind kind, std::size_t at, unsigned width) const noexcept {
        auto const begin = at + 1;
        if (bytes_.size() - begin < width) return {msgpack_kind::cut, at, at, 0};
        std::uint64_t bits = 0;
        for (unsigned i = 0; i < width; ++i)
            bits = bits << 8U | static_cast<unsigned char>(bytes_[begin + i]);
        if (kind == msgpack_kind::text || kind == msgpack_kind::octets)
            return string(kind, at, begin + width, bits);
        return {kind, at, begin + width, bits};
    }

    [[nodiscard]] msgpack_item string(msgpack_kind kind, std::size_t at, std::size_t begin,
                                      std::uint64_t size) const noexcept {
        if (bytes_.size() - begin < size) return {msgpack_kind::cut, at, at, 0};
        return {kind, at, begin + static_cast<std::size_t>(size), size};
    }

    [[nodiscard]] msgpack_item integer(std::size_t at, unsigned width) const noexcept {
        auto item = sized(msgpack_kind::natural, at, width);
        if (item.kind == msgpack_kind::cut) return item;
        auto const unused = 64 - 8 * width;
        auto const value = static_cast<std::int64_t>(item.bits << unused) >> unused;  // spreads the sign
        if (value < 0) item.kind = msgpack_kind::negative;
        item.bits = static_cast<std::uint64_t>(value);
        return item;
    }

    [[nodiscard]] msgpack_item single(std::size_t at) const noexcept {
        auto item = sized(msgpack_kind::real, at, 4);
        auto const narrow = std::bit_cast<float>(static_cast<std::uint32_t>(item.bits));
        item.bits = std::bit_cast<std::uint64_t>(static_cast<double>(narrow));
        return item;
    }

    // 2.0 must not look like an integer where it is refused for being none.
    [[nodiscard]] static std::string decimal(double value) {
        std::array<char, 32> buffer;
        auto const end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
        std::string shown{buffer.data(), end};
        if (shown.find_first_not_of("-0123456789") == shown.npos) shown += ".0";
        return shown;
    }

    std::string_view bytes_;
    std::string_view problem_;
    std::size_t problem_offset_ = 0;
};

}  // namespace fastqueue::serialization
