#pragma once

#include "output.hpp"

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include <poll.h>
#include <unistd.h>

namespace fastqueue::cli {

/// Lines for standard output, written only as far as its reader takes them at once: a slow one must hold up neither
/// answers nor Ctrl+C. One that has gone gets nothing more.
class paced_output {
public:
    void line(std::string_view text) {
        if (!gone_) text_.append(text) += '\n';
    }
    /// The same without an end of line.
    void piece(std::string_view text) {
        if (!gone_) text_.append(text);
    }
    /// Writes what can be written without waiting.
    void pour() {
        while (written_ < text_.size() && takes_more()) {
            auto const piece = std::string_view{text_}.substr(written_, at_once);
            auto const got = ::write(STDOUT_FILENO, piece.data(), piece.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && errno == EAGAIN) return;
            gone_ = got <= 0;
            written_ = gone_ ? text_.size() : written_ + static_cast<std::size_t>(got);
        }
        if (written_ < text_.size() && written_ < keep) return;
        text_.erase(0, written_);
        written_ = 0;
    }
    /// Writes the rest, however long its reader takes.
    void finish() {
        detail::write_all(STDOUT_FILENO, std::string_view{text_}.substr(written_));
        text_.clear();
        written_ = 0;
    }
    /// Octets that wait for the reader.
    [[nodiscard]] std::size_t waiting() const noexcept { return text_.size() - written_; }

private:
    static constexpr std::size_t at_once = 4096;  // a pipe that polls as writable takes so much (PIPE_BUF)
    static constexpr std::size_t keep = 65'536;   // written text that is not worth moving the rest for

    [[nodiscard]] static bool takes_more() noexcept {
        pollfd file{STDOUT_FILENO, POLLOUT, 0};
        return ::poll(&file, 1, 0) > 0;
    }

    std::string text_;
    std::size_t written_ = 0;
    bool gone_ = false;
};

}  // namespace fastqueue::cli
