#pragma once

#include <fastqueue/model/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fastqueue::cli {

/// The lines of a file or of standard input, as they come: it holds a piece of the input at a time. One thread.
class line_source {
public:
    struct line {
        std::uint64_t number;  ///< from 1, blank ones counted
        std::string_view text;
        bool too_long;  ///< it was over `longest`, and has been skipped
    };
    static constexpr std::size_t longest = std::size_t{32} << 20U;  // twice what a task's arguments may be

    /// \param path  `-`: standard input
    /// \throws error (bad_option) if it cannot be opened
    explicit line_source(std::string const& path)
        : path_{path}, file_{path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)} {
        if (file_ < 0) throw error{errc::bad_option, unreadable(errno)};
    }
    ~line_source() {
        if (file_ > STDIN_FILENO) ::close(file_);
    }
    line_source(line_source const&) = delete;
    line_source& operator=(line_source const&) = delete;

    [[nodiscard]] int file() const noexcept { return file_; }
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    /// Why it ended, where that was not the end of the input; else empty.
    [[nodiscard]] std::string const& problem() const noexcept { return problem_; }

    /// Reads once. Blocks while there is nothing to read: poll `file()` before. Lines that were given are gone.
    void fill() {
        buffer_.erase(0, begin_);
        scanned_ -= begin_;
        begin_ = 0;
        std::array<char, 65536> piece;
        auto const got = ::read(file_, piece.data(), piece.size());
        if (got > 0) return take({piece.data(), static_cast<std::size_t>(got)});
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
        if (got < 0) problem_ = unreadable(errno);
        ended_ = true;
    }
    /// The next line that is not blank; nothing: more must be read, or the input has ended. Shows into this object until
    /// `fill`.
    [[nodiscard]] std::optional<line> next() {
        while (auto const text = whole_line()) {
            ++number_;
            if (std::exchange(skipping_, false)) return line{number_, {}, true};
            if (text->find_first_not_of(" \t\r") != text->npos) return line{number_, *text, false};
        }
        return std::nullopt;
    }
    /// How many lines are not blank, where that can be known before they are read: in a file.
    [[nodiscard]] std::optional<std::uint64_t> count() const {
        struct stat about {};
        if (::fstat(file_, &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
        std::array<char, 65536> piece;
        std::uint64_t lines = 0;
        bool blank = true;
        for (auto at = ::lseek(file_, 0, SEEK_CUR);;) {
            auto const got = ::pread(file_, piece.data(), piece.size(), at);
            if (got <= 0) return lines;
            at += got;
            for (char const c : std::string_view{piece.data(), static_cast<std::size_t>(got)}) {
                bool const space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
                if (!space && blank) ++lines;
                blank = space && (blank || c == '\n');
            }
        }
    }

private:
    void take(std::string_view piece) {
        buffer_ += piece;
        bool const first = number_ == 0 && begin_ == 0 && scanned_ == 0;
        if (first && buffer_.starts_with("\xEF\xBB\xBF"))
            begin_ = scanned_ = 3;  // some editors' mark of UTF-8
    }
    /// A line that is there whole, without its end.
    [[nodiscard]] std::optional<std::string_view> whole_line() {
        auto const end = buffer_.find('\n', scanned_);
        if (end != buffer_.npos) return cut(end, end + 1);
        scanned_ = buffer_.size();
        if (ended_ && (begin_ < buffer_.size() || skipping_)) return cut(buffer_.size(), buffer_.size());
        if (buffer_.size() - begin_ > longest) {
            skipping_ = true;
            begin_ = buffer_.size();
        }
        return std::nullopt;
    }
    [[nodiscard]] std::string_view cut(std::size_t end, std::size_t next) {
        auto const text = std::string_view{buffer_}.substr(begin_, end - begin_);
        begin_ = scanned_ = next;
        return text;
    }
    [[nodiscard]] std::string unreadable(int why) const {
        return "--from '" + path_ + "' cannot be read: " + std::strerror(why) +
               "; name a file of JSON lines, or - for standard input";
    }

    std::string path_;
    int file_;
    std::string buffer_;
    std::size_t begin_ = 0;    // of the next line
    std::size_t scanned_ = 0;  // no line ends before it
    std::uint64_t number_ = 0;
    std::string problem_;
    bool skipping_ = false;
    bool ended_ = false;
};

}  // namespace fastqueue::cli
