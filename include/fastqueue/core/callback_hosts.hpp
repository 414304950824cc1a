#pragma once

#include <fastqueue/model/endpoint.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::core {

/// Whether a task, or a schedule's, may have its end told there: strangers must not have us dial whom they like.
/// \param address  of a callback, as it was read; empty: none
/// \param allowed  hosts beside this machine
/// \return empty, or why not
[[nodiscard]] inline std::string callback_refusal(std::string_view address,
                                                  std::vector<std::string> const& allowed) {
    endpoint at;
    if (address.empty() || !parse_endpoint(address, at).empty()) return {};
    if (endpoint{at.host, 0}.is_loopback() || std::ranges::find(allowed, at.host) != allowed.end()) return {};
    return "a callback to '" + at.host +
           "' is not allowed here: only to this machine, and to hosts of --callback-allow";
}

}  // namespace fastqueue::core
