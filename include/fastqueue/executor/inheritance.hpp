#pragma once

#include <fastqueue/model/own_thread.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace fastqueue::executor::detail {

/// In a fork of a program: closes the program's sockets, what else belongs to its loops, and what it has marked to be closed for other
/// programs (as a lock of a store is). Else its ports would stay taken when it has ended, and its peers would wait for a
/// connection that nobody serves. Other files stay open, and what is given. Behind the numbers there is nothing then, and they
/// are not given out again: who still knows one writes into no other's connection.
inline void close_all_but(int kept) noexcept {
    auto* const folder = ::opendir("/proc/self/fd");
    int const nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (folder == nullptr) return;
    while (auto const* entry = ::readdir(folder)) {
        std::string_view const name{entry->d_name};
        int fd = -1;
        std::from_chars(name.data(), name.data() + name.size(), fd);
        if (fd <= STDERR_FILENO || fd == kept || fd == ::dirfd(folder) || fd == nothing) continue;
        std::array<char, 32> text{};
        auto const n = ::readlinkat(::dirfd(folder), entry->d_name, text.data(), text.size());
        std::string_view const what{text.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
        bool const is_programs = what.starts_with("socket:") || what.starts_with("anon_inode:") ||
                                 (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
        if (is_programs && (nothing < 0 || ::dup3(nothing, fd, O_CLOEXEC) < 0)) ::close(fd);
    }
    ::closedir(folder);
    ::close(nothing);
}

/// In a fork of a program: its signal handlers are not for here, where they would write into the program's pipes. What asks a
/// program to end, often its whole group, is left to the program, which lets those that run finish. By a function that does
/// nothing, since programs that a handler begins would inherit it if it were ignored.
inline void reset_signals() noexcept {
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction now {};
        bool const own = std::ranges::find(fastqueue::detail::own_signals, number) !=
                         std::end(fastqueue::detail::own_signals);
        if (own || ::sigaction(number, nullptr, &now) != 0) continue;
        bool const asks_to_end = number == SIGINT || number == SIGTERM || number == SIGHUP;
        if (!asks_to_end && number != SIGCHLD && now.sa_handler == SIG_IGN) continue;
        struct sigaction then {};
        then.sa_handler = SIG_DFL;
        if (asks_to_end) then.sa_handler = [](int) {};
        then.sa_flags = SA_RESTART;
        ::sigaction(number, &then, nullptr);
    }
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

/// \param kept  a descriptor that stays open
inline void leave_behind(int kept) noexcept {
    close_all_but(kept);
    reset_signals();
}

}  // namespace fastqueue::executor::detail
