#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using steady = std::chrono::steady_clock;

/// `[5,3]` as 16 octets, as large as what the other systems carry.
inline constexpr std::string_view add_arguments = "[5,3]           ";

/// The task of the systems that carry octets: 16 of them, there and back.
struct octets {
    std::uint64_t slot = 0;
    std::int32_t x = 5;
    std::int32_t y = 3;

    [[nodiscard]] static octets read(void const* from) noexcept {
        octets o;
        std::memcpy(&o, from, sizeof o);
        return o;
    }
    /// What the worker does.
    void add() noexcept {
        x += y;
        y = 0;
    }
};
static_assert(sizeof(octets) == 16);

/// What the systems that carry octets send: a task's 16, and zeros up to `size`.
class packing {
public:
    explicit packing(std::size_t size) : size_{size} {}
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    void append(std::string& to, octets const& o) const {
        to.append(reinterpret_cast<char const*>(&o), sizeof o);
        to.append(size_ - sizeof o, '\0');
    }
    void write(void* to, octets const& o) const noexcept {
        std::memcpy(to, &o, sizeof o);
        std::memset(static_cast<char*>(to) + sizeof o, 0, size_ - sizeof o);
    }
    /// \throws std::runtime_error if it is another size, or ends otherwise
    [[nodiscard]] octets read(std::string_view message) const {
        if (message.size() != size_ || (size_ > sizeof(octets) && message.back() != '\0'))
            throw std::runtime_error{"a message is not as long as it was sent, or changed"};
        return octets::read(message.data());
    }

private:
    std::size_t size_;
};

/// What one of the clients does.
struct share {
    std::uint32_t in_flight = 1;
    std::size_t payload = sizeof(octets);  ///< octets of a task, and of its result
    std::uint32_t client = 0;              ///< its number

    /// For the systems where results do not find their client alone: the task says whose it is.
    [[nodiscard]] octets task(std::uint64_t slot) const noexcept {
        return {std::uint64_t{client} << 32U | slot};
    }
};
[[nodiscard]] inline std::uint64_t slot_of(octets const& o) noexcept { return o.slot & 0xffff'ffffU; }
[[nodiscard]] inline std::string client_of(octets const& o) { return std::to_string(o.slot >> 32U); }

/// A closed loop: so many tasks are in flight, each answer lets the next one go, until the time is over and all are
/// answered. Checks that each is answered once and with 8. One thread at a time.
class load {
public:
    load(std::uint32_t in_flight, double seconds) : sent_(in_flight), out_(in_flight, false) {
        for (std::uint32_t i = in_flight; i-- > 0;) free_.push_back(i);
        if (in_flight == 1) times_.reserve(1U << 20U);
        begin_ = last_ = steady::now();
        end_ = begin_ + std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(seconds));
    }

    /// Whether another one is to go now.
    [[nodiscard]] bool more(steady::time_point now) const noexcept { return !free_.empty() && now < end_; }
    /// \return the number that its answer must bring back
    std::uint32_t submit(steady::time_point now) noexcept {
        auto const slot = free_.back();
        free_.pop_back();
        sent_[slot] = now;
        out_[slot] = true;
        return slot;
    }
    void answered(std::uint64_t slot, std::int64_t sum, steady::time_point now) {
        if (slot >= out_.size() || !out_[slot] || sum != 8) {
            ++wrong_;
            if (slot >= out_.size() || !out_[slot]) return;
        }
        out_[slot] = false;
        free_.push_back(static_cast<std::uint32_t>(slot));
        ++done_;
        last_ = now;
        if (sent_.size() == 1) times_.push_back(now - sent_[0]);
    }
    [[nodiscard]] std::uint32_t in_flight() const noexcept {
        return static_cast<std::uint32_t>(sent_.size() - free_.size());
    }
    [[nodiscard]] bool over(steady::time_point now) const noexcept { return now >= end_ && in_flight() == 0; }

    [[nodiscard]] std::uint64_t done() const noexcept { return done_; }
    [[nodiscard]] std::uint64_t wrong() const noexcept { return wrong_; }
    [[nodiscard]] double seconds() const noexcept {
        return std::chrono::duration<double>(last_ - begin_).count();
    }
    /// The time from submit to answer that `part` of the tasks kept to, in microseconds; 0 unless one was in flight.
    [[nodiscard]] double percentile_us(double part) {
        if (times_.empty()) return 0;
        auto const at = static_cast<std::ptrdiff_t>(static_cast<double>(times_.size() - 1) * part);
        std::nth_element(times_.begin(), times_.begin() + at, times_.end());
        return std::chrono::duration<double, std::micro>(times_[static_cast<std::size_t>(at)]).count();
    }

private:
    std::vector<steady::time_point> sent_;
    std::vector<bool> out_;
    std::vector<std::uint32_t> free_;
    std::vector<steady::duration> times_;
    steady::time_point begin_;
    steady::time_point end_;
    steady::time_point last_;
    std::uint64_t done_ = 0;
    std::uint64_t wrong_ = 0;
};

}  // namespace bench
