#pragma once

#include <fastqueue/model/time.hpp>

#include <chrono>

namespace fastqueue::transport {

/// Both clocks of the machine, read at most once a turn and only if somebody asks. Outside a turn each
/// question reads them. One thread at a time.
class turn_clock {
public:
    void begin_turn() noexcept {
        in_turn_ = true;
        fresh_ = false;
    }
    void end_turn() noexcept { in_turn_ = false; }

    [[nodiscard]] clock_reading now() const noexcept {
        if (!in_turn_ || !fresh_) {
            reading_ = read();
            fresh_ = true;
        }
        return reading_;
    }

private:
    [[nodiscard]] static clock_reading read() noexcept {
        using std::chrono::microseconds;
        auto const wall = std::chrono::system_clock::now();
        return {std::chrono::steady_clock::now(), std::chrono::time_point_cast<microseconds>(wall)};
    }

    mutable clock_reading reading_{};
    mutable bool fresh_ = false;
    bool in_turn_ = false;
};

}  // namespace fastqueue::transport
