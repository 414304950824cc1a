#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/model/name.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::core {

/// Whether a task of a name that no worker has announced may wait for one that does.
template <class P>
[[nodiscard]] bool may_wait_for_name(plane_state<P> const& s) noexcept {
    if (s.options.unknown_names != unknown_tasks::automatic)
        return s.options.unknown_names == unknown_tasks::wait;
    return !s.any_registered || s.now.steady - s.started < s.options.inactive;
}

/// Why no task of that name is taken, with the names most like it. \return empty: it is known, or may wait
template <class P>
[[nodiscard]] std::optional<std::string> unknown_name(plane_state<P> const& s, std::string_view name) {
    auto const& names = s.dispatch.names();
    auto const at = names.find(name);
    if ((at != none && names[at].known) || may_wait_for_name(s)) return std::nullopt;
    std::vector<std::string_view> known;
    for (auto const& entry : names) {
        if (entry.known) known.push_back(entry.name);
    }
    std::string text = "no worker knows a task named '" + std::string{name} + "'";
    auto const near = nearest_names(name, known);
    for (std::size_t i = 0; i < near.size(); ++i) text += (i == 0 ? "; did you mean " : ", ") + near[i];
    return text;
}

}  // namespace fastqueue::core
