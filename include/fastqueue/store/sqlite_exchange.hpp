#pragma once

#include <fastqueue/policy/spin.hpp>
#include <fastqueue/policy/store.hpp>
#include <fastqueue/store/sqlite_batch.hpp>
#include <fastqueue/store/sqlite_options.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fastqueue::store::detail {

/// What the owner of a store and the store's thread have in common: the writes that were handed over, and the news
/// of them. The lock is held for the swap of a buffer, or to append to it, and never while anything waits.
class sqlite_exchange {
public:
    using clock = std::chrono::steady_clock;

    explicit sqlite_exchange(sqlite_options const& options) : options_{options} {}

    // ---- the owner

    /// Before the first write.
    void attach(std::function<void()> wake) {
        std::lock_guard const lock{mutex_};
        wake_ = std::move(wake);
    }
    /// Hands over all of `batch`, which is empty afterwards; `last` is its last write.
    /// \param at_once  somebody waits for what is not a write
    void hand_over(sqlite_batch& batch, policy::store_sequence last, policy::store_sequence awaited,
                   bool at_once) {
        bool call = false;
        {
            std::lock_guard const lock{mutex_};
            if (ended_) return batch.clear();
            bool const first = gathered_.empty() && !batch.empty();
            pending_.fetch_add(batch.octets(), std::memory_order_relaxed);
            gathered_.take(batch);
            if (first) since_ = clock::now();
            last_ = last;
            awaited_ = std::max(awaited_, awaited);
            at_once_ = at_once_ || at_once;
            call = sleeping_ && (first || due());
            handed_over_.fetch_add(1, std::memory_order_release);
        }
        if (call) handed_.notify_one();
    }
    /// Adds what is new since it was last asked.
    void poll(policy::store_news& news) {
        if (!fresh_.load(std::memory_order_acquire)) return;
        std::lock_guard const lock{mutex_};
        fresh_.store(false, std::memory_order_relaxed);
        std::swap(news.fetched, news_.fetched);
        std::swap(news.backups, news_.backups);
        news_.fetched.clear();
        news_.backups.clear();
        news.committed = news_.committed;
        news.full = news_.full;
        news.failure = news_.failure;
    }
    /// Octets that were handed over and are not committed.
    [[nodiscard]] std::uint64_t pending() const noexcept { return pending_.load(std::memory_order_relaxed); }
    /// The thread ends once it has taken all; nobody is called any more.
    void close() {
        {
            std::lock_guard const lock{mutex_};
            closing_ = true;
            handed_over_.fetch_add(1, std::memory_order_release);
        }
        handed_.notify_one();
    }

    // ---- the thread

    enum class taken { writes, nothing, end };

    /// Waits for something to do, and takes all that was handed over.
    /// \param until  when there is something else to do
    taken take(sqlite_batch& batch, policy::store_sequence& last, std::optional<clock::time_point> until) {
        std::unique_lock lock{mutex_};
        bool looked = false;
        while (!due()) {
            if (closing_) return taken::end;
            auto const now = clock::now();
            if (!gathered_.empty() && now >= since_ + options_.linger) break;
            auto const limit = deadline(until);
            if (limit && now >= *limit) return taken::nothing;
            if (!std::exchange(looked, true)) {
                look_for_more(lock, limit);
                continue;  // whatever it saw: something may have come since
            }
            sleeping_ = true;
            limit ? (void)handed_.wait_until(lock, *limit) : handed_.wait(lock);
            sleeping_ = false;
            looked = false;
        }
        batch.take(gathered_);
        last = taken_ = last_;
        at_once_ = false;
        return taken::writes;
    }
    /// Changes the news and calls the owner, once until it asks.
    template <class Change>
    void tell(Change change) {
        bool call = false;
        {
            std::lock_guard const lock{mutex_};
            change(news_);
            call = !fresh_.exchange(true, std::memory_order_release) && !closing_;
        }
        if (call && wake_) wake_();
    }
    void wrote(std::uint64_t octets) noexcept { pending_.fetch_sub(octets, std::memory_order_relaxed); }
    /// Nothing is written any more.
    void fail(std::string const& why) {
        {
            std::lock_guard const lock{mutex_};
            ended_ = true;
            gathered_.clear();
        }
        tell([&](policy::store_news& news) { news.failure = why; });
    }

private:
    /// Being woken costs more than looking for a while: who waits for a commit sends the next task right after it.
    void look_for_more(std::unique_lock<std::mutex>& lock, std::optional<clock::time_point> const& limit) {
        auto longest = options_.spin;
        if (limit)
            longest = std::min(longest,
                               std::chrono::duration_cast<std::chrono::microseconds>(*limit - clock::now()));
        auto const seen = handed_over_.load(std::memory_order_relaxed);
        lock.unlock();
        look_(longest, [&] { return handed_over_.load(std::memory_order_acquire) != seen; });
        lock.lock();
    }
    [[nodiscard]] bool due() const noexcept {
        return !gathered_.empty() && (closing_ || at_once_ || awaited_ > taken_ ||
                                      gathered_.operations() >= options_.batch_operations ||
                                      gathered_.octets() >= options_.batch_octets);
    }
    [[nodiscard]] std::optional<clock::time_point> deadline(std::optional<clock::time_point> until) const {
        if (gathered_.empty()) return until;
        auto const linger = since_ + options_.linger;
        return until ? std::min(*until, linger) : linger;
    }

    sqlite_options options_;
    std::function<void()> wake_;
    std::atomic<std::uint64_t> pending_{0};
    std::atomic<std::uint32_t> handed_over_{0};  // how often
    policy::spinner look_;
    std::atomic<bool> fresh_{false};  // there is news; changed under the lock, looked at without

    std::mutex mutex_;
    std::condition_variable handed_;
    sqlite_batch gathered_;
    clock::time_point since_{};  // when the first of them came
    policy::store_sequence last_ = 0;
    policy::store_sequence taken_ = 0;
    policy::store_sequence awaited_ = 0;
    bool at_once_ = false;
    bool sleeping_ = false;
    bool closing_ = false;
    bool ended_ = false;
    policy::store_news news_;
};

}  // namespace fastqueue::store::detail
