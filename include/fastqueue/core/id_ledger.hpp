#pragma once

#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/prefetch.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_state.hpp>

#include <cassert>
#include <cstdint>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// Remembers which ids were used, for what, and how it ended: far longer than results are kept, so that a
/// request sent again is the same task and not a second one. 32 octets an entry and 13 to 26 in the index.
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
        : capacity_{capacity}, seed_{seed}, index_(1024, empty_place) {}

    /// The entry of `id`, or `none`.
    [[nodiscard]] std::uint32_t find(task_id const& id) const noexcept {
        return static_cast<std::uint32_t>(index_[place(id, hash_of(id))]);
    }
    /// Says that `id` will be looked for soon. In a large ledger most of a look is waiting for memory: so that
    /// begins for many ids at once.
    void expect(task_id const& id) const noexcept {
        fastqueue::detail::prefetch(&index_[hash_of(id) & mask()]);
    }
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
        auto const hash = hash_of(id);
        index_[place(id, hash)] = std::uint64_t{hash} << 32U | slot;
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
    // A place holds 32 bits of the id's hash above the slot: so a look at a wrong place ends in the index, and
    // its upkeep never leaves it. The low half of an empty one is `none`.
    static constexpr std::uint64_t empty_place = ~std::uint64_t{0};

    [[nodiscard]] std::size_t mask() const noexcept { return index_.size() - 1; }
    [[nodiscard]] static constexpr std::uint32_t hash_in(std::uint64_t place) noexcept {
        return static_cast<std::uint32_t>(place >> 32U);
    }
    [[nodiscard]] static constexpr std::uint32_t slot_in(std::uint64_t place) noexcept {
        return static_cast<std::uint32_t>(place);
    }
    [[nodiscard]] std::uint32_t hash_of(task_id const& id) const noexcept {
        return static_cast<std::uint32_t>(id.hash(seed_));
    }
    /// Where `id` stands in the index, or the free place where it would.
    [[nodiscard]] std::size_t place(task_id const& id, std::uint32_t hash) const noexcept {
        auto at = hash & mask();
        while (index_[at] != empty_place) {
            if (hash_in(index_[at]) == hash && entries_[slot_in(index_[at])].id == id) break;
            at = (at + 1) & mask();
        }
        return at;
    }
    void rehash() {
        auto const old = std::exchange(index_, std::vector<std::uint64_t>(index_.size() * 2, empty_place));
        for (auto const kept : old) {
            if (kept == empty_place) continue;
            auto at = hash_in(kept) & mask();
            while (index_[at] != empty_place) at = (at + 1) & mask();
            index_[at] = kept;
        }
    }
    /// Takes a place out of the index and closes the gap, so that no tombstones gather.
    void erase_place(std::size_t gap) noexcept {
        for (auto at = (gap + 1) & mask(); index_[at] != empty_place; at = (at + 1) & mask()) {
            auto const home = hash_in(index_[at]) & mask();
            if (((at - home) & mask()) >= ((at - gap) & mask())) {
                index_[gap] = index_[at];
                gap = at;
            }
        }
        index_[gap] = empty_place;
    }
    /// What will be forgotten a little later is fetched by now, a step each time: the entry first, then its place.
    void look_ahead() noexcept {
        constexpr std::uint32_t far = 16;
        if (ahead_ == none) ahead_ = oldest_;
        for (int step = 0; step < 2 && ahead_by_ < far && entries_[ahead_].next != none; ++step) {
            expect(entries_[ahead_].id);
            ahead_ = entries_[ahead_].next;
            ++ahead_by_;
        }
        fastqueue::detail::prefetch(&entries_[ahead_]);
        if (ahead_by_ == 0)
            ahead_ = none;  // it is the one that goes
        else
            --ahead_by_;
    }
    std::uint32_t forget_oldest() noexcept {
        auto const slot = oldest_;
        look_ahead();
        oldest_ = entries_[slot].next;
        if (oldest_ == none) newest_ = none;
        auto const reference = entries_[slot].reference;
        erase_place(place(entries_[slot].id, hash_of(entries_[slot].id)));
        entries_.give(slot);
        --ended_;
        --size_;
        return reference;
    }

    std::uint32_t capacity_;
    std::uint64_t seed_;
    slab<entry, 4096> entries_;
    std::vector<std::uint64_t> index_;
    std::size_t size_ = 0;
    std::size_t ended_ = 0;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
    std::uint32_t ahead_ = none;  // one that is to be forgotten soon
    std::uint32_t ahead_by_ = 0;  // how many go before it
    bool complete_ = true;
};

}  // namespace fastqueue::core
