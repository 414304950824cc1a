#pragma once

#include <fastqueue/policy/store.hpp>

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fastqueue::store::detail {

/// A checksum of what is stored together, since SQLite has none of its own for what is in a file: a bit that
/// turned on the disk is found when the row is read. Stored, so it stays as it is for this version of the schema.
class sqlite_seal {
public:
    template <std::unsigned_integral N>
    sqlite_seal& add(N word) noexcept {
        return mix_in(word);
    }
    sqlite_seal& add(std::string_view text) noexcept {
        mix_in(text.size());
        auto const* at = text.data();
        auto left = text.size();
        for (; left >= 8; at += 8, left -= 8) mix_in(load(at, 8));
        return left > 0 ? mix_in(load(at, left)) : *this;
    }
    [[nodiscard]] std::uint64_t value() const noexcept { return state_; }

private:
    /// Each step can be undone, so two texts that differ in one word never have the same seal.
    sqlite_seal& mix_in(std::uint64_t word) noexcept {
        state_ = (std::rotl(state_, 23) ^ word) * 0x9e3779b97f4a7c15U;
        state_ ^= state_ >> 32U;
        return *this;
    }
    static std::uint64_t load(char const* at, std::size_t size) noexcept {
        std::uint64_t word = 0;
        std::memcpy(&word, at, size);
        if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
        return word;
    }

    std::uint64_t state_ = 0x7fb5d329728ea185U;
};

inline std::string_view octets_of(uuid const& id) noexcept {
    return {reinterpret_cast<char const*>(id.octets().data()), id.octets().size()};
}

/// Of what never changes in a task's life.
inline std::uint64_t seal_of_task(policy::task_record const& t) noexcept {
    sqlite_seal seal;
    seal.add(t.number).add(octets_of(t.id)).add(t.name).add(t.content).add(t.attributes);
    seal.add(static_cast<std::uint64_t>(index_of(t.level))).add(t.fingerprint);
    return seal.add(t.submitted_us).add(t.due_us).add(t.expires_us).value();
}

/// Of what its attempts need.
inline std::uint64_t seal_of_work(policy::task_number number, std::string_view options,
                                  std::string_view arguments) noexcept {
    return sqlite_seal{}.add(number).add(options).add(arguments).value();
}

/// Of what is known of a task that waits again.
inline std::uint64_t seal_of_attempt(policy::attempt_record const& a) noexcept {
    sqlite_seal seal;
    seal.add(a.number).add(a.attempt).add(a.failures).add(a.deaths);
    return seal.add(a.due_us).add(a.history).value();
}

/// Of a task's end but its value.
inline std::uint64_t seal_of_end(policy::result_record const& r, std::uint64_t state, std::string_view code,
                                 std::uint64_t ended) noexcept {
    sqlite_seal seal;
    seal.add(r.number).add(state).add(ended).add(code).add(r.worker).add(r.attempt);
    return seal.add(r.started_us).add(r.finished_us).add(r.history).value();
}

/// Of a result's value, and of whether it is a dead letter.
inline std::uint64_t seal_of_value(policy::task_number number, std::string_view value, bool dead) noexcept {
    return sqlite_seal{}.add(number).add(value).add(static_cast<std::uint64_t>(dead)).value();
}

/// The attempt of a claim with its seal in the upper half.
inline std::uint64_t sealed_claim(policy::task_number number, std::uint32_t attempt) noexcept {
    return (sqlite_seal{}.add(number).add(attempt).value() & ~0xffff'ffffULL) | attempt;
}

}  // namespace fastqueue::store::detail
