#pragma once

#include <sys/eventfd.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace fastqueue::transport::detail {

/// Ends a `zmq_poll` from any thread, and from a signal's handler. Linux.
class zmq_bell {
public:
    /// \throws std::system_error  no descriptor is left
    zmq_bell() : descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        if (descriptor_ < 0) throw std::system_error{errno, std::system_category(), "eventfd"};
    }
    zmq_bell(zmq_bell const&) = delete;
    zmq_bell& operator=(zmq_bell const&) = delete;
    ~zmq_bell() { ::close(descriptor_); }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

    /// The loop shall tell `woken`. Calls between two turns count as one. From any thread.
    void wake() noexcept {
        if (!woken_.exchange(true, std::memory_order_acq_rel)) ring();
    }
    /// The loop shall take a turn, and that is all. From any thread.
    void ring() noexcept {
        auto const before = errno;  // a signal's handler must leave it alone
        std::uint64_t const one = 1;
        [[maybe_unused]] auto const written = ::write(descriptor_, &one, sizeof one);
        errno = before;
    }
    /// In the loop: whether `wake` was called since the last time.
    [[nodiscard]] bool take() noexcept {
        // This order: a wake that comes in between is taken now, and costs an empty turn later; none is lost.
        std::uint64_t count = 0;
        [[maybe_unused]] auto const read = ::read(descriptor_, &count, sizeof count);
        return woken_.exchange(false, std::memory_order_acq_rel);
    }

private:
    int descriptor_;
    std::atomic<bool> woken_{false};
};

static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace fastqueue::transport::detail
