#pragma once

#include <fastqueue/policy/store.hpp>

#include <cstdint>
#include <functional>
#include <string_view>

namespace fastqueue::store {

/// Keeps nothing: the control plane holds every task in memory anyhow, and what it holds ends with it. Each
/// write is numbered and counts as committed at once, so `poll` has news right after a write and `wake` is
/// never called. The default; the cheapest; a crash loses all. One thread at a time.
class memory {
public:
    /// A life of its own.
    /// \throws error if the system gives no random numbers
    memory() : memory{uuid::make_v4()} {}
    /// A life of that name, for simulations that must repeat.
    explicit memory(uuid epoch) noexcept : epoch_{epoch} {}

    void attach(std::function<void()> const&) noexcept {}

    policy::store_sequence put(policy::task_record const&) noexcept { return ++written_; }
    policy::store_sequence claim(policy::task_number, std::uint32_t) noexcept { return ++written_; }
    policy::store_sequence requeue(policy::attempt_record const&) noexcept { return ++written_; }
    policy::store_sequence finish(policy::result_record const&) noexcept { return ++written_; }
    policy::store_sequence forget(policy::task_number) noexcept { return ++written_; }
    policy::store_sequence erase(policy::task_number) noexcept { return ++written_; }
    policy::store_sequence member(std::string_view, bool) noexcept { return ++written_; }

    void flush(policy::store_sequence) noexcept {}
    /// Everything so far; it never finds an id taken, since nothing else writes here, and it never fails.
    void poll(policy::store_news& news) const noexcept {
        news.committed = written_;
        news.existing.clear();
        news.fetched.clear();
        news.backups.clear();
        news.full.reset();
        news.failure.reset();
    }
    [[nodiscard]] uuid epoch() const noexcept { return epoch_; }

private:
    uuid epoch_;
    policy::store_sequence written_ = 0;
};

static_assert(policy::store<memory>);

}  // namespace fastqueue::store
