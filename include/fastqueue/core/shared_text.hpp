#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::core {

/// A text that many hold and none changes, as large as a pointer where it is held: copies share it. One thread at a time,
/// which is why it counts its holders without atomics, as `std::shared_ptr` would not.
class shared_text {
public:
    shared_text() = default;
    /// \throws std::bad_alloc
    explicit shared_text(std::string_view text)
        : held_{text.empty() ? nullptr : new held{std::string{text}}} {}
    shared_text(shared_text const& other) noexcept : held_{other.held_} {
        if (held_ != nullptr) ++held_->holders;
    }
    shared_text(shared_text&& other) noexcept : held_{std::exchange(other.held_, nullptr)} {}
    shared_text& operator=(shared_text other) noexcept {
        std::swap(held_, other.held_);
        return *this;
    }
    ~shared_text() {
        if (held_ != nullptr && --held_->holders == 0) delete held_;
    }

    [[nodiscard]] std::string_view view() const noexcept {
        return held_ == nullptr ? std::string_view{} : std::string_view{held_->text};
    }
    [[nodiscard]] bool empty() const noexcept { return held_ == nullptr; }

private:
    struct held {
        std::string text;
        std::size_t holders = 1;
    };
    held* held_ = nullptr;
};

}  // namespace fastqueue::core
