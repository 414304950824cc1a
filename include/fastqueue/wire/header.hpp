#pragma once

#include <fastqueue/model/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fastqueue::wire {

/// Why something was refused: the code a peer is told, the reason in words, and the token it is about.
struct problem {
    errc code = errc::bad_request;
    std::string_view why;
    std::string_view token{};
};

struct field {
    std::string_view key;
    std::string_view value;

    /// Adds it to a line, with a blank before it unless it is the first there.
    void append_to(std::string& line) const {
        if (!line.empty()) line += ' ';
        line.append(key).append(1, '=').append(value);
    }
};

/// A header line taken apart: views into the line, no allocation.
/// \source docs/protocol.md, "Messages"
class header {
public:
    static constexpr std::size_t max_positional = 8;
    static constexpr std::size_t max_fields = 32;

    /// Takes `line` apart. `*this` shows into it from then on.
    /// \param max_octets  a longer line is `too_large`
    /// \return why it cannot be read, or empty
    [[nodiscard]] std::optional<problem> parse(std::string_view line, std::size_t max_octets) noexcept {
        verb_ = {};
        positional_count_ = field_count_ = 0;
        if (line.size() > max_octets) return problem{errc::too_large, "the header is longer than the limit"};
        if (!line.starts_with("FQ1 ")) return version_problem(line);
        auto rest = line.substr(4);
        verb_ = take(rest);
        if (verb_.empty()) return problem{errc::bad_request, "the verb is missing"};
        if (!is_plain(verb_)) return problem{errc::bad_request, "a header is printable ASCII"};
        return rest.data() == nullptr ? std::nullopt : tokens(rest);
    }

    [[nodiscard]] std::string_view verb() const noexcept { return verb_; }
    [[nodiscard]] std::span<std::string_view const> positional() const noexcept {
        return {positional_.data(), positional_count_};
    }
    [[nodiscard]] std::span<field const> fields() const noexcept { return {fields_.data(), field_count_}; }
    /// The value of `key`; empty where it is not there.
    [[nodiscard]] std::string_view get(std::string_view key) const noexcept {
        for (auto const& f : fields()) {
            if (f.key == key) return f.value;
        }
        return {};
    }

private:
    static std::optional<problem> version_problem(std::string_view line) noexcept {
        auto const digit = [&](std::size_t at) { return line[at] >= '0' && line[at] <= '9'; };
        bool const other =
            line.size() > 3 && line.starts_with("FQ") && digit(2) && (line[2] != '1' || digit(3));
        return other ? problem{errc::unsupported_version, "this peer speaks FQ1", line.substr(0, 8)}
                     : problem{errc::bad_request, "the header does not begin with 'FQ1 '"};
    }
    /// Cuts the token before the next space off `rest`; what is left has no data where there was no space.
    static std::string_view take(std::string_view& rest) noexcept {
        auto const space = rest.find(' ');
        auto const token = rest.substr(0, space);
        rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space + 1);
        return token;
    }
    static bool is_plain(std::string_view token) noexcept {
        return std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; });
    }
    /// Whether all octets are 0x20 to 0x7e; eight at a time. An octet out of range sets the top bit of its own in one
    /// of the three terms, and what it may carry into its neighbour matters no more.
    [[nodiscard]] static bool is_printable(std::string_view line) noexcept {
        constexpr std::uint64_t ones = 0x0101010101010101U;
        constexpr std::uint64_t tops = 0x8080808080808080U;
        std::uint64_t bad = 0;
        auto const* at = line.data();
        auto left = line.size();
        for (; left >= 8; at += 8, left -= 8) {
            std::uint64_t w = 0;
            std::memcpy(&w, at, 8);
            bad |= w | (w - 0x20 * ones) | (w + ones);  // over 0x7f, under 0x20, 0x7f
        }
        for (; left > 0; ++at, --left) bad |= (*at < 0x20 || *at > 0x7e) ? tops : 0U;
        return (bad & tops) == 0;
    }
    [[nodiscard]] std::optional<problem> tokens(std::string_view rest) noexcept {
        if (!is_printable(rest)) return problem{errc::bad_request, "a header is printable ASCII"};
        while (true) {
            auto const end = std::min(rest.find(' '), rest.size());
            auto const token = rest.substr(0, end);
            if (auto const bad = add(token, std::min(token.find('='), end))) return bad;
            if (end == rest.size()) return std::nullopt;
            rest.remove_prefix(end + 1);
        }
    }
    std::optional<problem> add(std::string_view token, std::size_t equals) noexcept {
        if (token.empty()) return problem{errc::bad_request, "tokens are separated by exactly one space"};
        if (equals == token.size()) {
            if (positional_count_ == max_positional)
                return problem{errc::bad_request, "too many tokens", token};
            positional_[positional_count_++] = token;
            return std::nullopt;
        }
        field const f{token.substr(0, equals), token.substr(equals + 1)};
        if (f.key.empty()) return problem{errc::bad_request, "a key is missing before '='", token};
        if (std::ranges::any_of(fields(), [&](field const& other) { return other.key == f.key; })) {
            return problem{errc::bad_request, "the key stands twice", f.key};
        }
        if (field_count_ == max_fields) return problem{errc::bad_request, "more than 32 keys", f.key};
        fields_[field_count_++] = f;
        return std::nullopt;
    }

    std::string_view verb_;
    std::size_t positional_count_ = 0;
    std::size_t field_count_ = 0;
    std::array<std::string_view, max_positional> positional_;
    std::array<field, max_fields> fields_;
};

}  // namespace fastqueue::wire
