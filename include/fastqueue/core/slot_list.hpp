#pragma once

#include <fastqueue/core/slab.hpp>

#include <cstdint>

namespace fastqueue::core {

/// A doubly linked list through the members `previous` and `next` of what lives in a slab. An object is in
/// one list at a time. Every call is O(1), but for `insert_in_order`.
class slot_list {
public:
    [[nodiscard]] bool empty() const noexcept { return head_ == none; }
    [[nodiscard]] std::uint32_t front() const noexcept { return head_; }
    [[nodiscard]] std::uint32_t back() const noexcept { return tail_; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

    template <class Slab>
    void push_back(Slab& pool, std::uint32_t slot) noexcept {
        insert_before(pool, none, slot);
    }
    template <class Slab>
    void push_front(Slab& pool, std::uint32_t slot) noexcept {
        insert_before(pool, head_, slot);
    }
    /// Keeps the list ascending by `sequence`, looking from the front: what comes back is older than what
    /// waits.
    template <class Slab>
    void insert_in_order(Slab& pool, std::uint32_t slot) noexcept {
        if (head_ == none || pool[tail_].sequence < pool[slot].sequence) return push_back(pool, slot);
        auto at = head_;
        while (at != none && pool[at].sequence < pool[slot].sequence) at = pool[at].next;
        insert_before(pool, at, slot);
    }
    template <class Slab>
    void erase(Slab& pool, std::uint32_t slot) noexcept {
        auto& node = pool[slot];
        (node.previous == none ? head_ : pool[node.previous].next) = node.next;
        (node.next == none ? tail_ : pool[node.next].previous) = node.previous;
        node.previous = node.next = none;
        --size_;
    }

private:
    template <class Slab>
    void insert_before(Slab& pool, std::uint32_t at, std::uint32_t slot) noexcept {
        auto& node = pool[slot];
        node.next = at;
        node.previous = at == none ? tail_ : pool[at].previous;
        (node.previous == none ? head_ : pool[node.previous].next) = slot;
        (at == none ? tail_ : pool[at].previous) = slot;
        ++size_;
    }

    std::uint32_t head_ = none;
    std::uint32_t tail_ = none;
    std::uint32_t size_ = 0;
};

}  // namespace fastqueue::core
