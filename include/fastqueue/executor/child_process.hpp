#pragma once

#include <fastqueue/executor/child_ends.hpp>
#include <fastqueue/executor/descriptor_pairs.hpp>
#include <fastqueue/executor/error_relay.hpp>
#include <fastqueue/executor/job_channel.hpp>
#include <fastqueue/executor/zygote.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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
        exit_ = descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};  // none before Linux 5.3
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
    /// \param told  called with each text that the job tells of its progress
    /// \return false: it has gone before it answered
    /// \throws std::bad_alloc
    template <class Told>
    [[nodiscard]] bool call(std::string_view request, std::string& answer, Told&& told) {
        auto const receive = [this](void* to, std::size_t size) {
            return receive_octets(jobs_.get(), to, size, MSG_DONTWAIT, [this] { return has_answer(); });
        };
        bool ended = false;
        auto const right = [this, &ended](std::uint64_t serial) {
            ended = serial == serial_;
            return ended || serial == (serial_ | progress_bit);
        };
        if (!send_frame(jobs_.get(), serial_, request)) return false;
        while (receive_frame(receive, right, answer)) {
            if (ended) return true;
            told(answer);
        }
        return false;
    }
    /// Asks the job of this call to stop.
    void interrupt() noexcept {
        static_cast<void>(::send(stops_.get(), &serial_, sizeof serial_, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    void kill() noexcept {
        killed_ = true;
        end_now();
    }
    /// Of one that has gone, or shall now: how it ended, and its last words.
    [[nodiscard]] std::string bury() {
        end_now();  // who has closed his end without ending is out of his mind; it changes nothing for one that is ending
        auto why = words_of_status(end(), killed_);
        if (auto const lines = errors_->last_lines(number_); !lines.empty())
            why += "; its last lines on stderr:\n" + lines;
        return why;
    }
    /// The same, without a word.
    void end_at_once() noexcept {
        end_now();
        static_cast<void>(end());
    }
    /// Lets it end in its own time, when it is not in a call; though what it does then may hang as well.
    /// \return its status
    int end() noexcept {
        ::shutdown(jobs_.get(), SHUT_WR);
        ::shutdown(stops_.get(), SHUT_RDWR);
        if (!is_gone_in(patience_ms)) end_now();
        jobs_.close();
        stops_.close();
        exit_.close();
        return zygote_->reap(std::exchange(pid_, -1));
    }

private:
    static constexpr int patience_ms = 5000;

    /// Where the system tells of a process's end by a descriptor, that tells of it: a copy of the child that a handler has forked keeps
    /// the child's end of a socket open.
    [[nodiscard]] bool is_gone_in(int ms) const noexcept {
        ::pollfd end{exit_ ? exit_.get() : jobs_.get(), POLLIN, 0};
        int n = 0;
        do n = ::poll(&end, 1, ms);
        while (n < 0 && errno == EINTR);
        return n > 0;
    }
    /// Waits until there is something to read. \return false: there will be nothing, for it has ended
    [[nodiscard]] bool has_answer() const noexcept {
        std::array<::pollfd, 2> ends{{{jobs_.get(), POLLIN, 0}, {exit_.get(), POLLIN, 0}}};
        while (::poll(ends.data(), ends.size(), -1) < 0 && errno == EINTR) {}
        return ends[0].revents != 0;
    }
    void end_now() noexcept {
        if (exit_)
            static_cast<void>(::syscall(SYS_pidfd_send_signal, exit_.get(), SIGKILL, nullptr, 0));
        else
            zygote_->kill(pid_);
    }

    zygote* zygote_;
    error_relay* errors_;
    std::uint32_t number_;
    ::pid_t pid_ = -1;
    std::uint64_t serial_ = 0;
    bool killed_ = false;
    descriptor jobs_;
    descriptor stops_;
    descriptor exit_;  // readable when it has ended
};

}  // namespace fastqueue::executor::detail
