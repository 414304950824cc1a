#pragma once

#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::core {

/// One attempt that went wrong.
struct trouble {
    std::uint64_t at_us = 0;  ///< UTC
    std::uint32_t attempt = 0;
    errc code{};
    std::string_view worker;  ///< may be empty
    std::string_view text;
};

/// The history of a task's attempts that went wrong, as text that can be stored: a line each, the latest last, at most
/// sixteen. An attempt's text is cut to two hundred octets.
class trouble_log {
public:
    static constexpr std::size_t most = 16;
    static constexpr std::size_t most_text = 200;

    static void add(std::string& log, trouble const& t) {
        if (count(log) >= most) log.erase(0, log.find('\n') + 1);
        log += std::to_string(t.at_us) + ' ' + std::to_string(t.attempt) + ' ';
        log += name_of(t.code);
        log += ' ';
        log += t.worker.empty() ? std::string_view{"-"} : t.worker;
        log += ' ';
        for (char const c : cut(t.text)) log += c == '\n' || c == '\r' ? ' ' : c;
        log += '\n';
    }
    /// Calls `f(trouble)` for each, the earliest first. A line that cannot be read is passed over.
    template <class F>
    static void each(std::string_view log, F&& f) {
        while (!log.empty()) {
            auto line = take(log, '\n');
            trouble t;
            bool good = number(take(line, ' '), t.at_us);
            std::uint64_t attempt = 0;
            good = number(take(line, ' '), attempt) && good;
            t.attempt = static_cast<std::uint32_t>(attempt);
            t.code = errc_from_name(take(line, ' '), errc::handler_error);
            auto const worker = take(line, ' ');
            if (worker != "-") t.worker = worker;
            t.text = line;
            if (good) f(t);
        }
    }

    /// As a JSON list, the value of a key that has been written.
    static void write(json::writer& w, std::string_view log) {
        w.begin_array();
        each(log, [&](trouble const& t) {
            w.begin_object().key("attempt").value(t.attempt).key("at_us").value(t.at_us);
            if (!t.worker.empty()) w.key("worker").value(t.worker);
            w.key("code").value(name_of(t.code)).key("text").value(t.text).end_object();
        });
        w.end_array();
    }

private:
    static std::size_t count(std::string_view log) noexcept {
        std::size_t lines = 0;
        for (char const c : log) lines += c == '\n' ? 1U : 0U;
        return lines;
    }
    static std::string_view cut(std::string_view text) noexcept {
        if (text.size() <= most_text) return text;
        auto end = most_text;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
            --end;  // between characters
        return text.substr(0, end);
    }
    /// The text up to `stop`, which is taken off `rest` with it.
    static std::string_view take(std::string_view& rest, char stop) noexcept {
        auto const end = rest.find(stop);
        auto const first = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        return first;
    }
    static bool number(std::string_view text, std::uint64_t& out) noexcept {
        out = 0;
        for (char const c : text) {
            if (c < '0' || c > '9') return false;
            out = out * 10 + static_cast<std::uint64_t>(c - '0');
        }
        return !text.empty();
    }
};

}  // namespace fastqueue::core
