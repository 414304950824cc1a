#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace fastqueue::cli {

/// How long many things took, in a few kilobytes whatever their number: each power of two has 32 buckets, so what is read out
/// is at most 3 % over what was put in. One thread at a time.
class latency_histogram {
public:
    void add(std::uint64_t ns) noexcept {
        ++counts_[bucket_of(ns)];
        ++count_;
        longest_ = std::max(longest_, ns);
    }
    void add(latency_histogram const& other) noexcept {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        count_ += other.count_;
        longest_ = std::max(longest_, other.longest_);
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t longest_ns() const noexcept { return longest_; }
    /// The time that `part` of them kept to, 0 to 1; 0 where there are none.
    [[nodiscard]] std::uint64_t percentile_ns(double part) const noexcept {
        auto const wanted = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen >= wanted && seen > 0) return std::min(top_of(i), longest_);
        }
        return longest_;
    }

private:
    static constexpr unsigned part_bits = 5;
    static constexpr std::size_t parts = std::size_t{1} << part_bits;

    /// Below 64 a bucket is one number; above, `shift` low bits are left out.
    [[nodiscard]] static std::size_t bucket_of(std::uint64_t ns) noexcept {
        if (ns < 2 * parts) return static_cast<std::size_t>(ns);
        auto const shift = static_cast<unsigned>(std::bit_width(ns)) - part_bits - 1;
        return parts * shift + static_cast<std::size_t>(ns >> shift);
    }
    [[nodiscard]] static std::uint64_t top_of(std::size_t bucket) noexcept {
        if (bucket < 2 * parts) return bucket;
        auto const shift = bucket / parts - 1;
        return ((std::uint64_t{bucket} - parts * shift + 1) << shift) - 1;
    }

    std::array<std::uint64_t, parts*(64 - part_bits + 1)> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t longest_ = 0;
};

}  // namespace fastqueue::cli
