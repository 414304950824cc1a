#pragma once

#include "output.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace fastqueue::cli {

struct screen_size {
    std::size_t width = 80;
    std::size_t height = 24;
};

/// How a line stands out. None of them needs colours.
enum class look { plain, strong, head, faint };

struct screen_line {
    std::string text;  ///< ASCII without control characters: an octet is a column
    look as = look::plain;
};

/// The terminal at standard output as one screen of its own: what was there before is there again when this goes. Keys come as
/// they are pressed and are not shown; Ctrl+C and Ctrl+Z are still signals. One thread.
class terminal {
public:
    /// Whether there is one that can do this.
    [[nodiscard]] static bool is_there() {
        auto const* const kind = std::getenv("TERM");
        return ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && *kind != '\0' &&
               std::string_view{kind} != "dumb";
    }

    terminal() { enter(); }
    ~terminal() { leave(); }
    terminal(terminal const&) = delete;
    terminal& operator=(terminal const&) = delete;

    /// Takes the terminal; once more where another program may have had it meanwhile.
    void enter() {
        if (!inside_) known_ = ::tcgetattr(STDOUT_FILENO, &before_) == 0;
        if (known_) {
            auto raw = before_;
            raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);
            raw.c_iflag &= ~static_cast<tcflag_t>(IXON);
            raw.c_cc[VMIN] = 1;
            raw.c_cc[VTIME] = 0;
            set(raw);
        }
        detail::write_all(STDOUT_FILENO, begin);
        inside_ = true;
    }
    /// Gives it back.
    void leave() noexcept {
        if (!inside_) return;
        inside_ = false;
        detail::write_all(STDOUT_FILENO, end);
        if (known_) set(before_);
    }

    [[nodiscard]] static screen_size size() {
        winsize told{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &told) != 0 || told.ws_col == 0 || told.ws_row == 0) return {};
        return {told.ws_col, told.ws_row};
    }

    /// What makes the screen these lines. Every cell is written over, so it neither flickers nor keeps anything.
    /// \param lines  each at most as long as the screen is wide
    [[nodiscard]] static std::string drawn(std::vector<screen_line> const& lines, screen_size size) {
        std::string out;
        for (std::size_t row = 0; row < size.height; ++row) {
            static screen_line const blank;
            auto const& line = row < lines.size() ? lines[row] : blank;
            out.append("\x1b[").append(std::to_string(row + 1)).append(";1H").append(code(line.as));
            out.append(line.text, 0, size.width);
            if (line.text.size() < size.width) out.append(size.width - line.text.size(), ' ');
        }
        return out + "\x1b[0m";
    }

private:
    // The alternate screen, without a cursor, and without a new line where one is full: a screen that has just become narrower
    // must not scroll.
    static constexpr std::string_view begin = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
    static constexpr std::string_view end = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

    static void set(termios const& mode) noexcept {
        while (::tcsetattr(STDOUT_FILENO, TCSANOW, &mode) != 0 && errno == EINTR) {}
    }
    [[nodiscard]] static std::string_view code(look as) noexcept {
        switch (as) {
            case look::strong:
                return "\x1b[0;1m";
            case look::head:
                return "\x1b[0;7m";
            case look::faint:
                return "\x1b[0;2m";
            default:
                return "\x1b[0m";
        }
    }

    termios before_{};
    bool known_ = false;  // how it was before
    bool inside_ = false;
};

}  // namespace fastqueue::cli
