#pragma once

#include <fastqueue/fastqueue.hpp>

#include <span>
#include <string>
#include <string_view>
#include <tuple>

/// How values become octets: as JSON behind a checksum, so that what was damaged on its way is refused, not misread.
struct checked_json {
    using json = fastqueue::serialization::json;
    static constexpr std::string_view content = "json-checked";

    template <class T>
    static void encode(std::string& out, T const& value) {
        seal(out, [&](std::string& text) { json::encode(text, value); });
    }
    template <class T>
    static T decode(std::string_view octets) {
        return json::decode<T>(opened(octets, fastqueue::errc::bad_value));
    }
    template <class... Ts>
    static void encode_arguments(std::string& out, Ts const&... values) {
        seal(out, [&](std::string& text) { json::encode_arguments(text, values...); });
    }
    template <class... Ts, class Fill = fastqueue::policy::no_defaults>
    static void decode_arguments(std::string_view octets, std::span<std::string_view const> names,
                                 std::tuple<Ts...>& values, Fill const& fill = {}) {
        auto const text = octets.empty() ? octets : opened(octets, fastqueue::errc::bad_arguments);
        json::decode_arguments(text, names, values, fill);
    }

private:
    template <class Write>
    static void seal(std::string& out, Write&& write) {
        std::string text;
        write(text);
        out += checksum(text) + text;
    }
    static std::string_view opened(std::string_view octets, fastqueue::errc code) {
        auto const size = checksum({}).size();
        if (octets.size() >= size && checksum(octets.substr(size)) == octets.substr(0, size))
            return octets.substr(size);
        throw fastqueue::error{code, "the checksum is wrong: the octets were damaged"};
    }
    static std::string checksum(std::string_view text) {
        auto const digits = std::to_string(fastqueue::hash_bytes(text));
        return std::string(20 - digits.size(), '0') + digits + ' ';
    }
};
