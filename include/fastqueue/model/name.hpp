#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue {

inline constexpr std::size_t max_name_size = 255;

/// Whether `name` may name a task or a worker: 1 to 255 of `A-Z a-z 0-9 . _ : -`.
[[nodiscard]] constexpr bool is_valid_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > max_name_size) return false;
    return std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == ':' || c == '-';
    });
}

/// Levenshtein's distance: how many characters must be put in, taken out or changed.
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            auto const substituted = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row[b.size()];
}

/// The names most like `wanted`, nearest first, at most `most`; those too unlike to have been meant are left
/// out.
template <class Names>
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view wanted, Names const& names,
                                                     std::size_t most = 3) {
    std::vector<std::pair<std::size_t, std::string>> found;
    auto const limit = std::max<std::size_t>(2, wanted.size() / 3);
    for (std::string_view const name : names) {
        auto const distance = edit_distance(wanted, name);
        if (distance <= limit) found.emplace_back(distance, name);
    }
    std::ranges::sort(found);
    if (found.size() > most) found.resize(most);
    std::vector<std::string> out;
    out.reserve(found.size());
    for (auto& [distance, name] : found) out.push_back(std::move(name));
    return out;
}

}  // namespace fastqueue
