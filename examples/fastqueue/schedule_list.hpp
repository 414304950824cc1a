#pragma once

#include "connection.hpp"
#include "json_rows.hpp"
#include "output.hpp"
#include "schedule_text.hpp"

#include <fastqueue/client.hpp>

#include <cstddef>
#include <string>

namespace fastqueue::cli {

/// All schedules of a control plane, as one document.
[[nodiscard]] inline std::string all_schedules(connection const& connection) {
    constexpr std::size_t at_once = 1000;
    std::string out;
    connection.ask({}, [&](client& c) {
        for (std::string after;;) {
            auto const part = c.document("schedules", "limit=" + std::to_string(at_once) + after);
            json_rows const rows{part};
            if (rows.size() > 0) out += (out.empty() ? "" : ",") + part.substr(1, part.size() - 2);
            if (rows.size() < at_once) return;
            after = " after=" + rows.get(rows.size() - 1, "name");
        }
    });
    return '[' + out + ']';
}

/// Prints them.
inline void list_schedules(connection const& connection) {
    auto const document = all_schedules(connection);
    json_rows const rows{document};
    if (connection.json()) return say_lines(rows.lines());
    say(rows.size() == 0 ? "no schedules" : schedule_table(rows));
}

}  // namespace fastqueue::cli
