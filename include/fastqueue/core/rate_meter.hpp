#pragma once

#include <fastqueue/model/time.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fastqueue::core {

/// How many events there were a second, over the last ten whole seconds. Counting is an addition. One thread at a time.
class rate_meter {
public:
    void count(instant now) noexcept {
        turn_to(second_of(now));
        ++counts_[static_cast<std::size_t>(second_) % counts_.size()];
    }
    /// \return events a second, 0 while there was none
    [[nodiscard]] double per_second(instant now) const noexcept {
        auto const present = second_of(now);
        std::uint64_t sum = 0;
        for (auto second = present - window; second < present; ++second) {
            bool const known = second <= second_ && second > second_ - slots;
            if (known && second >= 0) sum += counts_[static_cast<std::size_t>(second) % counts_.size()];
        }
        return static_cast<double>(sum) / static_cast<double>(window);
    }

private:
    static constexpr std::int64_t window = 10;
    static constexpr std::int64_t slots = window + 1;  // the second that is under way has one, too

    static std::int64_t second_of(instant t) noexcept {
        return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
    }
    /// What lies between the last event and now was empty.
    void turn_to(std::int64_t second) noexcept {
        if (second - second_ >= slots) {
            counts_.fill(0);
            second_ = second;
        }
        while (second_ < second) counts_[static_cast<std::size_t>(++second_) % counts_.size()] = 0;
    }

    std::array<std::uint32_t, static_cast<std::size_t>(slots)> counts_{};
    std::int64_t second_ = 0;
};

}  // namespace fastqueue::core
