#pragma once

#include <fastqueue/executor/child_ends.hpp>
#include <fastqueue/executor/descriptor.hpp>
#include <fastqueue/executor/error_relay.hpp>
#include <fastqueue/executor/job_channel.hpp>
#include <fastqueue/executor/zygote.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace fastqueue::executor::detail {

/// How a child ended, in words.
[[nodiscard]] inline std::string words_of_status(int status, bool killed_by_us) {
    if (status < 0) return "the handler's process has gone, and nobody knows why";
    if (WIFEXITED(status))
        return "the handler's process ended with exit status " + std::to_string(WEXITSTATUS(status));
    auto const signal = WTERMSIG(status);
    auto text = "the handler's process was ended by signal " + std::to_string(signal) + " (" +
                ::strsignal(signal) + ')';
    if (signal == SIGKILL && !killed_by_us) text += ", by hand or for want of memory";
    return text;
}

/// An executor's side of one child. `call` and what it stands beside belong to one thread, the one that the child stands for;
/// `interrupt` and `kill` to any while that is in `call`, as the executor's lock sees to.
class child_process {
public:
    child_process(zygote& from, error_relay& errors, std::uint32_t number)
        : zygote_{&from}, errors_{&errors}, number_{number} {}
    ~child_process() {
        if (begun()) static_cast<void>(end());
    }
    child_process(child_process const&) = delete;
    child_process& operator=(child_process const&) = delete;

    [[nodiscard]] bool begun() const noexcept { return pid_ > 0; }
    /// \throws std::system_error
    void begin() {
        auto [jobs, its_jobs] = connected_pair(SOCK_STREAM);
        auto [stops, its_stops] = connected_pair(SOCK_STREAM);
        auto [errors, its_errors] = pipe_pair();
        pid_ = zygote_->spawn(number_, {std::move(its_jobs), std::move(its_stops), std::move(its_errors)});
        errors_->watch(number_, std::move(errors));
        jobs_ = std::move(jobs);
        stops_ = std::move(stops);
        killed_ = false;
    }
    /// The number under which the next call's job may be stopped is a new one from here on.
    void prepare() {
        ++serial_;
        errors_->forget(number_);
    }
    /// \return false: it has gone before it answered
    /// \throws std::bad_alloc
    [[nodiscard]] bool call(std::string_view request, std::string& answer) {
        std::uint64_t serial = 0;
        return send_frame(jobs_.get(), serial_, request) && receive_frame(jobs_.get(), serial, answer) &&
               serial == serial_;
    }
    /// Asks the job of this call to stop.
    void interrupt() noexcept {
        static_cast<void>(::send(stops_.get(), &serial_, sizeof serial_, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    void kill() noexcept {
        killed_ = true;
        zygote_->kill(pid_);
    }
    /// Of one that has gone, or shall now: how it ended, and its last words.
    [[nodiscard]] std::string bury() {
        // Who has closed his end without ending is out of his mind. It changes nothing for one that is ending.
        zygote_->kill(pid_);
        auto why = words_of_status(end(), killed_);
        if (auto const lines = errors_->last_lines(number_); !lines.empty())
            why += "; its last lines on stderr:\n" + lines;
        return why;
    }
    /// Lets it end in its own time, when it is not in a call; though what it does then may hang as well.
    /// \return its status
    int end() noexcept {
        ::shutdown(jobs_.get(), SHUT_WR);
        stops_.close();
        if (!is_gone_in(patience_ms)) zygote_->kill(pid_);
        jobs_.close();
        return zygote_->reap(std::exchange(pid_, -1));
    }

private:
    static constexpr int patience_ms = 5000;

    [[nodiscard]] bool is_gone_in(int ms) const noexcept {
        ::pollfd end{jobs_.get(), POLLIN, 0};
        return ::poll(&end, 1, ms) != 0;
    }

    zygote* zygote_;
    error_relay* errors_;
    std::uint32_t number_;
    ::pid_t pid_ = -1;
    std::uint64_t serial_ = 0;
    bool killed_ = false;
    descriptor jobs_;
    descriptor stops_;
};

}  // namespace fastqueue::executor::detail
