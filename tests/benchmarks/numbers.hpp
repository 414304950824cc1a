#pragma once

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace bench {

[[nodiscard]] inline double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

/// The value of a program's option.
/// \throws std::runtime_error if it is no number, or not between the two
template <class T>
[[nodiscard]] T number(std::string_view option, std::string_view text, T least, T most) {
    T value{};
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size() || value < least || value > most)
        throw std::runtime_error{"bad value for " + std::string{option} + ": '" + std::string{text} + "'"};
    return value;
}

}  // namespace bench
