#pragma once

#include <fastqueue/core/slab.hpp>
#include <fastqueue/core/slot_list.hpp>
#include <fastqueue/model/indexed_heap.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/policy/store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// A pair that waits until it can be sent.
struct letter {
    std::uint32_t previous = none, next = none;  // in its box
    policy::store_sequence after = 0;            ///< it rests on this write
    instant expires{};
    std::string header;  ///< the whole line
    std::string payload;

    /// About what it costs, in octets.
    [[nodiscard]] std::uint64_t octets() const noexcept { return cost(header.size(), payload.size()); }
    [[nodiscard]] static std::uint64_t cost(std::size_t header, std::size_t payload) noexcept {
        constexpr std::uint64_t own = 256;
        return own + header + payload;
    }
};

/// Letters in boxes, first in, first out, and within bounds that all boxes share. Knows which box has the largest share of
/// them, octets that were sent and are still on their way included. Boxes are dense numbers. One thread at a time; every call is
/// O(log n) at most.
class letter_rack {
public:
    /// \param letters  at most so many wait, at least 1
    /// \param octets   at most so many wait or are on their way
    letter_rack(std::uint32_t letters, std::uint64_t octets)
        : max_letters_{std::max(letters, 1U)},
          max_octets_{octets},
          unit_{std::max<std::uint64_t>(octets / max_letters_, 1)} {}

    void open(std::uint32_t box) {
        if (box >= boxes_.size()) boxes_.resize(box + std::size_t{1});
        boxes_[box] = {};
        weigh(box);
    }
    void close(std::uint32_t box) noexcept {
        while (count(box) > 0) drop(box, boxes_[box].letters.back());
        octets_ -= boxes_[box].under_way;
        shares_.erase(box);
    }

    [[nodiscard]] bool is_out_of_letters() const noexcept { return letters_ >= max_letters_; }
    [[nodiscard]] bool fits(std::uint64_t octets) const noexcept {
        return !is_out_of_letters() && octets <= max_octets_ && octets_ <= max_octets_ - octets;
    }
    void put(std::uint32_t box, std::string&& header, std::string&& payload, policy::store_sequence after,
             instant expires) {
        auto const slot = pool_.take();
        auto& l = pool_[slot];
        l.header = std::move(header);
        l.payload = std::move(payload);
        l.after = after;
        l.expires = expires;
        boxes_[box].letters.push_back(pool_, slot);
        boxes_[box].octets += l.octets();
        octets_ += l.octets();
        ++letters_;
        weigh(box);
    }
    [[nodiscard]] std::uint32_t count(std::uint32_t box) const noexcept { return boxes_[box].letters.size(); }
    /// The oldest; there is one.
    [[nodiscard]] letter const& front(std::uint32_t box) const noexcept {
        return pool_[boxes_[box].letters.front()];
    }
    void drop_front(std::uint32_t box) {
        drop(box, boxes_[box].letters.front());
        weigh(box);
    }
    void drop_back(std::uint32_t box) {
        drop(box, boxes_[box].letters.back());
        weigh(box);
    }

    /// Octets that were sent from this box and have not been taken.
    [[nodiscard]] std::uint64_t under_way(std::uint32_t box) const noexcept { return boxes_[box].under_way; }
    void set_under_way(std::uint32_t box, std::uint64_t octets) {
        octets_ += octets - boxes_[box].under_way;
        boxes_[box].under_way = octets;
        weigh(box);
    }

    /// The box that takes most of the room; `none` where there is no box.
    [[nodiscard]] std::uint32_t largest() const noexcept { return shares_.empty() ? none : shares_.top(); }
    /// How much of the room a box takes, with `more` letters of `octets` together: letters, and octets in letters of medium size.
    [[nodiscard]] std::uint64_t share(std::uint32_t box, std::uint32_t more = 0,
                                      std::uint64_t octets = 0) const noexcept {
        auto const& b = boxes_[box];
        return b.letters.size() + more + (b.octets + b.under_way + octets) / unit_;
    }

    [[nodiscard]] std::uint32_t letters() const noexcept { return letters_; }
    /// Of letters that wait and that are on their way.
    [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }

private:
    struct pile {
        slot_list letters;
        std::uint64_t octets = 0;
        std::uint64_t under_way = 0;
    };

    void drop(std::uint32_t from, std::uint32_t slot) noexcept {
        auto& l = pool_[slot];
        boxes_[from].letters.erase(pool_, slot);
        boxes_[from].octets -= l.octets();
        octets_ -= l.octets();
        --letters_;
        std::string{}.swap(l.header);  // the pool would keep their memory
        std::string{}.swap(l.payload);
        pool_.give(slot);
    }
    void weigh(std::uint32_t box) { shares_.set(box, share(box)); }

    std::uint32_t max_letters_;
    std::uint64_t max_octets_;
    std::uint64_t unit_;
    slab<letter> pool_;
    std::vector<pile> boxes_;
    indexed_heap<std::uint64_t, std::greater<>> shares_;
    std::uint32_t letters_ = 0;
    std::uint64_t octets_ = 0;
};

}  // namespace fastqueue::core
