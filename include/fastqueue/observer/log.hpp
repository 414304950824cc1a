#pragma once

#include <fastqueue/model/time.hpp>
#include <fastqueue/observer/log_text.hpp>
#include <fastqueue/policy/observer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::observer {

/// Writes each event as one line, without line end, to a function of yours:
///
///     task 01890a5d-ac96-774b-bcce-b302099a8057 add running attempt 2 on mill-3
///     worker mill-3 lost: no heartbeat for 15 s
///     notice bad_greeting: 203.0.113.7 does not speak ZMTP (and 812 more before)
///
/// Peers can't flood it: of each kind of notice, and of each kind of change of workers, there are at most
/// `most_a_second` lines a second; the next one tells how many were left out. What a peer has chosen comes
/// escaped, so it can neither begin a line of its own nor command a terminal. One thread at a time.
class log {
public:
    using sink = std::function<void(std::string_view)>;
    using clock = std::function<instant()>;
    static constexpr std::uint32_t most_a_second = 5;

    /// Says nothing.
    log() = default;
    /// \param write  called from inside the role's turn: it must be quick; what it throws is dropped
    /// \param now    for tests
    explicit log(sink write, clock now = std::chrono::steady_clock::now)
        : write_{std::move(write)}, now_{std::move(now)} {}

    void on(policy::task_event const& event) noexcept {
        say([&](std::string& line) {
            line += "task ";
            line += event.id.text();
            line += ' ';
            detail::append_escaped(line, event.name);
            line += ' ';
            line += name_of(event.state);
            if (event.attempt > 0) line += " attempt " + std::to_string(event.attempt);
            if (!event.worker.empty()) line += " on ";
            detail::append_escaped(line, event.worker);
        });
    }
    void on(policy::worker_event const& event) noexcept {
        auto const kind = static_cast<std::size_t>(event.change) % worker_kinds;
        limited(kind, [&](std::string& line) {
            line += "worker ";
            detail::append_escaped(line, event.worker);
            line += ' ';
            line += name_of(static_cast<policy::worker_change>(kind));
            if (!event.reason.empty()) line += ": ";
            detail::append_escaped(line, event.reason);
        });
    }
    void on(policy::notice_event const& event) noexcept {
        auto const kind = worker_kinds + static_cast<std::size_t>(event.code) % notice_kinds;
        limited(kind, [&](std::string& line) {
            line += "notice ";
            line += name_of(event.code);
            line += ": ";
            detail::append_escaped(line, event.text);
        });
    }

private:
    static constexpr std::size_t worker_kinds = 4;
    static constexpr std::size_t notice_kinds = 256;

    struct window {
        instant begin{};
        std::uint32_t lines = 0;     // since `begin`
        std::uint64_t left_out = 0;  // since the last line
    };

    template <class Format>
    void say(Format format) noexcept {
        if (!write_) return;
        try {
            line_.clear();
            format(line_);
            write_(line_);
        } catch (...) {  // a log that cannot be written must not end the program
        }
    }

    template <class Format>
    void limited(std::size_t kind, Format format) noexcept {
        if (!write_) return;
        auto& w = windows_[kind];
        auto const now = now_();
        if (w.lines == 0 || now - w.begin >= std::chrono::seconds{1}) {
            w.begin = now;
            w.lines = 0;
        }
        if (w.lines == most_a_second) {
            ++w.left_out;
            return;
        }
        ++w.lines;
        auto const left_out = std::exchange(w.left_out, 0);
        say([&](std::string& line) {
            format(line);
            if (left_out > 0) line += " (and " + std::to_string(left_out) + " more before)";
        });
    }

    sink write_;
    clock now_;
    std::string line_;  // kept for its memory
    std::array<window, worker_kinds + notice_kinds> windows_{};
};

static_assert(policy::observer<log>);

}  // namespace fastqueue::observer
