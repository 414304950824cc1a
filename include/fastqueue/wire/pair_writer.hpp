#pragma once

#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/octet_buffer.hpp>
#include <fastqueue/wire/pair_cursor.hpp>

#include <cassert>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace fastqueue::wire {

/// So many pairs in one message are enough, where nobody wants them to be one.
inline constexpr std::uint32_t many_pairs = 64;
/// A message that is larger goes as frames, for a pack is one frame, and no frame may be larger than a payload with its header.
inline constexpr std::size_t max_pack_octets = 16U << 20U;

/// Gathers the pairs of one message, and shows them as frames when it is sent. The buffer keeps its room when
/// it is cleared, so that a writer in steady use allocates nothing. One thread at a time.
class pair_writer {
public:
    pair_writer() { clear(); }

    void clear() {
        if (buffer_.capacity() > keep_octets) buffer_.release();
        buffer_.clear();
        static_cast<void>(buffer_.extend(headroom));  // filled by show_packed
        pairs_ = 0;
    }
    /// The same, and gives its memory back.
    void release() {
        buffer_.release();
        clear();
    }
    /// Octets of memory that it holds.
    [[nodiscard]] std::size_t capacity() const noexcept { return buffer_.capacity(); }

    /// Begins a pair; write its header with what this returns, then call `finish`.
    header_writer begin(std::string_view verb) {
        open_ = buffer_.size();
        static_cast<void>(buffer_.extend(length_octets));  // filled by close_header
        return header_writer{buffer_, verb};
    }
    /// Ends the pair that `begin` began.
    void finish(std::string_view payload) {
        close_header();
        detail::store_u32(buffer_.extend(length_octets), static_cast<std::uint32_t>(payload.size()));
        buffer_.append(payload);
        ++pairs_;
    }
    /// A whole pair whose header is there already.
    void add(std::string_view header, std::string_view payload) {
        open_ = buffer_.size();
        static_cast<void>(buffer_.extend(length_octets));
        buffer_.append(header);
        finish(payload);
    }

    /// Whether one more belongs into the same message. A message of `many_pairs` is long enough for what it costs by itself; what
    /// comes after it goes into another one, so that whoever gets them can be busy with the first while the second is
    /// on its way. Nor must a pack become too large for its reader.
    /// \param payload  octets of the next one
    [[nodiscard]] bool takes_more(std::size_t payload = 0) const noexcept {
        constexpr std::size_t enough_octets = 1U << 20U;
        return pairs_ < many_pairs && octets() + payload < enough_octets;
    }
    [[nodiscard]] std::uint32_t pairs() const noexcept { return pairs_; }
    [[nodiscard]] bool empty() const noexcept { return pairs_ == 0; }
    /// Octets of the message, about.
    [[nodiscard]] std::size_t octets() const noexcept { return buffer_.size() - headroom; }

    /// The message's frames, in `out`, which show into this writer and into `mirrored` until either changes.
    /// \param mirrored  the envelope of the request that is answered, or empty
    void frames(form layout, std::string_view mirrored, std::vector<std::string_view>& out) {
        out.clear();
        while (!mirrored.empty()) {
            std::size_t const length = detail::load_u32(mirrored.data());
            out.push_back(mirrored.substr(4, length));
            mirrored.remove_prefix(4 + length);
        }
        bool const as_pack = layout == form::packed && octets() <= max_pack_octets;
        as_pack ? show_packed(out) : show_frames(out);
    }

private:
    static constexpr std::size_t headroom =
        16;  // "FQ1 pack 65536\n" before the blocks, so that a pack is one piece
    static constexpr std::size_t length_octets = 4;
    static constexpr std::size_t keep_octets = 4U << 20U;

    void close_header() noexcept {
        detail::store_u32(buffer_.data() + open_,
                          static_cast<std::uint32_t>(buffer_.size() - open_ - length_octets));
    }
    void show_packed(std::vector<std::string_view>& out) {
        char line[headroom];
        std::string_view constexpr verb = "FQ1 pack ";
        verb.copy(line, verb.size());
        auto* end = std::to_chars(line + verb.size(), line + headroom, pairs_).ptr;
        *end++ = '\n';
        auto const size = static_cast<std::size_t>(end - line);
        std::memcpy(buffer_.data() + headroom - size, line, size);
        out.push_back(buffer_.view().substr(headroom - size));
    }
    void show_frames(std::vector<std::string_view>& out) const {
        auto rest = buffer_.view().substr(headroom);
        while (!rest.empty()) {
            std::size_t const length = detail::load_u32(rest.data());
            out.push_back(rest.substr(4, length));
            rest.remove_prefix(4 + length);
        }
    }

    octet_buffer buffer_;
    std::size_t open_ = 0;
    std::uint32_t pairs_ = 0;
};

}  // namespace fastqueue::wire
