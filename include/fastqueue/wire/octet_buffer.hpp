#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace fastqueue::wire {

/// Octets that are only appended to: what messages are written into, token by token. A `std::string` calls out of line for
/// each piece; here a piece is a check and a copy. It keeps its room when it is cleared. One thread at a time.
class octet_buffer {
public:
    octet_buffer() = default;
    octet_buffer(octet_buffer&& other) noexcept
        : octets_{std::move(other.octets_)},
          size_{std::exchange(other.size_, 0)},
          capacity_{std::exchange(other.capacity_, 0)} {}
    octet_buffer& operator=(octet_buffer&& other) noexcept {
        octets_ = std::move(other.octets_);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
        return *this;
    }
    ~octet_buffer() = default;

    /// Room for `n` octets more, which now belong to it and are to be written.
    /// \throws std::bad_alloc
    [[nodiscard]] char* extend(std::size_t n) {
        if (capacity_ - size_ < n) grow(n);
        auto* const at = octets_.get() + size_;
        size_ += n;
        return at;
    }
    /// Octets that `extend` gave and that were not needed.
    void shorten(std::size_t n) noexcept { size_ -= n; }
    void append(std::string_view text) {
        if (!text.empty()) std::memcpy(extend(text.size()), text.data(), text.size());
    }
    void push_back(char c) { *extend(1) = c; }
    void clear() noexcept { size_ = 0; }
    /// The same, and gives its memory back.
    void release() noexcept {
        octets_.reset();
        size_ = capacity_ = 0;
    }

    [[nodiscard]] char* data() noexcept { return octets_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::string_view view() const noexcept { return {octets_.get(), size_}; }

private:
    void grow(std::size_t n) {
        auto const room = std::max({size_ + n, 2 * capacity_, std::size_t{256}});
        auto larger = std::unique_ptr<char[]>{new char[room]};
        if (size_ > 0) std::memcpy(larger.get(), octets_.get(), size_);
        octets_ = std::move(larger);
        capacity_ = room;
    }

    std::unique_ptr<char[]> octets_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace fastqueue::wire
