#pragma once

#include <fastqueue/core/plane_options.hpp>
#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/tasks/invocation.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

// From a word of the command line to a value. Each function is told the option's name, so that its error can name it,
// and throws error (bad_option ...) with one sentence.

namespace fastqueue::cli {

[[noreturn]] inline void bad_value(std::string_view option, std::string_view value,
                                   std::string const& wanted) {
    throw error{errc::bad_option,
                std::string{option} + " '" + std::string{value.substr(0, 300)} + "' is not " + wanted};
}

/// A whole number from `least` to `most`.
template <std::unsigned_integral Number>
[[nodiscard]] Number read_number(std::string_view option, std::string_view text, Number least,
                                 Number most = std::numeric_limits<Number>::max()) {
    Number number = 0;
    auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool const good =
        problem == std::errc{} && end == text.data() + text.size() && number >= least && number <= most;
    if (!good)
        bad_value(option, text,
                  "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return number;
}

/// A decimal number from `least` to `most`.
[[nodiscard]] inline double read_fraction(std::string_view option, std::string_view text, int least,
                                          int most) {
    double number = 0;
    auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool const read = problem == std::errc{} && end == text.data() + text.size();
    if (!read || !(number >= least && number <= most) || std::signbit(number))
        bad_value(option, text, "a number from " + std::to_string(least) + " to " + std::to_string(most));
    return number;
}

/// `30`, `0.5`: for messages.
[[nodiscard]] inline std::string seconds_text(std::chrono::milliseconds time) {
    auto const ms = time.count();
    auto text = std::to_string(ms / 1000);
    if (ms % 1000 == 0) return text;
    text += '.' + std::to_string(1000 + ms % 1000).substr(1);
    return text.substr(0, text.find_last_not_of('0') + 1);
}

/// Seconds, with a fraction where wanted; to the millisecond, rounded up.
/// \param least  in milliseconds
[[nodiscard]] inline std::chrono::milliseconds read_seconds(std::string_view option, std::string_view text,
                                                            std::chrono::milliseconds least = {}) {
    constexpr double longest = 1e9;  // thirty years
    double seconds = 0;
    auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    bool const read = problem == std::errc{} && end == text.data() + text.size();
    auto const ms = std::ceil(seconds * 1000);
    if (!read || !(seconds <= longest) || !(ms >= static_cast<double>(least.count())) ||
        std::signbit(seconds)) {
        auto const from = least.count() == 1 ? std::string{"over 0"} : seconds_text(least) + " and up";
        bad_value(option, text, "a number of seconds, " + from);
    }
    return std::chrono::milliseconds{static_cast<std::int64_t>(ms)};
}

[[nodiscard]] inline endpoint read_address(std::string_view option, std::string_view text) {
    endpoint out;
    auto const problem = parse_endpoint(text, out);
    if (problem.empty()) return out;
    throw error{errc::bad_address, std::string{option} + " '" + std::string{text.substr(0, 300)} +
                                       "' is not an address: " + std::string{problem} +
                                       "; write it as tcp://127.0.0.1:5555"};
}

/// An address to connect to: with a host and a port of its own.
[[nodiscard]] inline endpoint read_peer(std::string_view option, std::string_view text) {
    auto const at = read_address(option, text);
    if (at.port == 0)
        bad_value(option, text,
                  "an address to connect to: the port is missing; write it as tcp://127.0.0.1:5555");
    if (at.is_wildcard())
        bad_value(option, text, "an address to connect to: name a host, for example 127.0.0.1");
    return at;
}

/// A host's name or address, without brackets or port.
[[nodiscard]] inline std::string read_host(std::string_view option, std::string_view text) {
    std::string const host{text};
    endpoint out;
    auto const problem =
        parse_endpoint("tcp://" + (host.find(':') != host.npos ? '[' + host + ']' : host) + ":1", out);
    if (!problem.empty() || out.is_wildcard())
        bad_value(option, text, "a host: write its name or its address, without tcp:// and port");
    return out.host;
}

[[nodiscard]] inline std::string read_name(std::string_view option, std::string_view text) {
    if (!is_valid_name(text)) bad_value(option, text, "a name: 1 to 255 of A-Z a-z 0-9 . _ : -");
    return std::string{text};
}

[[nodiscard]] inline std::string read_token(std::string_view option, std::string_view text) {
    if (!fastqueue::detail::is_wire_token(text))
        bad_value(option, text, "1 to 255 printable ASCII characters without spaces");
    return std::string{text};
}

[[nodiscard]] inline task_id read_id(std::string_view option, std::string_view text) {
    auto const id = task_id::parse(text);
    if (!id || id->empty())
        bad_value(option, text, "a task's id: 36 characters as submit --non-blocking prints them");
    return *id;
}

/// One of some words, in either case. \return its index
template <class Words>
[[nodiscard]] std::size_t read_word(std::string_view option, std::string_view text, Words const& words) {
    std::string lower{text};
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == lower) return i;
        if (i > 0) list += i + 1 == words.size() ? " or " : ", ";
        list += words[i];
    }
    auto const near = nearest_names(lower, words, 1);
    bad_value(option, text, list + (near.empty() ? std::string{} : "; did you mean " + near.front() + "?"));
}

/// Whether a flag is set: 1, true, yes or on; 0, false, no or off.
[[nodiscard]] inline bool read_truth(std::string_view option, std::string_view text) {
    constexpr std::array<std::string_view, 8> words{"1", "true", "yes", "on", "0", "false", "no", "off"};
    return read_word(option, text, words) < 4;
}

[[nodiscard]] inline priority read_priority(std::string_view option, std::string_view text) {
    return static_cast<priority>(read_word(option, text, priority_names));
}

[[nodiscard]] inline core::unknown_tasks read_unknown_tasks(std::string_view option, std::string_view text) {
    constexpr std::array<std::string_view, 3> words{"auto", "wait", "refuse"};
    return static_cast<core::unknown_tasks>(read_word(option, text, words));
}

/// The parts of a list that is separated by commas.
[[nodiscard]] inline std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        auto const end = std::min(text.find(','), text.size());
        if (end > 0) parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

}  // namespace fastqueue::cli
