#pragma once

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

/// Times as people write them, "2026-03-29 02:30" or with seconds, for tables in tests and for what they print.
namespace calendar {

[[nodiscard]] inline std::chrono::local_seconds local(std::string const& text) {
    using namespace std::chrono;
    int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
    auto const read = std::sscanf(text.c_str(), "%d-%d-%d %d:%d:%d", &y, &mo, &d, &h, &mi, &s);
    if (read < 5) throw std::invalid_argument{text};
    return local_days{year{y} / mo / d} + hours{h} + minutes{mi} + seconds{s};
}

[[nodiscard]] inline std::chrono::sys_seconds utc(std::string const& text) {
    return std::chrono::sys_seconds{local(text).time_since_epoch()};
}

[[nodiscard]] inline std::string text(std::chrono::local_seconds time) {
    using namespace std::chrono;
    auto const day = floor<days>(time);
    year_month_day const date{day};
    hh_mm_ss const clock{time - day};
    char out[80];
    std::snprintf(out, sizeof out, "%d-%02u-%02u %02ld:%02ld", int{date.year()}, unsigned{date.month()},
                  unsigned{date.day()}, clock.hours().count(), clock.minutes().count());
    auto const rest = clock.seconds().count();
    return rest == 0 ? out : std::string{out} + ":" + std::to_string(rest / 10) + std::to_string(rest % 10);
}

[[nodiscard]] inline std::string text(std::chrono::sys_seconds time) {
    return text(std::chrono::local_seconds{time.time_since_epoch()});
}

}  // namespace calendar
