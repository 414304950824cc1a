#pragma once

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

[[noreturn]] inline void fail(std::string const& what) {
    throw std::system_error{errno, std::system_category(), what};
}

/// This process, and what it starts from now on, runs on one processor alone.
inline void stay_on(std::uint32_t processor) {
    ::cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) fail("processor " + std::to_string(processor));
}

/// A file descriptor that is closed at the end.
class descriptor {
public:
    explicit descriptor(int fd = -1) noexcept : fd_{fd} {}
    descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_;
};

/// Lines to and from another process.
class channel {
public:
    channel(descriptor in, descriptor out) : in_{std::move(in)}, out_{std::move(out)} {}

    void say(std::string line) {
        line += '\n';
        if (::write(out_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) fail("write");
    }
    /// The next line. \throws std::runtime_error when the other has gone or says nothing for `seconds`
    [[nodiscard]] std::string hear(double seconds) {
        std::string line;
        for (char c = 0;;) {
            ::pollfd ready{in_.get(), POLLIN, 0};
            if (::poll(&ready, 1, static_cast<int>(seconds * 1000)) <= 0)
                throw std::runtime_error{"a process says nothing"};
            if (::read(in_.get(), &c, 1) != 1)
                throw std::runtime_error{"a process has ended before its time"};
            if (c == '\n') return line;
            line += c;
        }
    }

    /// For a program that this process becomes: its standard input and output.
    void become_standard() const {
        ::dup2(in_.get(), STDIN_FILENO);
        ::dup2(out_.get(), STDOUT_FILENO);
    }

private:
    descriptor in_;
    descriptor out_;
};

/// A forked process. It ends with this object, and with its parent. Fork only from a process of one thread.
class process {
public:
    using body = std::function<void(channel&)>;

    explicit process(body const& run) : process{run, make_pipe(), make_pipe()} {}
    process(process const&) = delete;
    process& operator=(process const&) = delete;
    ~process() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    [[nodiscard]] ::pid_t id() const noexcept { return id_; }
    [[nodiscard]] channel& talk() noexcept { return talk_; }
    /// Processor time of all its threads so far, in seconds.
    [[nodiscard]] double cpu_seconds() const {
        ::clockid_t clock{};
        ::timespec time{};
        if (::clock_getcpuclockid(id_, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
            throw std::runtime_error{"a process has ended before its time"};
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    }

private:
    using pipe_ends = std::pair<descriptor, descriptor>;

    static pipe_ends make_pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
        return {descriptor{ends[0]}, descriptor{ends[1]}};
    }
    process(body const& run, pipe_ends down, pipe_ends up)
        : id_{start(run, down, up)}, talk_{std::move(up.first), std::move(down.second)} {}

    static ::pid_t start(body const& run, pipe_ends& down, pipe_ends& up) {
        auto const parent = ::getpid();
        auto const id = ::fork();
        if (id < 0) fail("fork");
        if (id > 0) return id;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
        channel talk{std::move(down.first), std::move(up.second)};
        down.second = descriptor{};
        up.first = descriptor{};
        ::_exit(live(run, talk));
    }
    static int live(body const& run, channel& talk) noexcept {
        try {
            run(talk);
            return 0;
        } catch (std::exception const& e) {
            std::fprintf(stderr, "process %d: %s\n", static_cast<int>(::getpid()), e.what());
            return 1;
        }
    }

    ::pid_t id_;
    channel talk_;
};

}  // namespace bench
