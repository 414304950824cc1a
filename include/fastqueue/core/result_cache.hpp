#pragma once

#include <fastqueue/core/shared_text.hpp>
#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_state.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/policy/eviction.hpp>
#include <fastqueue/policy/store.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// How a task ended, as it is kept for who asks later.
struct cached_result {
    std::uint64_t submitted_us = 0;
    std::uint64_t started_us = 0;
    std::uint64_t finished_us = 0;
    std::uint32_t attempt = 0;
    std::uint16_t content = 0;
    std::uint32_t name = 0;  ///< in the name table
    errc code{};             ///< none on success
    task_state state = task_state::success;
    shared_text worker;
    std::string value;                  ///< the value, or the error's text
    policy::store_sequence stored = 0;  ///< the write that made the end durable
    policy::task_number number = 0;     ///< its name in the store
    shared_text history;                ///< of its attempts that went wrong, as a `trouble_log`
};

/// Keeps the latest results: so many, so many octets, so long after their end. Who has to leave a full cache
/// is the policy's choice. Each result belongs to an entry of the id ledger, which is told when it goes. One
/// thread at a time.
template <policy::eviction Eviction>
class result_cache {
public:
    struct limits {
        std::uint32_t size = 10'000;           ///< results
        std::uint64_t octets = 256ULL << 20U;  ///< of their values
        std::chrono::seconds ttl{3600};        ///< counted from the task's end
    };

    explicit result_cache(limits limit)
        : limit_{limit}, eviction_{limit.size == 0 ? 1U : limit.size}, items_(limit.size) {
        free_.reserve(limit.size);
        for (std::uint32_t i = limit.size; i-- > 0;) free_.push_back(i);
    }

    /// Keeps a copy of `result` with `value` as its value. `gone(ledger, number)` is called for each that has to leave for it.
    /// \return its slot, or `none` where it can't be kept (a cache of size 0, a value over the whole budget)
    template <class Gone>
    std::uint32_t insert(std::uint32_t ledger, std::uint64_t hash, cached_result const& result,
                         std::string_view value, instant ended, Gone&& gone) {
        auto const size = octets_of(result) + value.size();
        if (items_.empty() || size > limit_.octets) return none;
        while (free_.empty() || octets_ + size > limit_.octets) drop(eviction_.victim(), gone);
        auto const slot = free_.back();
        free_.pop_back();
        auto& item = items_[slot];
        item.result = result;  // `value` is empty in it: the slot's own buffer is filled next
        item.result.value.assign(value);
        item.ledger = ledger;
        item.ended = ended;
        octets_ += size;
        link(slot);
        eviction_.inserted(slot, hash);
        return slot;
    }

    /// The result in `slot`, if its time is not over. Reading it so is a use.
    [[nodiscard]] cached_result const* use(std::uint32_t slot, instant now) noexcept {
        if (expired(items_[slot], now)) return nullptr;
        eviction_.used(slot);
        return &items_[slot].result;
    }
    /// The same without being a use.
    [[nodiscard]] cached_result const* peek(std::uint32_t slot, instant now) const noexcept {
        return expired(items_[slot], now) ? nullptr : &items_[slot].result;
    }

    /// Drops one result; nobody is told.
    void erase(std::uint32_t slot) noexcept {
        drop(slot, [](std::uint32_t, policy::task_number) {});
    }
    /// Drops all whose time is over. `gone(ledger, number)` is called for each. Costs what is dropped.
    template <class Gone>
    void sweep(instant now, Gone&& gone) {
        while (oldest_ != none && expired(items_[oldest_], now)) drop(oldest_, gone);
    }

    /// Calls `f(ledger, result)` for each, the latest end first, until it returns false. That is no use.
    template <class F>
    void each(instant now, F&& f) const {
        for (auto slot = newest_; slot != none && !expired(items_[slot], now); slot = items_[slot].previous) {
            if (!f(items_[slot].ledger, items_[slot].result)) return;
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size() - free_.size(); }
    [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }

private:
    static constexpr std::size_t worth_keeping = 256;

    struct entry {
        cached_result result;
        std::uint32_t ledger = none;
        std::uint32_t previous = none;  // in order of their ends, which is the order in which they expire
        std::uint32_t next = none;
        instant ended{};
    };

    static std::uint64_t octets_of(cached_result const& r) noexcept {
        return r.value.size() + r.worker.view().size() + r.history.view().size();
    }
    [[nodiscard]] bool expired(entry const& i, instant now) const noexcept {
        return saturating_add(i.ended, limit_.ttl) <= now;
    }
    void link(std::uint32_t slot) noexcept {
        items_[slot].previous = newest_;
        items_[slot].next = none;
        (newest_ == none ? oldest_ : items_[newest_].next) = slot;
        newest_ = slot;
    }
    template <class Gone>
    void drop(std::uint32_t slot, Gone&& gone) {
        auto& i = items_[slot];
        eviction_.erased(slot);
        octets_ -= octets_of(i.result);
        (i.previous == none ? oldest_ : items_[i.previous].next) = i.next;
        (i.next == none ? newest_ : items_[i.next].previous) = i.previous;
        if (i.result.value.capacity() > worth_keeping) i.result.value = {};
        i.result.worker = {};
        free_.push_back(slot);
        gone(i.ledger, i.result.number);
    }

    limits limit_;
    Eviction eviction_;
    std::vector<entry> items_;
    std::vector<std::uint32_t> free_;
    std::uint64_t octets_ = 0;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
};

}  // namespace fastqueue::core
