#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace fastqueue::core {

/// A small seeded generator (splitmix64): jitter and simulated ids, the same on every platform.
/// \source Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014
class random_source {
public:
    explicit random_source(std::uint64_t seed) noexcept : state_{seed} {}
    [[nodiscard]] std::uint64_t next() noexcept {
        auto z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }
    /// Uniform in [0, 1).
    [[nodiscard]] double fraction() noexcept { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

private:
    std::uint64_t state_;
};

/// How long to wait before dialling again: doubling, with a cap, and half of it left to chance so that a
/// thousand peers do not come back at once. Reset it only when a handshake was completed: a server that
/// accepts and closes is not hammered.
class backoff {
public:
    using duration = std::chrono::milliseconds;

    backoff() noexcept = default;
    backoff(duration first, duration most) noexcept : first_{first}, most_{most} {}

    [[nodiscard]] duration next(random_source& random) noexcept {
        auto const full = std::min(most_, first_ * (1 << std::min(failures_, 16U)));
        ++failures_;
        auto const half = static_cast<double>(full.count()) / 2;
        return duration{static_cast<duration::rep>(half + half * random.fraction())};
    }
    void reset() noexcept { failures_ = 0; }
    [[nodiscard]] unsigned failures() const noexcept { return failures_; }

private:
    duration first_{100};
    duration most_{5000};
    unsigned failures_ = 0;
};

}  // namespace fastqueue::core
