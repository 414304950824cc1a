#pragma once

#include "json_rows.hpp"
#include "output.hpp"
#include "report.hpp"

#include <cstddef>
#include <string>

namespace fastqueue::cli {

[[nodiscard]] inline std::string worker_of(json_rows const& rows, std::size_t i) {
    return rows.has(i, "worker") ? rows.get(i, "worker") : "-";
}

/// The attempts that went wrong, as far as they are kept.
[[nodiscard]] inline std::string history_table(std::string const& attempts) {
    json_rows const rows{attempts};
    if (rows.size() == 0) return {};
    table out{{{"ATTEMPT", true}, {"ENDED"}, {"WORKER"}, {"CODE"}, {"TEXT"}}};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out.row({rows.get(i, "attempt"), utc(rows.number(i, "at_us")), worker_of(rows, i),
                 rows.get(i, "code"), one_line(rows.get(i, "text"))});
    }
    return "\n\n" + out.text();
}

}  // namespace fastqueue::cli
