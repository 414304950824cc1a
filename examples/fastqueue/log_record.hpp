#pragma once

#include "output.hpp"

#include <fastqueue/json/utf8.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/observer/log_text.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// How one record of a worker's log is written.

namespace fastqueue::cli {

enum class log_level : std::uint8_t { error, warning, info, debug };

inline constexpr std::array<std::string_view, 4> log_level_names{"error", "warning", "info", "debug"};

[[nodiscard]] inline std::string_view name_of(log_level level) noexcept {
    return log_level_names[static_cast<std::size_t>(level)];
}

namespace detail {

/// JSON as it is, but with what a terminal takes for a command escaped: the writer leaves DEL, C1 and line separators.
[[nodiscard]] inline std::string without_controls(std::string_view json) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    while (!json.empty()) {
        auto const c = json.substr(0, json::utf8_length(json.substr(0, 4)));
        if (!observer::detail::is_control(c)) {
            out += c;
        } else if (c.size() < 3) {  // U+007F to U+009F: the last octet is the number
            auto const value = static_cast<unsigned char>(c.back());
            out += "\\u00";
            out += digits[value >> 4U];
            out += digits[value & 15U];
        } else {
            out += c.back() == '\xa8' ? "\\u2028" : "\\u2029";
        }
        json.remove_prefix(c.size());
    }
    return out;
}

}  // namespace detail

/// `2026-11-24T07:58:46.123Z info  subworker sw1 joined` and a line end.
/// \param text    on one line and without controls
/// \param colour  whether the level is shown in one
[[nodiscard]] inline std::string text_record(std::uint64_t now_us, log_level level, std::string_view text,
                                             bool colour) {
    constexpr std::array<std::string_view, 4> colours{"\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[36m"};
    auto const name = name_of(level);
    auto out = utc(now_us) + ' ';
    if (colour) out += colours[static_cast<std::size_t>(level)];
    out += name;
    if (colour) out += "\x1b[0m";
    out.append(name.size() < 5 ? 6 - name.size() : 1, ' ');
    return out.append(text).append("\n");
}

/// One object on one line: time, level, event, what `fields(writer)` adds, and the text for people.
template <class Fields>
[[nodiscard]] std::string json_record(std::uint64_t now_us, log_level level, std::string_view event,
                                      std::string_view text, Fields const& fields) {
    std::string out;
    json::writer w{out};
    w.begin_object()
        .key("time")
        .value(utc(now_us))
        .key("level")
        .value(name_of(level))
        .key("event")
        .value(event);
    fields(w);
    w.key("text").value(text).end_object();
    return detail::without_controls(out) + '\n';
}

}  // namespace fastqueue::cli
