#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace fastqueue {

/// A binary heap of dense slot numbers by key, in which each slot's place is known, so that a key can be
/// changed and any slot taken out in O(log n). Memory grows with the largest slot number; the smallest key by
/// `Less` is on top. One thread at a time.
template <class Key, class Less = std::less<Key>>
class indexed_heap {
public:
    using slot = std::uint32_t;

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
    [[nodiscard]] slot top() const noexcept { return heap_.front().second; }
    [[nodiscard]] Key const& top_key() const noexcept { return heap_.front().first; }
    [[nodiscard]] bool contains(slot s) const noexcept { return s < place_.size() && place_[s] != none; }
    [[nodiscard]] Key const& key(slot s) const noexcept { return heap_[place_[s]].first; }

    /// Puts `s` in, or moves it to its new key.
    void set(slot s, Key key) {
        if (s >= place_.size()) place_.resize(s + std::size_t{1}, none);
        if (place_[s] == none) {
            place_[s] = static_cast<std::uint32_t>(heap_.size());
            heap_.emplace_back(std::move(key), s);
            up(heap_.size() - 1);
            return;
        }
        auto const at = place_[s];
        bool const rises = less_(key, heap_[at].first);
        heap_[at].first = std::move(key);
        rises ? up(at) : down(at);
    }

    /// Takes `s` out; nothing happens where it is not in.
    void erase(slot s) noexcept {
        if (!contains(s)) return;
        std::size_t const at = place_[s];
        std::size_t const last = heap_.size() - 1;
        place_[s] = none;
        if (at != last) {
            bool const rises = less_(heap_[last].first, heap_[at].first);
            heap_[at] = std::move(heap_[last]);
            place_[heap_[at].second] = static_cast<std::uint32_t>(at);
            heap_.pop_back();
            rises ? up(at) : down(at);
            return;
        }
        heap_.pop_back();
    }

    void clear() noexcept {
        heap_.clear();
        place_.clear();
    }

private:
    static constexpr std::uint32_t none = ~0U;

    void put(std::size_t at, std::pair<Key, slot>&& entry) noexcept {
        place_[entry.second] = static_cast<std::uint32_t>(at);
        heap_[at] = std::move(entry);
    }
    void up(std::size_t at) noexcept {
        auto entry = std::move(heap_[at]);
        while (at > 0) {
            auto const parent = (at - 1) / 2;
            if (!less_(entry.first, heap_[parent].first)) break;
            put(at, std::move(heap_[parent]));
            at = parent;
        }
        put(at, std::move(entry));
    }
    void down(std::size_t at) noexcept {
        auto entry = std::move(heap_[at]);
        for (;;) {
            auto child = 2 * at + 1;
            if (child >= heap_.size()) break;
            if (child + 1 < heap_.size() && less_(heap_[child + 1].first, heap_[child].first)) ++child;
            if (!less_(heap_[child].first, entry.first)) break;
            put(at, std::move(heap_[child]));
            at = child;
        }
        put(at, std::move(entry));
    }

    std::vector<std::pair<Key, slot>> heap_;
    std::vector<std::uint32_t> place_;
    [[no_unique_address]] Less less_;
};

}  // namespace fastqueue
