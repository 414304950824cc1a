#pragma once

#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::transport {

/// Messages one behind another: their octets, and how they are divided.
struct inproc_batch {
    std::string octets;
    std::vector<std::uint32_t> layout;  // of each message: how many frames, then the size of each

    void append(std::span<std::string_view const> frames) {
        layout.push_back(static_cast<std::uint32_t>(frames.size()));
        for (auto const frame : frames) {
            layout.push_back(static_cast<std::uint32_t>(frame.size()));
            octets.append(frame);
        }
    }
    /// Memory in use; `frame_bytes` counts what a frame costs beyond its octets.
    [[nodiscard]] std::size_t bytes() const noexcept { return octets.size() + layout.size() * frame_bytes; }
    [[nodiscard]] bool empty() const noexcept { return layout.empty(); }
    void clear() noexcept {
        octets.clear();
        layout.clear();
    }

    static constexpr std::size_t frame_bytes = sizeof(std::uint32_t);
};

class inproc_mailbox;

/// Two transports that are connected. What is written [end] belongs to that end's thread, but for `queued`.
struct inproc_link {
    std::array<std::shared_ptr<inproc_mailbox>, 2>
        mailbox;                                       // of the dialler and of the acceptor; never change
    std::array<std::atomic<std::size_t>, 2> queued{};  // bytes on their way to that end
    std::array<peer_id, 2> id{};
};

/// What one transport gives another.
struct inproc_parcel {
    enum class content : std::uint8_t { arrival, messages, end };

    content what;
    std::shared_ptr<inproc_link> link;
    std::size_t end = 0;  // that the receiver is
    std::uint32_t tag = 0;
    inproc_batch batch{};
};

/// Where one `inproc` transport is given things by others. Everything from any thread.
class inproc_mailbox {
public:
    /// \return false: the transport is gone
    bool put(inproc_parcel&& parcel) {
        {
            std::lock_guard const lock{mutex_};
            if (closed_) return false;
            parcels_.push_back(std::move(parcel));
            if (parcels_.size() == 1) notify();
        }
        filled_.notify_one();
        return true;
    }
    void wake() {
        {
            std::lock_guard const lock{mutex_};
            if (std::exchange(woken_, true) || closed_) return;
            notify();
        }
        filled_.notify_one();
    }

    /// Takes all that is there.
    /// \param parcels  empty; its memory is used for the next ones
    /// \return whether `wake` was called since the last time
    bool take(std::vector<inproc_parcel>& parcels) {
        std::lock_guard const lock{mutex_};
        parcels_.swap(parcels);
        return std::exchange(woken_, false);
    }
    /// Returns when there is something, or at `until`.
    void wait(std::optional<instant> until) {
        std::unique_lock lock{mutex_};
        auto const filled = [this] { return woken_ || !parcels_.empty(); };
        if (until && *until != instant::max()) {
            filled_.wait_until(lock, *until, filled);
        } else {
            filled_.wait(lock, filled);
        }
    }
    /// Nothing more is taken; gives what is still there.
    [[nodiscard]] std::vector<inproc_parcel> close() noexcept {
        std::lock_guard const lock{mutex_};
        closed_ = true;
        on_filled_ = nullptr;
        return std::exchange(parcels_, {});
    }
    /// \param on_filled  called by whoever puts the first thing in; must not call the transport
    void set_wake(std::function<void()> on_filled) {
        std::lock_guard const lock{mutex_};
        on_filled_ = std::move(on_filled);
        if (woken_ || !parcels_.empty()) notify();
    }

private:
    // Under the lock, so that nobody is called any more once the transport is gone.
    void notify() const {
        if (on_filled_) on_filled_();
    }

    std::mutex mutex_;
    std::condition_variable filled_;
    std::vector<inproc_parcel> parcels_;
    std::function<void()> on_filled_;
    bool woken_ = false;
    bool closed_ = false;
};

}  // namespace fastqueue::transport
