#pragma once

#include "batch_client.hpp"
#include "batch_line.hpp"
#include "batch_tally.hpp"
#include "connection.hpp"
#include "exit_code.hpp"
#include "interrupts.hpp"
#include "line_source.hpp"
#include "output.hpp"
#include "paced_output.hpp"
#include "progress_bar.hpp"
#include "report.hpp"
#include "wishes.hpp"

#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/shell/client_answers.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>

namespace fastqueue::cli {

/// Hands over the tasks of many lines, thousands in flight, and prints each answer when it comes. One thread sleeps until a
/// line, an answer, the reader of its output or a signal is there, and so memory stays bounded however long the input is.
class batch {
public:
    /// \param usual  for what lines do not say
    /// \param waits  for results; else only until tasks have been accepted
    batch(connection const& at, task_wishes usual, std::string const& from, bool waits,
          std::optional<std::chrono::milliseconds> patience)
        : connection_{at},
          usual_{std::move(usual)},
          waits_{waits},
          source_{from},
          client_{at.options(), waits, patience.value_or(std::chrono::milliseconds{-1})},
          bar_{progress_bar::wanted(), progress_bar::wanted() ? source_.count() : std::nullopt} {}

    /// \return the exit code
    /// \throws error where no control plane was found
    int run() {
        int stopped_by = 0;
        while (!over() && stopped_by == 0) {
            sleep();
            stopped_by = signals_.take();
            take_answers();
            feed();
            print();
        }
        bar_.clear();
        report(stopped_by);
        signals_.let_go();  // once more: at once
        output_.finish();   // what has been answered is not lost
        if (stopped_by != 0) return 128 + stopped_by;
        return source_.problem().empty() ? tally_.code() : usage;
    }

private:
    static constexpr std::size_t most_in_flight = 2000;
    static constexpr std::size_t most_octets = std::size_t{64} << 20U;    // of arguments in flight
    static constexpr std::size_t most_unprinted = std::size_t{1} << 20U;  // octets; more: the reader is slow

    [[nodiscard]] bool over() const {
        return source_.ended() && !line_waits_ && client_.in_flight() == 0 && output_.waiting() == 0;
    }
    [[nodiscard]] bool has_room() const {
        return client_.in_flight() < most_in_flight && client_.octets() < most_octets &&
               output_.waiting() < most_unprinted;
    }
    /// Until there is something to do.
    void sleep() {
        bool const reads = has_room() && !source_.ended() && !line_waits_;
        std::array<pollfd, 4> files{{{signals_.file(), POLLIN, 0},
                                     {client_.wakes(), POLLIN, 0},
                                     {reads ? source_.file() : -1, POLLIN, 0},
                                     {output_.waiting() > 0 ? STDOUT_FILENO : -1, POLLOUT, 0}}};
        bool const at_once = has_room() && line_waits_;
        int const longest = bar_.shown() ? static_cast<int>(progress_bar::pace.count()) : -1;
        ::poll(files.data(), files.size(), at_once ? 0 : longest);
        may_read_ = reads && files[2].revents != 0;
    }

    // ---- lines in

    void feed() {
        if (std::exchange(may_read_, false)) {
            source_.fill();
            line_waits_ = true;
        }
        while (line_waits_ && has_room()) {
            auto const line = source_.next();
            line_waits_ = line.has_value();
            if (line) submit(*line);
        }
    }
    void submit(line_source::line const& line) {
        try {
            if (line.too_long) throw error{errc::bad_option, "is longer than 32 MiB"};
            client_.post(line.number, batch_line::read(line.text, usual_));
        } catch (error const& e) {
            tally_.unreadable(line.number, e.text());
            if (connection_.json()) print_refusal(line.number, "bad_line", e.text());
        }
    }

    // ---- answers out

    void take_answers() {
        client_.take(answered_);
        for (auto* const job : answered_) {
            answer(*job);
            client_.give_back(*job);
        }
        answered_.clear();
    }
    void answer(batch_client::job const& job) {
        auto const& a = job.answer;
        if (a.error) return no_result(job);
        auto const good = !waits_ || a.state == task_state::success;
        good ? tally_.succeeded() : tally_.failed();
        auto const status = shell::status_of(a);
        auto const number = std::to_string(job.line);
        if (connection_.json())
            output_.line("{\"line\":" + number + "," + as_json(job.id, status).substr(1));
        else if (good)
            output_.line(number + ": " + (waits_ ? one_line_value(a.payload) : job.id.text()));
        else
            tell("line " + number + ": " + failure_text(status));
    }
    void no_result(batch_client::job const& job) {
        error const why{job.answer.error,
                        job.answer.payload.empty() ? job.answer.error.message() : job.answer.payload};
        auto const code = exit_code_of(why.code());
        if (code == nobody) throw error{why.code(), connection_.explained(why, {})};
        bool const late = code == timed_out;
        late ? tally_.late() : tally_.refused(job.line, why.text());
        if (connection_.json())
            print_refusal(job.line, name_of(static_cast<errc>(why.code().value())), why.text(), &job.id);
        else if (late)
            tell("line " + std::to_string(job.line) + ": task " + job.id.text() +
                 " has not ended in time (--wait)");
    }
    void print_refusal(std::uint64_t line, std::string_view code, std::string const& why,
                       task_id const* id = nullptr) {
        std::string out;
        json::writer w{out};
        w.begin_object().key("line").value(line);
        if (id != nullptr) w.key("id").value(id->text());
        w.key("state").value(code == name_of(errc::timed_out) ? "unknown" : "refused");
        w.key("code").value(code).key("error").value(why).end_object();
        output_.line(out);
    }
    void print() {
        if (output_.waiting() > 0 && shares_terminal_) bar_.clear();
        output_.pour();
        bar_.draw(tally_.lines(), tally_.progress());
    }
    void tell(std::string const& text) {
        bar_.clear();
        complain(text);
    }
    void report(int stopped_by) {
        for (auto const& line : tally_.refusals()) complain(line);
        if (!source_.problem().empty()) complain(source_.problem());
        auto text = tally_.summary(waits_);
        if (stopped_by != 0) {
            text = "interrupted: " + text;
            if (auto const left = client_.in_flight(); left > 0)
                text += "; " + std::to_string(left) + " more were sent and may still run";
        }
        complain(text);
    }

    connection const& connection_;
    task_wishes usual_;
    bool waits_;
    line_source source_;
    interrupts signals_;  // before the client's thread
    batch_client client_;
    progress_bar bar_;
    paced_output output_;
    batch_tally tally_;
    std::vector<batch_client::job*> answered_;
    bool const shares_terminal_ = ::isatty(STDOUT_FILENO) == 1;
    bool line_waits_ = false;  // lines that have been read may be there
    bool may_read_ = false;    // without blocking
};

}  // namespace fastqueue::cli
