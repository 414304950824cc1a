#pragma once

#include "json_rows.hpp"
#include "output.hpp"
#include "report.hpp"

#include <fastqueue/json/writer.hpp>
#include <fastqueue/tasks/registry.hpp>
#include <fastqueue/time_zones/tzdb.hpp>
#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/number.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

// How periodic tasks are printed.

namespace fastqueue::cli {

/// `2026-11-30T02:00:00+01:00`: a moment by the clock of a zone; in UTC where the zone is not known here.
/// \param us  microseconds since the Unix epoch
[[nodiscard]] inline std::string zoned(std::uint64_t us, std::string_view zone) {
    using namespace std::chrono;
    sys_time<microseconds> const at{microseconds{static_cast<std::int64_t>(us)}};
    auto const period = time_zones::tzdb{}.period(zone, floor<seconds>(at));
    if (!period || period->offset == seconds{0}) return utc(us);
    auto const local = at + period->offset;
    auto const day = floor<days>(local);
    year_month_day const date{day};
    hh_mm_ss const time{floor<seconds>(local - day)};
    auto const ahead = std::abs(static_cast<int>(duration_cast<minutes>(period->offset).count()));
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d%c%02d:%02d",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                  static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                  period->offset < seconds{0} ? '-' : '+', ahead / 60, ahead % 60);
    return text.data();
}

/// The numbers of a member that is a list of them.
[[nodiscard]] inline std::vector<std::uint64_t> numbers(json_rows const& rows, std::size_t row,
                                                        std::string_view key) {
    std::vector<std::uint64_t> out;
    auto const text = rows.raw(row, key);
    for (std::size_t at = 0; at < text.size();) {
        std::uint64_t n = 0;
        auto const [end, problem] = std::from_chars(text.data() + at, text.data() + text.size(), n);
        if (problem == std::errc{}) out.push_back(n);
        at = std::max(at + 1, static_cast<std::size_t>(end - text.data()));
    }
    return out;
}

/// `every 60 s`, `0 2 * * * Europe/Berlin`
[[nodiscard]] inline std::string when_text(json_rows const& rows, std::size_t row) {
    if (rows.has(row, "cron")) return rows.get(row, "cron") + ' ' + rows.get(row, "zone");
    return "every " + span_text(rows.number(row, "every_ms") * 1000);
}

[[nodiscard]] inline std::string schedule_table(json_rows const& rows) {
    table out{{{"NAME"}, {"TASK"}, {"WHEN"}, {"NEXT"}, {"LAST"}, {"FIRED", true}, {"SKIPPED", true}}};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto const next = numbers(rows, i, "next_us");
        auto const zone = rows.get(i, "zone");
        auto const paused = rows.get(i, "paused") == "true";
        out.row({rows.get(i, "name"), rows.get(i, "task"), when_text(rows, i),
                 paused         ? "paused"
                 : next.empty() ? "over"
                                : zoned(next.front(), zone),
                 rows.has(i, "last_us") ? zoned(rows.number(i, "last_us"), zone) : "-", rows.get(i, "fired"),
                 rows.get(i, "skipped")});
    }
    return out.text();
}

/// One schedule, a line for each thing, with its next firings.
[[nodiscard]] inline std::string schedule_lines(json_rows const& rows) {
    auto const zone = rows.get(0, "zone");
    std::string out;
    auto const line = [&out](std::string_view head, std::string const& value) {
        out.append(out.empty() ? "" : "\n")
            .append(head)
            .append(12 - std::min<std::size_t>(head.size(), 11), ' ');
        out += value;
    };
    line("schedule", rows.get(0, "name"));
    line("task", rows.get(0, "task"));
    line("when", when_text(rows, 0));
    if (rows.has(0, "until_us")) line("until", zoned(rows.number(0, "until_us"), zone));
    if (rows.has(0, "count")) line("count", rows.get(0, "count"));
    line("overlap", rows.get(0, "overlap"));
    line("catch up", rows.get(0, "catch_up"));
    line("fired", rows.get(0, "fired") + ", skipped " + rows.get(0, "skipped"));
    if (rows.has(0, "last_us"))
        line("last", zoned(rows.number(0, "last_us"), zone) + ", task " + rows.get(0, "last_id"));
    if (rows.has(0, "run_id")) line("run", "task " + rows.get(0, "run_id"));
    line("as asked", one_line(rows.get(0, "definition")));
    if (rows.has(0, "arguments")) line("arguments", one_line_value(rows.get(0, "arguments")));
    auto const next = numbers(rows, 0, "next_us");
    if (next.empty()) line("next", "never again");
    for (std::size_t i = 0; i < next.size(); ++i) line(i == 0 ? "next" : "", zoned(next[i], zone));
    if (rows.get(0, "paused") == "true") line("state", "paused");
    return out;
}

/// Calls `f(header)` for each schedule that modules declare.
template <class F>
void each_declared(registry const& tasks, F&& f) {
    for (auto const& declared : tasks.schedules()) {
        auto const line = "FQ1 schedule" + declared.tokens;
        wire::header h;
        if (!h.parse(line, line.size()) && h.positional().size() == 2) f(h);
    }
}
[[nodiscard]] inline std::string cron_of(wire::header const& h) {
    std::string cron{h.get("cron")};
    std::ranges::replace(cron, '_', ' ');
    return cron;
}

[[nodiscard]] inline std::string declared_table(registry const& tasks) {
    table out{{{"NAME"}, {"TASK"}, {"WHEN"}}};
    each_declared(tasks, [&out](wire::header const& h) {
        auto when = cron_of(h);
        if (when.empty())
            when = "every " + span_text(wire::read_number(h.get("every_ms")).value_or(0) * 1000);
        else
            when.append(" ").append(h.get("zone").empty() ? "UTC" : h.get("zone"));
        out.row({std::string{h.positional()[0]}, std::string{h.positional()[1]}, when});
    });
    return out.text();
}

[[nodiscard]] inline std::string declared_json(registry const& tasks) {
    std::string out;
    each_declared(tasks, [&out](wire::header const& h) {
        if (!out.empty()) out += '\n';
        json::writer w{out};
        w.begin_object().key("name").value(h.positional()[0]).key("task").value(h.positional()[1]);
        if (auto const cron = cron_of(h); cron.empty())
            w.key("every_ms").value(wire::read_number(h.get("every_ms")).value_or(0));
        else
            w.key("cron").value(cron).key("zone").value(h.get("zone").empty() ? "UTC" : h.get("zone"));
        w.end_object();
    });
    return out;
}

}  // namespace fastqueue::cli
