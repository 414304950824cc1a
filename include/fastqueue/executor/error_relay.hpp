#pragma once

#include <fastqueue/executor/descriptor_pairs.hpp>
#include <fastqueue/model/own_thread.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fastqueue::executor::detail {

/// Passes on to the program's stderr what its children write to theirs, from a thread of its own, and keeps each one's last
/// lines. Any thread.
class error_relay {
public:
    static constexpr std::size_t most_kept = 2048;  ///< octets of each child

    /// \throws std::system_error
    explicit error_relay(std::uint32_t children) : sources_(children) {
        std::tie(wake_, woken_) = connected_pair(SOCK_STREAM);
        fastqueue::detail::signals_blocked const blocked;
        thread_ = std::thread{[this] { work(); }};
    }
    ~error_relay() {
        ::shutdown(wake_.get(), SHUT_WR);
        thread_.join();
    }
    error_relay(error_relay const&) = delete;
    error_relay& operator=(error_relay const&) = delete;

    /// \param from  the pipe of a new child; non-blocking
    void watch(std::uint32_t child, descriptor from) {
        {
            std::scoped_lock const lock{mutex_};
            sources_[child] = {std::move(from), {}};
        }
        static_cast<void>(::send(wake_.get(), "", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    /// Forgets what the child has written until now.
    void forget(std::uint32_t child) { static_cast<void>(last_lines(child)); }
    /// What it has written since, as far as it was kept; whole lines where there are several.
    [[nodiscard]] std::string last_lines(std::uint32_t child) {
        std::string fresh;
        std::string lines;
        {
            std::scoped_lock const lock{mutex_};
            drain(sources_[child], fresh);
            lines = std::exchange(sources_[child].tail, {});
        }
        pass_on(fresh);
        if (lines.size() == most_kept) lines.erase(0, lines.find('\n') + 1);  // npos + 1 is 0
        while (!lines.empty() && lines.back() == '\n') lines.pop_back();
        return lines;
    }

private:
    struct source {
        descriptor from;
        std::string tail;
    };

    /// What has come is added to `fresh`.
    static void drain(source& s, std::string& fresh) {
        std::array<char, 4096> octets{};
        while (s.from) {
            auto const n = ::read(s.from.get(), octets.data(), octets.size());
            if (n < 0 && errno == EINTR) continue;
            if (n == 0 || (n < 0 && errno != EAGAIN)) s.from.close();
            if (n <= 0) return;
            std::string_view const come{octets.data(), static_cast<std::size_t>(n)};
            fresh += come;
            s.tail += come;
            if (s.tail.size() > most_kept) s.tail.erase(0, s.tail.size() - most_kept);
            if (fresh.size() >= most_at_once) return;
        }
    }
    /// Outside the lock: who reads our stderr may take his time.
    static void pass_on(std::string_view octets) noexcept {
        while (!octets.empty()) {
            auto const n = ::write(STDERR_FILENO, octets.data(), octets.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return;
            octets.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    void work() noexcept {
        fastqueue::detail::name_this_thread("fq-exec-stderr");
        std::vector<::pollfd> awaited;
        bool goes_on = true;
        for (std::string fresh; goes_on; fresh.clear()) {
            goes_on = await(awaited);
            {
                std::scoped_lock const lock{mutex_};
                for (auto& s : sources_) drain(s, fresh);
            }
            pass_on(fresh);
        }
    }
    /// \return false: it is the end
    bool await(std::vector<::pollfd>& awaited) {
        awaited.assign(1, {woken_.get(), POLLIN, 0});
        {
            std::scoped_lock const lock{mutex_};
            for (auto const& s : sources_) {
                if (s.from) awaited.push_back({s.from.get(), POLLIN, 0});
            }
        }
        ::poll(awaited.data(), awaited.size(), -1);
        if ((awaited.front().revents & (POLLIN | POLLHUP)) == 0) return true;
        std::array<char, 64> calls{};
        return ::recv(woken_.get(), calls.data(), calls.size(), MSG_DONTWAIT) != 0;
    }

    static constexpr std::size_t most_at_once = 64U << 10U;

    std::mutex mutex_;  // of sources_
    std::vector<source> sources_;
    descriptor wake_;
    descriptor woken_;
    std::thread thread_;
};

}  // namespace fastqueue::executor::detail
