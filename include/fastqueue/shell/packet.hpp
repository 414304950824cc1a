#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace fastqueue::shell {

/// Writes values for another process of the same program, as they lie in memory: numbers, enumerations, ids; texts behind
/// their length.
class packet_writer {
public:
    explicit packet_writer(std::string& out) noexcept : out_{&out} {}

    template <class T>
    requires std::is_trivially_copyable_v<T> packet_writer& number(T const& value) {
        out_->append(reinterpret_cast<char const*>(&value), sizeof value);
        return *this;
    }
    packet_writer& text(std::string_view value) {
        number(std::uint64_t{value.size()});
        out_->append(value);
        return *this;
    }

private:
    std::string* out_;
};

/// Reads what `packet_writer` wrote. Who packed it may have lost his mind, so what is not there reads as zeros and nothing.
class packet_reader {
public:
    explicit packet_reader(std::string_view octets) noexcept : rest_{octets} {}

    template <class T>
    requires std::is_trivially_copyable_v<T> packet_reader& number(T& value) noexcept {
        auto const octets = take(sizeof value);
        value = T{};
        if (octets.size() == sizeof value) std::memcpy(&value, octets.data(), sizeof value);
        return *this;
    }
    packet_reader& text(std::string& value) {
        std::uint64_t size = 0;
        number(size);
        value.assign(take(size));
        return *this;
    }

private:
    [[nodiscard]] std::string_view take(std::uint64_t size) noexcept {
        auto const octets = rest_.substr(0, size <= rest_.size() ? static_cast<std::size_t>(size) : 0);
        rest_.remove_prefix(octets.size());
        return octets;
    }

    std::string_view rest_;
};

}  // namespace fastqueue::shell
