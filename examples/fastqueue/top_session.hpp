#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "interrupts.hpp"
#include "output.hpp"
#include "paced_output.hpp"
#include "terminal.hpp"
#include "top_feed.hpp"
#include "top_figures.hpp"
#include "top_keys.hpp"
#include "top_screen.hpp"
#include "top_silence.hpp"
#include "top_view.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

namespace fastqueue::cli {

/// What `fastqueue top` is asked for.
struct top_wishes {
    std::chrono::milliseconds interval{1000};
    std::uint64_t count = 0;           ///< ends after so many figures; 0: never
    std::optional<std::size_t> order;  ///< of top_order_words
};

/// One run of `fastqueue top`: asks every now and then, and draws whenever figures, the terminal's size or a key want it.
/// Without a terminal it prints each figures once.
class top_session {
    using clock = top_figures::clock;

public:
    top_session(connection const& where, top_wishes const& wishes)
        : connection_{where},
          wishes_{wishes},
          on_screen_{terminal::is_there() && !where.json()},
          reads_keys_{on_screen_ && ::isatty(STDIN_FILENO) == 1},
          signals_{on_screen_ ? interrupts{SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH} : interrupts{}},
          feed_{where.options()} {
        view_.address = where.options().discovery.text();
        view_.keys = reads_keys_;
        if (wishes.order) view_.sort_by(*wishes.order);
    }

    /// \return the exit code
    /// \throws error if no control plane has been there at all, or its answers cannot be read
    int run() {
        ask();
        while (!over_) {
            sleep();
            heed_signals();
            if (keys_wait_) read_keys();
            take_figures();
            if (!paused_ && !feed_.asked() && clock::now() >= next_) ask();
            watch_silence();
            if (wants_drawing_) show();
            output_.pour();
        }
        if (!on_screen_ && stopped_by_ == 0) output_.finish();
        screen_.reset();
        bool const in_the_middle = looks_ == 0 || wishes_.count != 0;
        return stopped_by_ != 0 && in_the_middle ? 128 + stopped_by_ : done;
    }

private:
    static constexpr screen_size paper{1000, 100'000};  // where nothing needs to be cut

    // ---- time

    /// Until there is something to do.
    void sleep() {
        std::array<pollfd, 4> files{
            {{signals_.file(), POLLIN, 0},
             {feed_.wakes(), POLLIN, 0},
             {reads_keys_ ? STDIN_FILENO : -1, POLLIN, 0},
             {STDOUT_FILENO, static_cast<short>(output_.waiting() > 0 ? POLLOUT : 0), 0}}};
        ::poll(files.data(), files.size(), until_next());
        keys_wait_ = files[2].revents != 0;
        if ((files[3].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
            over_ = true;  // nobody reads it any more
    }
    /// In milliseconds, rounded up; negative: for ever.
    [[nodiscard]] int until_next() const {
        auto next = clock::time_point::max();
        if (!paused_ && !feed_.asked()) next = next_;
        if (auto const due = silence_.due(); due && looks_ > 0) next = std::min(next, *due);
        if (next == clock::time_point::max()) return -1;
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(next - clock::now()).count();
        return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
    }
    void heed_signals() {
        while (int const signal = signals_.take()) {
            if (signal == SIGTSTP)
                suspend();
            else if (signal == SIGCONT)
                come_back();
            else if (signal == SIGWINCH)
                wants_drawing_ = true;
            else
                stopped_by_ = signal, over_ = true;
        }
    }
    /// As if Ctrl+Z did what it always does, but with the terminal given back first.
    void suspend() {
        if (screen_) screen_->leave();
        sigset_t stop;
        sigemptyset(&stop);
        sigaddset(&stop, SIGTSTP);
        ::raise(SIGTSTP);
        pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);  // here it stands still, until it is let go on
        pthread_sigmask(SIG_BLOCK, &stop, nullptr);
        come_back();
    }
    void come_back() {
        if (screen_) screen_->enter();
        silence_.begin_anew(clock::now());
        wants_drawing_ = true;
    }

    // ---- keys

    void read_keys() {
        std::array<char, 256> octets;
        auto const got = ::read(STDIN_FILENO, octets.data(), octets.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
        if (got <= 0) over_ = true;  // the terminal has gone
        for (char const c : std::string_view{octets.data(), got > 0 ? static_cast<std::size_t>(got) : 0}) {
            if (auto const key = keys_.take(c)) press(*key);
        }
    }
    void press(top_key key) {
        if (key == top_key::quit)
            over_ = true;
        else if (key == top_key::pause)
            pause();
        else
            static_cast<void>(view_.press(key));
        wants_drawing_ = true;
    }
    void pause() {
        paused_ = !paused_;
        if (!paused_) next_ = clock::now();
    }

    // ---- figures

    void ask() {
        auto const now = clock::now();
        next_ = now + wishes_.interval;
        silence_.asked(now);
        feed_.ask();
    }
    void take_figures() {
        if (!feed_.asked()) return;
        auto const round = feed_.take();
        if (!round) return;
        if (round->failed && looks_ == 0)
            throw error{round->failed->code(), connection_.explained(*round->failed, {})};
        if (round->failed) {
            refusal_ = exit_code_of(round->failed->code()) == refused ? round->failed->text() : "";
            return;
        }
        auto const now = clock::now();
        figures_ = top_reader::read(round->documents, now, figures_ ? &*figures_ : nullptr);
        if (silence_.length() && !on_screen_) complain(view_.address + " answers again");
        silence_.answered();
        refusal_.clear();
        ++looks_;
        if (on_screen_)
            wants_drawing_ = true;
        else if (output_.waiting() == 0)  // else its reader is slow, and may miss some
            print(round->documents);
        if (looks_ == wishes_.count) over_ = true;
    }
    /// The control plane has gone, or is busy: what is seen is old, and looking goes on.
    void watch_silence() {
        bool const told = silence_.length().has_value();
        if (looks_ == 0 || !silence_.tell(clock::now())) return;
        if (on_screen_)
            wants_drawing_ = true;
        else if (!told)
            complain("no answer from " + view_.address + "; it is asked on");
    }

    // ---- out

    void show() {
        if (!figures_ || !on_screen_) return;
        if (output_.waiting() > 0) return;  // the terminal takes nothing now; there will be another drawing
        wants_drawing_ = false;
        if (!screen_) screen_.emplace();
        view_.faint = silence_.length().has_value();
        view_.note = note();
        auto const size = terminal::size();
        output_.piece(terminal::drawn(top_screen::lines(*figures_, view_, size), size));
    }
    [[nodiscard]] std::string note() const {
        auto const silence = silence_.length();
        if (!silence) return paused_ ? "PAUSED" : "";
        if (!refusal_.empty()) return "REFUSED: " + one_column_each(refusal_);
        return "NO ANSWER for " + span_text(static_cast<std::uint64_t>(silence->count()));
    }
    void print(top_documents const& documents) {
        if (connection_.json()) return output_.line(as_json(*figures_, documents));
        if (looks_ > 1) output_.line({});
        view_.keys = false;
        for (auto const& line : top_screen::lines(*figures_, view_, paper)) output_.line(line.text);
    }

    connection const& connection_;
    top_wishes const wishes_;
    bool const on_screen_;
    bool const reads_keys_;
    interrupts const signals_;  // before the feed's thread
    top_feed feed_;
    top_view view_;
    top_key_reader keys_;
    paced_output output_;
    std::optional<terminal> screen_;
    std::optional<top_figures> figures_;
    clock::time_point next_{};  // when to ask again
    top_silence silence_;
    std::string refusal_;  // what it answers instead
    std::uint64_t looks_ = 0;
    int stopped_by_ = 0;
    bool wants_drawing_ = false;
    bool keys_wait_ = false;
    bool paused_ = false;
    bool over_ = false;
};

}  // namespace fastqueue::cli
