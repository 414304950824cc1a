#pragma once

#include <fastqueue/executor/child_ends.hpp>
#include <fastqueue/executor/descriptor_pairs.hpp>
#include <fastqueue/executor/inheritance.hpp>
#include <fastqueue/model/own_thread.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <system_error>
#include <utility>

#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fastqueue::executor::detail {

/// A process with one thread that does nothing but make children, and ends with its owner. What has many threads cannot fork
/// safely at any time, since in the copy a lock stays locked whose holder is not there; this one is forked early and once.
/// Its functions may be called from several threads; they take turns.
class zygote {
public:
    /// What a child does. It does not return, or its process ends then.
    using child_function = std::function<void(std::uint32_t number, child_ends ends)>;

    /// \throws std::system_error
    explicit zygote(child_function const& child) {
        auto [ours, theirs] = connected_pair(SOCK_SEQPACKET);
        std::fflush(stdout);  // else each child would write what is in the buffer once more
        std::fflush(stderr);
        pid_ = ::fork();
        if (pid_ < 0) throw_system("fork");
        if (pid_ == 0) {
            ours.close();
            serve(theirs, child);
        }
        control_ = std::move(ours);
    }
    ~zygote() {
        ::shutdown(control_.get(), SHUT_RDWR);  // also where a copy of this process holds it open
        control_.close();
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
    }
    zygote(zygote const&) = delete;
    zygote& operator=(zygote const&) = delete;

    /// \param ends  the child's; closed here
    /// \return its process id, which is its until `reap`
    /// \throws std::system_error
    [[nodiscard]] ::pid_t spawn(std::uint32_t number, child_ends ends) {
        auto const made = ask({order_kind::spawn, number}, &ends);
        if (made < 0) throw std::system_error{static_cast<int>(-made), std::system_category(), "fork"};
        return static_cast<::pid_t>(made);
    }
    /// Waits for the end of a child. \return how it ended, as `waitpid` tells it; -1: nobody knows
    [[nodiscard]] int reap(::pid_t pid) noexcept {
        return static_cast<int>(ask({order_kind::reap, static_cast<std::uint32_t>(pid)}, nullptr));
    }

    /// Kills a child that was not reaped. Its number is its own as long as its parent lives; after that it may be another's.
    void kill(::pid_t pid) const noexcept {
        char octet = 0;
        auto const n = ::recv(control_.get(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n != 0) ::kill(pid, SIGKILL);
    }

private:
    enum class order_kind : std::uint32_t { spawn, reap };
    struct order {
        order_kind kind;
        std::uint32_t number;
    };
    struct order_message {
        ::msghdr head{};
        ::iovec piece{};
        alignas(::cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * child_ends::count)> attached{};

        explicit order_message(order& what) noexcept {
            piece = {&what, sizeof what};
            head.msg_iov = &piece;
            head.msg_iovlen = 1;
            head.msg_control = attached.data();
            head.msg_controllen = attached.size();
        }
    };

    std::int64_t ask(order what, child_ends const* ends) noexcept {
        std::scoped_lock const lock{mutex_};
        std::int64_t answer = 0;
        if (!send(control_.get(), what, ends)) return -EPIPE;
        auto const n = retried([&] { return ::recv(control_.get(), &answer, sizeof answer, 0); });
        return n == sizeof answer ? answer : -EPIPE;
    }
    template <class F>
    static ::ssize_t retried(F&& call) noexcept {
        ::ssize_t n = 0;
        do n = call();
        while (n < 0 && errno == EINTR);
        return n;
    }
    static bool send(int fd, order what, child_ends const* ends) noexcept {
        order_message message{what};
        if (ends != nullptr) {
            auto const fds = ends->numbers();
            auto* const at = CMSG_FIRSTHDR(&message.head);
            at->cmsg_level = SOL_SOCKET;
            at->cmsg_type = SCM_RIGHTS;
            at->cmsg_len = CMSG_LEN(sizeof fds);
            std::memcpy(CMSG_DATA(at), fds.data(), sizeof fds);
        } else {
            message.head.msg_control = nullptr;
            message.head.msg_controllen = 0;
        }
        return retried([&] { return ::sendmsg(fd, &message.head, MSG_NOSIGNAL); }) == sizeof what;
    }
    static bool receive(int fd, order& what, child_ends& ends) noexcept {
        order_message message{what};
        if (retried([&] { return ::recvmsg(fd, &message.head, MSG_CMSG_CLOEXEC); }) != sizeof what)
            return false;
        if (auto const* at = CMSG_FIRSTHDR(&message.head); at != nullptr && at->cmsg_type == SCM_RIGHTS) {
            child_ends::list fds{-1, -1, -1};
            auto const size = std::min<std::size_t>(at->cmsg_len - CMSG_LEN(0), sizeof fds);
            std::memcpy(fds.data(), CMSG_DATA(at), size);
            ends = child_ends{fds};
        }
        return true;
    }

    // ---- in the zygote

    [[noreturn]] static void serve(descriptor& control, child_function const& child) noexcept {
        leave_behind(control.get());
        fastqueue::detail::name_this_thread("fq-zygote");
        order what{};
        child_ends ends;
        while (receive(control.get(), what, ends)) {
            auto const answer = what.kind == order_kind::spawn
                                    ? make_child(control, what.number, std::move(ends), child)
                                    : wait_for(static_cast<::pid_t>(what.number));
            ends = {};
            if (::send(control.get(), &answer, sizeof answer, MSG_NOSIGNAL) < 0) break;
        }
        ::_exit(0);
    }
    static std::int64_t make_child(descriptor& control, std::uint32_t number, child_ends ends,
                                   child_function const& child) noexcept {
        if (!ends.errors) return -EMFILE;  // they came in order, as many as there was room for
        auto const pid = ::fork();
        if (pid < 0) return -errno;
        if (pid > 0) return pid;
        control.close();
        child(number, std::move(ends));
        ::_exit(0);
    }
    static std::int64_t wait_for(::pid_t pid) noexcept {
        int status = -1;
        while (::waitpid(pid, &status, 0) < 0) {
            if (errno != EINTR) return -1;
        }
        return status;
    }

    std::mutex mutex_;
    descriptor control_;
    ::pid_t pid_ = -1;
};

}  // namespace fastqueue::executor::detail
