#pragma once

#include <thread>
#include <utility>

#include <pthread.h>
#include <signal.h>

namespace fastqueue::store::detail {

/// A thread with a name that takes no signals, so that a program's signal handling stays in the program's own threads.
/// Left out are those that a thread raises by its own mistake.
class sqlite_thread {
public:
    template <class Work>
    sqlite_thread(char const* name, Work work) {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        for (int const own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
            sigdelset(&all, own);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        try {
            thread_ = std::thread{[name, w = std::move(work)] {
                name_this(name);
                w();
            }};
        } catch (...) {
            pthread_sigmask(SIG_SETMASK, &before, nullptr);
            throw;
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    ~sqlite_thread() { join(); }
    sqlite_thread(sqlite_thread const&) = delete;
    sqlite_thread& operator=(sqlite_thread const&) = delete;

    void join() noexcept {
        if (thread_.joinable()) thread_.join();
    }

private:
    static void name_this(char const* name) noexcept {
#if defined(__APPLE__)
        pthread_setname_np(name);
#else
        pthread_setname_np(pthread_self(), name);
#endif
    }

    std::thread thread_;
};

}  // namespace fastqueue::store::detail
