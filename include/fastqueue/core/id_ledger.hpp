#pragma once

#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_state.hpp>

#include <cassert>
#include <cstdint>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// Remembers which ids were used, for what, and how it ended: far longer than results are kept, so that a
/// request sent again is the same task and not a second one. 32 octets an entry and 4 to 8 in the index.
/// Entries of tasks that live stay; of those that have ended at most `capacity` are kept, the latest. One
/// thread at a time.
class id_ledger {
public:
    struct entry {
        task_id id;
        std::uint64_t mark =
            0;  ///< 56 bits of the fingerprint of name, content and arguments, 8 of the state
        std::uint32_t reference = none;  ///< the task while it lives, then its cached result
        std::uint32_t next = none;       ///< entries that have ended, oldest first
    };
    static_assert(sizeof(entry) == 32);

    /// \param seed  a secret, so that nobody can choose ids that collide in the index
    id_ledger(std::uint32_t capacity, std::uint64_t seed)
        : capacity_{capacity}, seed_{seed}, index_(1024, none) {}

    /// The entry of `id`, or `none`.
    [[nodiscard]] std::uint32_t find(task_id const& id) const noexcept { return index_[place(id)]; }
    [[nodiscard]] entry const& operator[](std::uint32_t slot) const noexcept { return entries_[slot]; }
    [[nodiscard]] task_state state(std::uint32_t slot) const noexcept {
        return static_cast<task_state>(entries_[slot].mark & 0xffU);
    }

    /// Adds an id that is not there, of a task that lives at `reference`.
    std::uint32_t insert(task_id const& id, std::uint64_t fingerprint, std::uint32_t reference) {
        if ((size_ + 1) * 8 > index_.size() * 5) rehash();
        auto const slot = entries_.take();
        auto& e = entries_[slot];
        e.id = id;
        e.mark = (fingerprint << 8U) | static_cast<std::uint64_t>(task_state::queued);
        e.reference = reference;
        e.next = none;
        index_[place(id)] = slot;
        ++size_;
        return slot;
    }
    [[nodiscard]] bool same_task(std::uint32_t slot, std::uint64_t fingerprint) const noexcept {
        return (entries_[slot].mark >> 8U) == (fingerprint << 8U) >> 8U;
    }
    void set_reference(std::uint32_t slot, std::uint32_t reference) noexcept {
        entries_[slot].reference = reference;
    }

    /// The task of `slot` has ended. Where that makes one too many, the oldest is forgotten.
    /// \return the reference that the forgotten entry had (its cached result), or `none`
    std::uint32_t end(std::uint32_t slot, task_state state, std::uint32_t reference) {
        auto& e = entries_[slot];
        e.mark = (e.mark & ~std::uint64_t{0xff}) | static_cast<std::uint64_t>(state);
        e.reference = reference;
        e.next = none;
        (newest_ == none ? oldest_ : entries_[newest_].next) = slot;
        newest_ = slot;
        if (++ended_ <= capacity_) return none;
        complete_ = false;
        return forget_oldest();
    }

    /// Whether every id since the start is still known.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    [[nodiscard]] std::size_t mask() const noexcept { return index_.size() - 1; }
    /// Where `id` stands in the index, or the free place where it would.
    [[nodiscard]] std::size_t place(task_id const& id) const noexcept {
        auto at = static_cast<std::size_t>(id.hash(seed_)) & mask();
        while (index_[at] != none && entries_[index_[at]].id != id) at = (at + 1) & mask();
        return at;
    }
    void rehash() {
        auto const old = std::exchange(index_, std::vector<std::uint32_t>(index_.size() * 2, none));
        for (auto const slot : old) {
            if (slot != none) index_[place(entries_[slot].id)] = slot;
        }
    }
    /// Takes a place out of the index and closes the gap, so that no tombstones gather.
    void erase_place(std::size_t gap) noexcept {
        for (auto at = (gap + 1) & mask(); index_[at] != none; at = (at + 1) & mask()) {
            auto const home = static_cast<std::size_t>(entries_[index_[at]].id.hash(seed_)) & mask();
            if (((at - home) & mask()) >= ((at - gap) & mask())) {
                index_[gap] = index_[at];
                gap = at;
            }
        }
        index_[gap] = none;
    }
    std::uint32_t forget_oldest() noexcept {
        auto const slot = oldest_;
        oldest_ = entries_[slot].next;
        if (oldest_ == none) newest_ = none;
        auto const reference = entries_[slot].reference;
        erase_place(place(entries_[slot].id));
        entries_.give(slot);
        --ended_;
        --size_;
        return reference;
    }

    std::uint32_t capacity_;
    std::uint64_t seed_;
    slab<entry, 4096> entries_;
    std::vector<std::uint32_t> index_;
    std::size_t size_ = 0;
    std::size_t ended_ = 0;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
    bool complete_ = true;
};

}  // namespace fastqueue::core
