#pragma once

#include "history_table.hpp"
#include "json_rows.hpp"
#include "output.hpp"
#include "report.hpp"

#include <cstddef>
#include <string>
#include <string_view>

// How dead letters are printed for people.

namespace fastqueue::cli {

namespace detail {

/// Words that may be long, for a table.
[[nodiscard]] inline std::string brief(std::string_view words) {
    constexpr std::size_t most = 60;
    if (words.size() <= most) return one_line(words);
    auto end = most;
    while (end > 0 && (static_cast<unsigned char>(words[end]) & 0xC0U) == 0x80U) --end;  // between characters
    return one_line(words.substr(0, end)) + "...";
}

}  // namespace detail

/// Of `dead list`.
[[nodiscard]] inline std::string dead_table(json_rows const& rows) {
    table out{{{"ID"},
               {"NAME"},
               {"CODE"},
               {"ATTEMPT", true},
               {"DEATHS", true},
               {"WORKER"},
               {"AGE", true},
               {"TEXT"}}};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out.row({rows.get(i, "id"), rows.get(i, "name"), rows.get(i, "code"), rows.get(i, "attempt"),
                 rows.get(i, "deaths"), worker_of(rows, i), span_text(rows.number(i, "age_ms") * 1000),
                 detail::brief(rows.get(i, "text"))});
    }
    return out.text();
}

/// Of `dead show`: a line each, then its attempts.
[[nodiscard]] inline std::string dead_lines(json_rows const& rows) {
    std::string out;
    auto const line = [&](std::string_view head, std::string const& value) {
        if (value.empty()) return;
        out.append(out.empty() ? "" : "\n").append(head).append(14 - head.size(), ' ').append(value);
    };
    line("task", rows.get(0, "id"));
    line("name", rows.get(0, "name"));
    line("code", rows.get(0, "code"));
    line("text", one_line(rows.get(0, "text")));
    line("priority", rows.get(0, "priority"));
    line("attempt", rows.get(0, "attempt"));
    line("deaths", rows.get(0, "deaths"));
    line("retries", rows.get(0, "retries"));
    if (auto const limit = rows.number(0, "timeout_ms"); limit > 0) line("timeout", span_text(limit * 1000));
    line("worker", rows.get(0, "worker"));
    line("content", rows.get(0, "content"));
    line("arguments", one_line(one_line_value(rows.get(0, "arguments"))));
    line("submitted", utc(rows.number(0, "submitted_us")));
    line("finished", utc(rows.number(0, "finished_us")));
    return out + history_table(rows.raw(0, "history"));
}

}  // namespace fastqueue::cli
