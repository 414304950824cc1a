#pragma once

#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/policy/store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastqueue::core {

/// A connection of a courier's, or one that is being made.
struct courier_link {
    enum class phase : std::uint8_t {
        free,
        asked,  ///< the dial is in the outbox
        dialling,
        open
    };

    peer_id peer = peer_id::none;
    std::uint32_t address = none;
    phase at = phase::free;
    bool of_failed = false;            ///< of an address that failed lately
    policy::store_sequence after = 0;  ///< what was handed to it may still wait for this
    instant begun{};                   ///< being dialled, or being open
    instant moved{};                   ///< when something was seen to go on, the last time
    instant used{};                    ///< when something was handed to it, the last time

    [[nodiscard]] bool is_open() const noexcept { return at == phase::open; }
};

/// A fixed number of them. One thread at a time.
class courier_links {
public:
    explicit courier_links(std::uint32_t most) : all_(std::max(most, 2U)) {
        for (auto i = size(); i-- > 0;) free_.push_back(i);
    }

    [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(all_.size()); }
    [[nodiscard]] courier_link& operator[](std::uint32_t index) noexcept { return all_[index]; }
    [[nodiscard]] courier_link const& operator[](std::uint32_t index) const noexcept { return all_[index]; }
    /// \return none: it is not one of these
    [[nodiscard]] courier_link* find(peer_id peer) noexcept {
        auto const at = std::ranges::find(all_, peer, &courier_link::peer);
        return at == all_.end() || peer == peer_id::none ? nullptr : &*at;
    }

    [[nodiscard]] bool has_free() const noexcept { return !free_.empty(); }
    /// Addresses that failed lately may have half of them.
    [[nodiscard]] bool takes_failed() const noexcept { return failed_ < size() / 2; }
    /// One that is free, for a dial to `address`.
    [[nodiscard]] std::uint32_t take(std::uint32_t address, bool failed, instant now) noexcept {
        auto const index = free_.back();
        free_.pop_back();
        auto& l = all_[index];
        l.address = address;
        l.at = courier_link::phase::asked;
        l.of_failed = failed;
        l.begun = l.moved = l.used = now;
        failed_ += failed ? 1U : 0U;
        return index;
    }
    void give(std::uint32_t index) noexcept {
        trust(all_[index]);
        all_[index] = {};
        free_.push_back(index);  // has room: it was in there before
    }
    /// Its address has taken something.
    void trust(courier_link& l) noexcept {
        failed_ -= l.of_failed ? 1U : 0U;
        l.of_failed = false;
    }

    template <class F>
    void each_open(F&& f) {
        for (auto& l : all_) {
            if (l.is_open()) f(l);
        }
    }

private:
    std::vector<courier_link> all_;
    std::vector<std::uint32_t> free_;
    std::uint32_t failed_ = 0;
};

}  // namespace fastqueue::core
