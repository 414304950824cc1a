#pragma once

#include <fastqueue/core/schedule.hpp>
#include <fastqueue/core/schedule_times.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/policy/time_zones.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace fastqueue::core {

/// `2026-11-29T02:00:00Z`, with a fraction where there is one. \param us  microseconds since the Unix epoch
[[nodiscard]] inline std::string utc_text(std::uint64_t us) {
    using namespace std::chrono;
    sys_time<microseconds> const at{microseconds{static_cast<std::int64_t>(us)}};
    auto const day = floor<days>(at);
    year_month_day const date{day};
    hh_mm_ss const time{at - day};
    std::array<char, 64> text{};
    auto const fraction = static_cast<unsigned>(time.subseconds().count());
    auto const size = std::snprintf(
        text.data(), text.size(),
        fraction == 0 ? "%04d-%02u-%02uT%02d:%02d:%02dZ" : "%04d-%02u-%02uT%02d:%02d:%02d.%06uZ",
        static_cast<int>(date.year()), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
        static_cast<int>(time.seconds().count()), fraction);
    return {text.data(), static_cast<std::size_t>(size)};
}

/// Writes what is known of a schedule, with its next five firings.
template <policy::time_zones Zones>
void write_schedule(json::writer& w, schedule const& d, Zones const& zones) {
    constexpr std::array<std::string_view, 3> catch_up_names{"one", "none", "all"};
    constexpr std::uint64_t shown = 5;
    w.begin_object().key("name").value(d.name).key("task").value(d.task);
    if (d.cron)
        w.key("cron").value(d.cron_text).key("zone").value(d.zone);
    else
        w.key("every_ms").value(d.every_us / 1000);
    w.key("paused").value(d.paused).key("overlap").value(d.overlaps ? "allow" : "skip");
    w.key("catch_up").value(catch_up_names[static_cast<std::size_t>(d.missed)]);
    w.key("fired").value(d.fired).key("skipped").value(d.skipped);
    if (d.count != 0) w.key("count").value(d.count);
    if (d.start_us != 0) w.key("start_us").value(d.start_us);
    if (d.until_us != 0) w.key("until_us").value(d.until_us);
    if (d.last_us != 0) w.key("last_us").value(d.last_us).key("last_id").value(d.last_id.text());
    if (!d.run_id.empty()) w.key("run_id").value(d.run_id.text());
    w.key("definition").value(d.definition).key("arguments").value(d.arguments);
    w.key("next_us").begin_array();
    auto left = d.count == 0 ? shown : std::min(shown, d.count - std::min(d.count, d.fired));
    for (auto at = d.next_us; at != 0 && left > 0; at = fires_after(d, zones, at), --left) w.value(at);
    w.end_array().end_object();
}

}  // namespace fastqueue::core
