#pragma once

#include <fastqueue/zmtp/slack.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::zmtp {

/// Octets that wait to be written to a peer. What `pending()` has shown stays where it is until `consumed()`,
/// whatever is appended meanwhile, so that a write may be under way during it. One thread at a time.
class output_queue {
public:
    /// What to write next, from the front. Empty only if nothing waits. There may be more behind it.
    [[nodiscard]] std::string_view pending() const noexcept {
        shown_ = front_.size() > offset_;
        return std::string_view{front_}.substr(offset_);
    }

    /// Removes `n` octets from the front of `pending()`. O(1) amortised. A connection that is busy keeps its memory, up to 4 MiB.
    void consumed(std::size_t n) noexcept {
        assert(n <= front_.size() - offset_);
        shown_ = false;
        offset_ += n;
        consumed_ += n;
        if (offset_ == front_.size()) {
            drained();
        } else if (offset_ >= compact_bytes && offset_ >= front_.size() - offset_) {
            front_.erase(0, offset_);
            offset_ = 0;
        }
    }

    /// The string to append to, with room for `n` more octets, so that appending them cannot throw.
    [[nodiscard]] std::string& with_room(std::size_t n) {
        auto& tail = shown_ || !back_.empty() ? back_ : front_;
        if (tail.capacity() - tail.size() < n) tail.reserve(std::max(tail.size() + n, 2 * tail.capacity()));
        return tail;
    }

    /// `n` octets, which go before all that waits, went to the peer without waiting here. Gives memory back where nothing waits.
    void passed_by(std::size_t n) noexcept {
        consumed_ += n;
        if (size() == 0) drained();
    }

    /// Nothing was sent for a while: nothing is kept for what may follow.
    void rest() noexcept {
        if (front_.empty()) std::string{}.swap(front_);
        if (back_.empty()) std::string{}.swap(back_);
    }

    /// Octets that wait.
    [[nodiscard]] std::size_t size() const noexcept { return front_.size() - offset_ + back_.size(); }
    /// The stream position behind the last octet appended; the first octet ever has position 0.
    [[nodiscard]] std::uint64_t end() const noexcept { return consumed_ + size(); }
    /// The stream position of the next octet to be written.
    [[nodiscard]] std::uint64_t begin() const noexcept { return consumed_; }
    /// Memory held, in bytes.
    [[nodiscard]] std::size_t memory_bytes() const noexcept { return held(front_) + held(back_); }

private:
    static constexpr std::size_t compact_bytes = 64U << 10U;

    [[nodiscard]] static std::size_t held(std::string const& s) noexcept {
        return s.capacity() > std::string{}.capacity() ? s.capacity() + 1 : 0;
    }

    void drained() noexcept {
        offset_ = 0;
        auto const used = front_.size();
        front_.clear();
        if (!back_.empty()) std::swap(front_, back_);
        auto const capacity = std::max(front_.capacity(), back_.capacity());
        if (slack_.after_use(used, capacity)) rest();
    }

    std::string front_;
    std::string back_;        // what came while front_ was shown
    std::size_t offset_ = 0;  // of front_: written already
    std::uint64_t consumed_ = 0;
    detail::slack slack_;
    mutable bool shown_ = false;
};

}  // namespace fastqueue::zmtp
