#pragma once

#include <string>

#include <pthread.h>
#include <signal.h>

namespace fastqueue::detail {

/// Signals that a thread raises by its own mistake.
inline constexpr int own_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

/// While it lives this thread takes no signals, and threads begun by it never do, so that a program's signal
/// handling stays in the program's own threads. Left out are those that a thread raises by its own mistake.
class signals_blocked {
public:
    signals_blocked() noexcept {
        sigset_t set;
        sigfillset(&set);
        for (int const own : own_signals) sigdelset(&set, own);
        pthread_sigmask(SIG_BLOCK, &set, &before_);
    }
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(signals_blocked const&) = delete;
    signals_blocked& operator=(signals_blocked const&) = delete;

private:
    sigset_t before_;
};

inline void name_this_thread(std::string const& name) noexcept {
#if defined(__APPLE__)
    pthread_setname_np(name.c_str());
#else
    pthread_setname_np(pthread_self(), name.c_str());
#endif
}

}  // namespace fastqueue::detail
