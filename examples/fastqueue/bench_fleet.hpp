#pragma once

#include <fastqueue/control_plane.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/subworker.hpp>
#include <fastqueue/tasks/registry.hpp>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <deque>
#include <string>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fastqueue::cli {

/// What a clock shows; 0 where there is none.
[[nodiscard]] inline double seconds_on(::clockid_t clock) noexcept {
    ::timespec time{};
    if (::clock_gettime(clock, &time) != 0) return 0;
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// A process of this program's that is forked, and ends with this object and with its parent. Only while the parent has no
/// second thread.
class forked {
public:
    template <class Body>
    explicit forked(Body body) {
        auto const parent = ::getpid();
        id_ = ::fork();
        if (id_ < 0)
            throw error{errc::bad_value, "the system gives no process: " + std::string{std::strerror(errno)}};
        if (id_ > 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
        try {
            body();
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    forked(forked const&) = delete;
    forked& operator=(forked const&) = delete;
    ~forked() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }
    /// Processor time of all its threads so far; 0 where it has ended.
    [[nodiscard]] double cpu_seconds() const noexcept {
        ::clockid_t clock{};
        return ::clock_getcpuclockid(id_, &clock) == 0 ? seconds_on(clock) : 0;
    }

private:
    ::pid_t id_ = -1;
};

/// A control plane and subworkers for a measurement, on free ports of the loopback, as processes of their own. They know one
/// task: it gives back what it is given.
class bench_fleet {
public:
    static constexpr char const* task = "bench.echo";

    bench_fleet(std::uint32_t subworkers, std::uint32_t concurrency) : plane_{[this] { be_plane(); }} {
        ports told{};
        ::close(std::exchange(pipe_.write, -1));
        if (::read(pipe_.read, &told, sizeof told) != sizeof told)
            throw error{errc::unreachable, "the control plane of the measurement did not start"};
        discovery_.port = told.discovery;
        for (std::uint32_t i = 0; i < subworkers; ++i)
            workers_.emplace_back([&, i] { be_subworker(i, told, concurrency); });
    }

    [[nodiscard]] endpoint const& discovery() const noexcept { return discovery_; }
    [[nodiscard]] double plane_seconds() const noexcept { return plane_.cpu_seconds(); }
    [[nodiscard]] double worker_seconds() const noexcept {
        double sum = 0;
        for (auto const& w : workers_) sum += w.cpu_seconds();
        return sum;
    }

private:
    struct ports {
        std::uint16_t base;
        std::uint16_t discovery;
    };
    struct two_ends {
        two_ends() {
            int ends[2];
            if (::pipe(ends) != 0)
                throw error{errc::bad_value,
                            "the system gives no pipe: " + std::string{std::strerror(errno)}};
            read = ends[0];
            write = ends[1];
        }
        two_ends(two_ends const&) = delete;
        two_ends& operator=(two_ends const&) = delete;
        ~two_ends() {
            ::close(read);
            if (write >= 0) ::close(write);
        }
        int read = -1;
        int write = -1;
    };
    [[nodiscard]] static endpoint loopback(std::uint16_t port = 0) { return {"127.0.0.1", port}; }

    void be_plane() const {
        control_plane_options options;
        options.base = options.discovery = loopback();
        options.local = false;
        control_plane plane{options};
        plane.start();
        ports const told{plane.listens().tasks[0].port, plane.listens().discovery.port};
        if (::write(pipe_.write, &told, sizeof told) != sizeof told) return;
        plane.run();
    }
    static void be_subworker(std::uint32_t number, ports const& told, std::uint32_t concurrency) {
        registry tasks;
        tasks.define(fastqueue::task<std::string(std::string)>{task, "text"},
                     [](std::string text) { return text; });
        subworker_options options;
        options.worker_id = "bench-" + std::to_string(number + 1);
        options.control_plane = loopback(told.base);
        options.discovery = loopback(told.discovery);
        options.base = loopback();
        options.concurrency = concurrency;
        subworker worker{options, std::move(tasks)};
        worker.run();
    }

    two_ends pipe_;  // before who writes into it
    endpoint discovery_ = loopback();
    forked plane_;
    std::deque<forked> workers_;
};

}  // namespace fastqueue::cli
