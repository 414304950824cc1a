#pragma once

#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/number.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fastqueue::wire {

/// How the pairs of a message are laid out. A request is answered in its own form.
enum class form : std::uint8_t { frames, packed };

/// A header line and what belongs to it.
struct pair {
    std::string_view header;
    std::string_view payload;
};

/// The frames before the first pair, kept flat so that a later reply can mirror them: for each a u32 length
/// (big-endian) and its octets. Empty for a peer that sends none.
using envelope = std::string;

inline constexpr std::size_t max_envelope_frames = 8;
inline constexpr std::size_t max_envelope_octets = 512;

namespace detail {

inline std::uint32_t load_u32(char const* at) noexcept {
    auto const* b = reinterpret_cast<unsigned char const*>(at);
    return (std::uint32_t{b[0]} << 24U) | (std::uint32_t{b[1]} << 16U) | (std::uint32_t{b[2]} << 8U) | b[3];
}
inline void store_u32(char* at, std::uint32_t value) noexcept {
    at[0] = static_cast<char>(value >> 24U);
    at[1] = static_cast<char>(value >> 16U);
    at[2] = static_cast<char>(value >> 8U);
    at[3] = static_cast<char>(value);
}

}  // namespace detail

/// Walks the pairs of one message, whether each is two frames or all are packed into one. The whole layout is
/// checked when the cursor is made, so that a message is either walked to its end or refused as a whole.
/// Shows into the frames it was given. One thread at a time.
class pair_cursor {
public:
    /// \param delimited  the sender is a REQ socket: what stands before its delimiter is envelope, readable or not
    explicit pair_cursor(std::span<std::string_view const> frames, std::uint32_t max_pairs = 65'536,
                         bool delimited = false)
        : rest_{frames} {
        if (frames.size() == 1 && frames[0].empty()) {
            rest_ = {};
            probe_ = true;
            return;
        }
        cut_envelope(delimited);
        if (rest_.size() == 1 && rest_[0].starts_with("FQ1 pack ")) {
            form_ = form::packed;
            open_pack(max_pairs);
        } else if (rest_.empty() || rest_.size() % 2 != 0) {
            problem_ = problem{errc::bad_request, "a message is pairs of a header frame and a payload frame"};
        } else if (rest_.size() / 2 > max_pairs) {
            problem_ = problem{errc::too_large, "the message has more pairs than the limit"};
        } else {
            left_ = static_cast<std::uint32_t>(rest_.size() / 2);
        }
        if (problem_) left_ = 0;
    }

    /// Why the message is refused as a whole, or empty.
    [[nodiscard]] std::optional<problem> const& trouble() const noexcept { return problem_; }
    /// A message of one empty frame: to be ignored.
    [[nodiscard]] bool is_probe() const noexcept { return probe_; }
    [[nodiscard]] wire::form form() const noexcept { return form_; }
    [[nodiscard]] std::uint32_t pairs_left() const noexcept { return left_; }

    /// The next pair; false after the last.
    [[nodiscard]] bool next(pair& out) noexcept {
        if (left_ == 0) return false;
        --left_;
        if (form_ == form::packed) {
            out.header = take_block();
            out.payload = take_block();
        } else {
            out = {rest_[0], rest_[1]};
            rest_ = rest_.subspan(2);
        }
        return true;
    }

    /// Copies what a reply must mirror.
    void copy_envelope(envelope& out) const {
        out.clear();
        for (auto const frame : envelope_) {
            char length[4];
            detail::store_u32(length, static_cast<std::uint32_t>(frame.size()));
            out.append(length, 4);
            out.append(frame);
        }
    }

private:
    void cut_envelope(bool delimited) noexcept {
        if (rest_.empty() || rest_[0].starts_with("FQ1 ")) return;
        std::size_t octets = 0;
        for (std::size_t i = 0; i + 1 < rest_.size() && i < max_envelope_frames; ++i) {
            octets += rest_[i].size() + 4;
            if (rest_[i].empty() && (delimited || rest_[i + 1].starts_with("FQ1 "))) {
                if (octets > max_envelope_octets) {
                    problem_ = problem{errc::too_large, "the envelope is longer than 512 octets"};
                }
                envelope_ = rest_.first(i + 1);
                rest_ = rest_.subspan(i + 1);
                return;
            }
        }
    }
    void open_pack(std::uint32_t max_pairs) noexcept {
        packed_ = rest_[0];
        auto const line_end = packed_.find('\n');
        auto const count = line_end == std::string_view::npos
                               ? std::nullopt
                               : read_number(packed_.substr(9, line_end - 9), 65'536);
        if (!count || *count == 0) {
            problem_ = problem{errc::bad_request, "the pack's count is not 1 to 65536"};
            return;
        }
        if (*count > max_pairs) {
            problem_ = problem{errc::too_large, "the message has more pairs than the limit"};
            return;
        }
        packed_ = packed_.substr(line_end + 1);
        left_ = static_cast<std::uint32_t>(*count);
        if (!adds_up()) problem_ = problem{errc::bad_request, "the pack's lengths do not add up"};
    }
    [[nodiscard]] bool adds_up() const noexcept {
        std::size_t at = 0;
        for (std::uint64_t block = 0; block < std::uint64_t{left_} * 2; ++block) {
            if (packed_.size() - at < 4) return false;
            std::size_t const length = detail::load_u32(packed_.data() + at);
            at += 4;
            if (packed_.size() - at < length) return false;
            if (block % 2 == 0 && packed_.substr(at, length).starts_with("FQ1 pack ")) return false;
            at += length;
        }
        return at == packed_.size();
    }
    std::string_view take_block() noexcept {
        std::size_t const length = detail::load_u32(packed_.data());
        auto const block = packed_.substr(4, length);
        packed_.remove_prefix(4 + length);
        return block;
    }

    std::span<std::string_view const> envelope_;
    std::span<std::string_view const> rest_;
    std::string_view packed_;
    std::uint32_t left_ = 0;
    wire::form form_ = form::frames;
    bool probe_ = false;
    std::optional<problem> problem_;
};

}  // namespace fastqueue::wire
