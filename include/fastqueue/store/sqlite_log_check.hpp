#pragma once

#include <fastqueue/model/descriptor.hpp>
#include <fastqueue/store/sqlite_database.hpp>
#include <fastqueue/store/sqlite_lock.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace fastqueue::store::detail {

/// Tells a log whose end was torn by a crash from one that was damaged later. SQLite takes a log up to its first
/// frame with a wrong checksum, so it would leave out committed transactions behind a turned bit, and say nothing.
///
/// Each commit is on the disk before the next one begins. So behind a frame that is wrong there may be more of the
/// transaction that a crash interrupted, but never the beginning of one after it.
/// \source SQLite, "WAL-mode File Format"
class sqlite_log_check {
public:
    /// Reads the log beside a store that nobody has open; there need be none.
    /// \throws error (errc::store_failed) that names the place
    sqlite_log_check(std::string const& store, std::string shown)
        : shown_{std::move(shown)}, file_{::open((store + "-wal").c_str(), O_RDONLY | O_CLOEXEC)} {
        if (file_ && read(header_size)) check();
    }

private:
    static constexpr std::size_t header_size = 32;
    static constexpr std::size_t frame_header_size = 24;

    void check() {
        auto const magic = word(0);
        std::uint64_t const page = word(8);
        little_ = magic == 0x377f0682U;
        bool const sound = (little_ || magic == 0x377f0683U) && page >= 512 && page <= 65536 &&
                           (sum(0, 24), sums_[0] == word(24) && sums_[1] == word(28));
        if (!sound) return check_blank();
        salts_ = {word(16), word(20)};
        frames(static_cast<std::size_t>(page));
    }

    /// A header that is wrong was being written when nothing was behind it.
    void check_blank() {
        for (bool more = true; more;) {
            more = read(1U << 16U);
            if (!std::ranges::all_of(buffer_, [](unsigned char c) { return c == 0; }))
                throw_corrupted(shown_, "the head of its log (-wal) is wrong");
        }
    }

    void frames(std::size_t page) {
        std::uint64_t at = header_size;
        std::uint64_t wrong = 0;  // where the first bad frame is; 0: none yet
        bool ended = false;       // a commit was seen behind it
        for (; read(frame_header_size + page); at += frame_header_size + page) {
            bool const ours = word(8) == salts_[0] && word(12) == salts_[1];
            if (wrong == 0 && !(ours && sound_frame(page))) wrong = at;
            if (wrong == 0 || !ours) continue;
            if (ended)
                throw_corrupted(shown_, "its log (-wal) is wrong at octet " + std::to_string(wrong) +
                                            ", and commits follow");
            ended = word(4) != 0;
        }
    }
    bool sound_frame(std::size_t page) {
        sum(0, 8);
        sum(frame_header_size, page);
        return sums_[0] == word(16) && sums_[1] == word(20);
    }

    /// \return whether there was so much
    bool read(std::size_t size) {
        buffer_.resize(size);
        std::size_t had = 0;
        while (had < size) {
            auto const got = ::read(file_.get(), buffer_.data() + had, size - had);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) break;
            had += static_cast<std::size_t>(got);
        }
        buffer_.resize(had);
        return had == size;
    }
    [[nodiscard]] std::uint32_t word(std::size_t at) const noexcept {
        auto const* p = buffer_.data() + at;
        return std::uint32_t{p[0]} << 24U | std::uint32_t{p[1]} << 16U | std::uint32_t{p[2]} << 8U | p[3];
    }
    void sum(std::size_t at, std::size_t size) noexcept {
        for (std::size_t const end = at + size; at < end; at += 8) {
            auto const a = word(at);
            auto const b = word(at + 4);
            sums_[0] += (little_ ? __builtin_bswap32(a) : a) + sums_[1];
            sums_[1] += (little_ ? __builtin_bswap32(b) : b) + sums_[0];
        }
    }

    std::string shown_;
    fastqueue::detail::descriptor file_;
    std::vector<unsigned char> buffer_;
    bool little_ = false;
    std::array<std::uint32_t, 2> sums_{};
    std::array<std::uint32_t, 2> salts_{};
};

}  // namespace fastqueue::store::detail
