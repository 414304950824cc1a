#pragma once

#include <fastqueue/model/error.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <string>

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace fastqueue::cli {

/// Ctrl+C (SIGINT) and SIGTERM as something to poll, so that a command can say how far it came before it ends. Make it
/// before anything else has a thread.
class interrupts {
public:
    /// \param also  further signals that are taken so
    explicit interrupts(std::initializer_list<int> also = {}) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        for (int const signal : also) sigaddset(&set, signal);
        pthread_sigmask(SIG_BLOCK, &set, &before_);
        file_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
        if (file_ < 0)
            throw error{errc::bad_value,
                        "the system gives no signalfd: " + std::string{std::strerror(errno)}};
    }
    ~interrupts() {
        let_go();
        ::close(file_);
    }
    interrupts(interrupts const&) = delete;
    interrupts& operator=(interrupts const&) = delete;

    [[nodiscard]] int file() const noexcept { return file_; }
    /// The signal that has come; 0: none.
    [[nodiscard]] int take() const noexcept {
        signalfd_siginfo told{};
        return ::read(file_, &told, sizeof told) == sizeof told ? static_cast<int>(told.ssi_signo) : 0;
    }
    /// From here on a signal ends the process at once. One that has come already does not: timeout(1) signals a process and
    /// then its whole group, and that is one wish.
    void let_go() const noexcept {
        while (take() != 0) {}
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    sigset_t before_{};
    int file_ = -1;
};

}  // namespace fastqueue::cli
