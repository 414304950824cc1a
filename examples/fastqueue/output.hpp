#pragma once

#include <fastqueue/json/utf8.hpp>
#include <fastqueue/model/endpoint.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace fastqueue::cli {

namespace detail {

/// Writes all of it, or as much as the other end takes: a reader that has gone must not end a worker.
inline void write_all(int file, std::string_view text) noexcept {
    while (!text.empty()) {
        auto const written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace detail

/// Opens what a caller closed of the three standard files, or the first socket would be written to instead.
inline void ensure_standard_files() noexcept {
    for (int file = 0; file <= 2; ++file) {
        if (::fcntl(file, F_GETFD) < 0 && errno == EBADF) static_cast<void>(::open("/dev/null", O_RDWR));
    }
}

/// One line to standard output, at once. Safe from any thread.
inline void say(std::string line) {
    line += '\n';
    detail::write_all(STDOUT_FILENO, line);
}

/// Lines that may be none at all.
inline void say_lines(std::string lines) {
    if (!lines.empty()) say(std::move(lines));
}

/// Text that others have written, on one line and without commands to a terminal.
[[nodiscard]] inline std::string one_line(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        auto const length = json::utf8_length(text.substr(0, 4));
        auto const c = text.substr(0, std::max<std::size_t>(length, 1));
        bool const control = c.size() == 1 && (static_cast<unsigned char>(c[0]) < 0x20 || c[0] == 0x7f);
        bool const control_1 = c.size() == 2 && c[0] == '\xc2' && static_cast<unsigned char>(c[1]) < 0xa0;
        if (length == 0)
            out += '?';
        else if (control || control_1)
            out += ' ';
        else
            out += c;
        text.remove_prefix(c.size());
    }
    return out;
}

/// One line to standard error: what is wrong, and how to mend it.
inline void complain(std::string_view text) {
    detail::write_all(STDERR_FILENO, "fastqueue: " + one_line(text) + '\n');
}

/// One line to standard error that is no complaint.
inline void mention(std::string_view text) { detail::write_all(STDERR_FILENO, one_line(text) + '\n'); }

/// `2026-11-24T04:47:08.123Z`; `-` for 0.
/// \param us  microseconds since the Unix epoch
[[nodiscard]] inline std::string utc(std::uint64_t us) {
    if (us == 0) return "-";
    auto const seconds = static_cast<std::time_t>(us / 1'000'000);
    std::tm parts{};
    if (::gmtime_r(&seconds, &parts) == nullptr) return std::to_string(us) + " us";
    std::array<char, 64> text{};
    auto const size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 16> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03uZ", static_cast<unsigned>(us / 1000 % 1000));
    return std::string{text.data(), size} + fraction.data();
}

/// A time to read: `850 us`, `12.3 ms`, `4.5 s`, `3.2 min`, `26.0 h`.
[[nodiscard]] inline std::string span_text(std::uint64_t us) {
    std::array<char, 48> text{};
    auto const write = [&](double value, char const* unit) {
        std::snprintf(text.data(), text.size(), "%.1f %s", value, unit);
    };
    auto const exact = static_cast<double>(us);
    if (us < 1000) return std::to_string(us) + " us";
    if (us < 1'000'000)
        write(exact / 1e3, "ms");
    else if (us < 120'000'000)
        write(exact / 1e6, "s");
    else if (us < 7'200'000'000)
        write(exact / 60e6, "min");
    else
        write(exact / 3600e6, "h");
    return text.data();
}

/// Addresses, each after the first as its port alone where the host is the same.
[[nodiscard]] inline std::string short_form(endpoint const& at, endpoint const& first) {
    return at.host == first.host ? std::to_string(at.port) : at.text();
}

/// Rows of words under a head, columns aligned, numbers to the right. \param numbers  which columns hold numbers
class table {
public:
    struct column {
        std::string head;
        bool number = false;
    };

    explicit table(std::vector<column> columns) : columns_{std::move(columns)} {}

    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

    [[nodiscard]] std::string text() const {
        std::vector<std::string> heads;
        heads.reserve(columns_.size());
        for (auto const& c : columns_) heads.push_back(c.head);
        auto const widths = this->widths(heads);
        std::string out = line(heads, widths);
        for (auto const& r : rows_) out += '\n' + line(r, widths);
        return out;
    }

private:
    [[nodiscard]] std::vector<std::size_t> widths(std::vector<std::string> const& heads) const {
        std::vector<std::size_t> widths;
        widths.reserve(heads.size());
        for (auto const& head : heads) widths.push_back(head.size());
        for (auto const& r : rows_) {
            for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], r[i].size());
        }
        return widths;
    }
    [[nodiscard]] std::string line(std::vector<std::string> const& cells,
                                   std::vector<std::size_t> const& widths) const {
        std::string out;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            std::string const padding(widths[i] - cells[i].size(), ' ');
            if (i > 0) out += "  ";
            out += columns_[i].number ? padding + cells[i] : cells[i] + padding;
        }
        out.erase(out.find_last_not_of(' ') + 1);
        return out;
    }

    std::vector<column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace fastqueue::cli
