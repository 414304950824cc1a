#pragma once

#include "log_file.hpp"
#include "log_record.hpp"
#include "options.hpp"
#include "output.hpp"

#include <fastqueue/json/writer.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::cli {

/// The log of a control plane or a subworker, with its options. Without any of them it prints plain lines for a person who
/// watches; with one of them it writes records, each with one call. Safe from any thread once the options have been read.
class worker_log {
public:
    worker_log() = default;
    worker_log(worker_log const&) = delete;  // the options' readers hold its address

    void add_to(option_set& options) {
        using text = std::string_view;
        options.one("--log-level", "error|warning|info|debug",
                    "What is logged; at debug each step of each task, too (default: info)",
                    [this](text n, text v) {
                        least_ = static_cast<log_level>(read_word(n, v, log_level_names));
                        plain_ = false;
                    });
        options.one("--log-format", "text|json", "Lines for people or objects for programs (default: text)",
                    [this](text n, text v) {
                        json_ = read_word(n, v, std::array<text, 2>{"text", "json"}) == 1;
                        plain_ = false;
                    });
        options.one("--log-file", "FILE",
                    "Where to log; SIGHUP opens it again, for logrotate (default: standard output)",
                    [this](text n, text v) {
                        file_.open(n, std::string{v});
                        plain_ = false;
                    });
    }

    /// Whether no option of the log is given.
    [[nodiscard]] bool plain() const noexcept { return plain_; }
    [[nodiscard]] bool has_file() const noexcept { return file_.is_file(); }
    [[nodiscard]] bool wants(log_level level) const noexcept { return level <= least_; }

    /// \param event   which kind of record, for programs
    /// \param text    for people, on one line and without controls
    /// \param fields  adds what is known besides, in JSON: `fields(json::writer&)`
    template <class Fields>
    void tell(log_level level, std::string_view event, std::string_view text, Fields const& fields) noexcept {
        if (!wants(level)) return;
        try {
            if (plain_) return say(std::string{text});
            auto const now = now_us();
            file_.write(json_ ? json_record(now, level, event, text, fields)
                              : text_record(now, level, text, file_.takes_colour()));
        } catch (...) {  // no memory for a line: work goes on
        }
    }
    void tell(log_level level, std::string_view event, std::string_view text) noexcept {
        tell(level, event, text, [](json::writer&) {});
    }
    /// A line about the process itself: who started it sees it, also where the log is a file.
    template <class Fields>
    void announce(std::string_view event, std::string const& text, Fields const& fields) {
        if (has_file()) say(text);
        tell(log_level::info, event, text, fields);
    }
    void announce(std::string_view event, std::string const& text) {
        announce(event, text, [](json::writer&) {});
    }

    /// After the file was moved: from now on it is written anew under its name.
    void reopen() noexcept {
        auto const problem = file_.reopen();
        if (!problem) return tell(log_level::info, "log_opened", "the log is opened again");
        tell(log_level::error, "log_not_opened",
             "the log '" + file_.path() + "' cannot be opened again: " + problem.message() +
                 "; the old one is kept");
    }

private:
    [[nodiscard]] static std::uint64_t now_us() noexcept {
        using namespace std::chrono;
        return static_cast<std::uint64_t>(
            duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
    }

    log_file file_;
    log_level least_ = log_level::info;
    bool json_ = false;
    bool plain_ = true;
};

}  // namespace fastqueue::cli
