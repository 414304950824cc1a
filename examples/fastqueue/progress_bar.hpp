#pragma once

#include "output.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace fastqueue::cli {

/// A line at the bottom of the terminal that says how far a batch is. Where standard error is no terminal it does nothing.
class progress_bar {
public:
    using clock = std::chrono::steady_clock;

    static constexpr std::chrono::milliseconds pace{100};

    [[nodiscard]] static bool wanted() {
        auto const* const kind = std::getenv("TERM");
        return ::isatty(STDERR_FILENO) == 1 && !(kind != nullptr && std::string_view{kind} == "dumb");
    }

    /// \param total  how many there will be, if that is known
    progress_bar(bool shown, std::optional<std::uint64_t> total) : shown_{shown}, total_{total} {}
    ~progress_bar() { clear(); }
    progress_bar(progress_bar const&) = delete;
    progress_bar& operator=(progress_bar const&) = delete;

    [[nodiscard]] bool shown() const noexcept { return shown_; }
    /// Draws it again, at most ten times a second.
    /// \param words  what stands behind the numbers
    void draw(std::uint64_t done, std::string const& words) {
        auto const now = clock::now();
        if (!shown_ || (drawn_ && now < next_)) return;
        next_ = now + pace;
        auto line = bar(done) + words;
        line.resize(std::min(line.size(), width() - 1));
        detail::write_all(STDERR_FILENO, "\r" + line + "\x1b[K");
        drawn_ = true;
    }
    /// Takes it away, before something else is written.
    void clear() {
        if (!drawn_) return;
        detail::write_all(STDERR_FILENO, "\r\x1b[K");
        drawn_ = false;
    }

private:
    static constexpr std::size_t cells = 30;

    [[nodiscard]] std::string bar(std::uint64_t done) const {
        if (!total_) return std::to_string(done) + " done";
        auto const part = *total_ == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(*total_);
        auto const full = static_cast<std::size_t>(std::min(part, 1.0) * cells);
        return "[" + std::string(full, '#') + std::string(cells - full, '.') + "] " + std::to_string(done) +
               "/" + std::to_string(*total_);
    }
    [[nodiscard]] static std::size_t width() {
        winsize size{};
        bool const told = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
        return told ? size.ws_col : 80;
    }

    bool shown_;
    std::optional<std::uint64_t> total_;
    clock::time_point next_{};
    bool drawn_ = false;
};

}  // namespace fastqueue::cli
