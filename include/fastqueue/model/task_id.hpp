#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/hash.hpp>
#include <fastqueue/model/hex.hpp>
#include <fastqueue/model/time.hpp>

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <sys/random.h>

namespace fastqueue {

/// Fills `out` from the system's cryptographic source.
/// \throws error if the system has none to give
inline void random_bytes(void* out, std::size_t size) {
    auto* at = static_cast<char*>(out);
    while (size > 0) {
        auto const got = ::getrandom(at, size, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw error{errc::bad_value,
                        "the system gives no random numbers: " + std::string{std::strerror(errno)}};
        }
        at += got;
        size -= static_cast<std::size_t>(got);
    }
}

/// A 64-bit number nobody can guess: seeds of tables and of jitter.
[[nodiscard]] inline std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    random_bytes(&seed, sizeof seed);
    return seed;
}

/// A UUID: 16 octets inside, 36 characters outside. Names a task, a worker's incarnation, a control plane's
/// epoch. A value; safe to copy anywhere.
class uuid {
public:
    static constexpr std::size_t text_size = 36;

    /// All zeros: names nothing.
    constexpr uuid() noexcept = default;
    constexpr explicit uuid(std::array<std::uint8_t, 16> const& octets) noexcept : octets_{octets} {}

    /// Version 7 where a time is given: ids made later compare greater, and 74 bits cannot be guessed.
    /// \source RFC 9562, section 5.7
    [[nodiscard]] static uuid make_v7(wall_instant now) {
        uuid id;
        random_bytes(id.octets_.data() + 6, 10);
        id.stamp_v7(now);
        return id;
    }

    /// The same from random bits that the caller has, for simulations that must repeat.
    [[nodiscard]] static uuid make_v7(wall_instant now, std::uint64_t random_high,
                                      std::uint64_t random_low) noexcept {
        uuid id;
        std::memcpy(id.octets_.data() + 6, &random_high, 2);
        std::memcpy(id.octets_.data() + 8, &random_low, 8);
        id.stamp_v7(now);
        return id;
    }

    /// Version 4: random all through. For secrets: it tells no time.
    /// \source RFC 9562, section 5.4
    [[nodiscard]] static uuid make_v4() {
        uuid id;
        random_bytes(id.octets_.data(), 16);
        id.octets_[6] = static_cast<std::uint8_t>((id.octets_[6] & 0x0fU) | 0x40U);
        id.octets_[8] = static_cast<std::uint8_t>((id.octets_[8] & 0x3fU) | 0x80U);
        return id;
    }

    /// Reads the 36-character form, in either case; empty for anything else.
    [[nodiscard]] static constexpr std::optional<uuid> parse(std::string_view text) noexcept {
        if (text.size() != text_size) return std::nullopt;
        if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return std::nullopt;
        if (detail::has_fast_hex && !std::is_constant_evaluated()) return parse_words(text.data());
        constexpr std::uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
        uuid id;
        unsigned seen = 0;
        for (std::size_t i = 0; i < 16; ++i) {
            unsigned const high = digits[static_cast<unsigned char>(text[places[i]])];
            unsigned const low = digits[static_cast<unsigned char>(text[places[i] + 1U])];
            seen |= high | low;
            id.octets_[i] = static_cast<std::uint8_t>(high << 4U | low);
        }
        if (seen >= no_digit) return std::nullopt;
        return id;
    }

    /// Writes the 36 lower-case characters to `out`, which has room for them.
    constexpr void write(char* out) const noexcept {
        if (detail::has_fast_hex && !std::is_constant_evaluated()) return write_words(out);
        constexpr std::string_view letters = "0123456789abcdef";
        for (std::size_t i = 0; i < 16; ++i) {
            if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
            *out++ = letters[octets_[i] >> 4U];
            *out++ = letters[octets_[i] & 15U];
        }
    }
    [[nodiscard]] std::string text() const {
        std::string out(text_size, '-');
        write(out.data());
        return out;
    }

    [[nodiscard]] constexpr bool empty() const noexcept { return *this == uuid{}; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 16> const& octets() const noexcept { return octets_; }
    [[nodiscard]] std::uint64_t hash(std::uint64_t seed) const noexcept {
        auto const half = std::bit_cast<halves>(octets_);
        return mix(half[0] ^ seed, half[1] ^ 0x9e3779b97f4a7c15U);
    }
    friend constexpr auto operator<=>(uuid const&, uuid const&) noexcept = default;
    friend constexpr bool operator==(uuid const& a, uuid const& b) noexcept {
        return std::bit_cast<halves>(a.octets_) == std::bit_cast<halves>(b.octets_);
    }

private:
    using halves = std::array<std::uint64_t, 2>;

    static constexpr std::uint8_t no_digit = 16;
    /// What a character is worth as a hexadecimal digit.
    static constexpr auto digits = [] {
        std::array<std::uint8_t, 256> table{};
        table.fill(no_digit);
        for (unsigned i = 0; i < 10; ++i) table['0' + i] = static_cast<std::uint8_t>(i);
        for (unsigned i = 0; i < 6; ++i) table['a' + i] = table['A' + i] = static_cast<std::uint8_t>(10 + i);
        return table;
    }();
    // The digits stand in five groups: 8-4-4-4-12. Halves of a word are put together in registers, not in memory.
    [[nodiscard]] static std::optional<uuid> parse_words(char const* text) noexcept {
        std::uint32_t read[4];
        auto const bad = detail::read_hex8(load<std::uint64_t>(text), read[0]) |
                         detail::read_hex8(load_halves(text + 9, text + 14), read[1]) |
                         detail::read_hex8(load_halves(text + 19, text + 24), read[2]) |
                         detail::read_hex8(load<std::uint64_t>(text + 28), read[3]);
        if (bad != 0) return std::nullopt;
        uuid id;
        std::uint64_t const both[2] = {read[0] | std::uint64_t{read[1]} << 32U,
                                       read[2] | std::uint64_t{read[3]} << 32U};
        std::memcpy(id.octets_.data(), both, sizeof both);
        return id;
    }
    void write_words(char* out) const noexcept {
        store(out, detail::write_hex8(load<std::uint32_t>(octets_.data())));
        store_halves(out + 9, out + 14, detail::write_hex8(load<std::uint32_t>(octets_.data() + 4)));
        store_halves(out + 19, out + 24, detail::write_hex8(load<std::uint32_t>(octets_.data() + 8)));
        store(out + 28, detail::write_hex8(load<std::uint32_t>(octets_.data() + 12)));
        out[8] = out[13] = out[18] = out[23] = '-';
    }
    template <class T>
    [[nodiscard]] static T load(void const* at) noexcept {
        T value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }
    template <class T>
    static void store(char* at, T value) noexcept {
        std::memcpy(at, &value, sizeof value);
    }
    [[nodiscard]] static std::uint64_t load_halves(char const* low, char const* high) noexcept {
        return load<std::uint32_t>(low) | std::uint64_t{load<std::uint32_t>(high)} << 32U;
    }
    static void store_halves(char* low, char* high, std::uint64_t value) noexcept {
        store(low, static_cast<std::uint32_t>(value));
        store(high, static_cast<std::uint32_t>(value >> 32U));
    }
    void stamp_v7(wall_instant now) noexcept {
        auto ms = to_epoch_us(now) / 1000;
        for (std::size_t i = 6; i-- > 0; ms >>= 8U) octets_[i] = static_cast<std::uint8_t>(ms);
        octets_[6] = static_cast<std::uint8_t>((octets_[6] & 0x0fU) | 0x70U);
        octets_[8] = static_cast<std::uint8_t>((octets_[8] & 0x3fU) | 0x80U);
    }

    std::array<std::uint8_t, 16> octets_{};
};

/// Names a task, and is its idempotency key: the same id submitted again is the same task.
using task_id = uuid;

}  // namespace fastqueue
