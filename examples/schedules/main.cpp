// Tasks that are submitted again and again: declared beside their handlers or by a client, by interval or by cron, on the clocks of
// a time zone; what becomes of a firing whose predecessor still runs; and a firing beside the times.
#include <fastqueue/embedded.hpp>
#include <fastqueue/time_zones/tzdb.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fq = fastqueue;
using namespace std::chrono_literals;

namespace {

constexpr fq::task<int()> tick{"tick"};
constexpr fq::task<void()> sweep{"sweep"};
constexpr fq::task<std::string(std::string)> report{"report", "of"};

std::atomic<int> ticks{0};
std::atomic<bool> may_end{false};

// A module returns such a registry as well: its schedules come with its handlers.
fq::registry tasks() {
    fq::registry r;
    r.define(tick, [] { return ++ticks; });
    r.define(sweep, [](fq::context& ctx) {
        while (!may_end && !ctx.stop_requested()) std::this_thread::sleep_for(1ms);
    });
    r.define(report, [](std::string const& of) { return "the report of " + of; });
    r.schedule("three-ticks", fq::every(20ms).times(3), tick());
    return r;
}

// The library knows UTC and fixed offsets by itself; names of zones come with this policy, which needs the date library.
struct with_zones : fq::default_policies {
    using time_zone_policy = fq::time_zones::tzdb;
};
using queue_type = fq::basic_embedded<with_zones>;

// The numbers of a member of a schedule's document: one, or those of a list.
std::vector<std::uint64_t> numbers(std::string_view document, std::string_view member) {
    auto rest = document.substr(document.find("\"" + std::string{member} + "\":") + member.size() + 3);
    bool const many = rest.front() == '[';
    rest = rest.substr(0, rest.find_first_of(many ? "]" : ",}"));
    std::vector<std::uint64_t> out;
    for (rest.remove_prefix(many ? 1 : 0); !rest.empty();) {
        std::uint64_t n = 0;
        auto const end = std::from_chars(rest.data(), rest.data() + rest.size(), n).ptr;
        out.push_back(n);
        rest.remove_prefix(std::min(rest.size(), static_cast<std::size_t>(end - rest.data()) + 1));
    }
    return out;
}

void await(queue_type& queue, std::string_view schedule, std::string_view member, std::uint64_t least) {
    auto const end = std::chrono::steady_clock::now() + 20s;
    while (numbers(queue.document("schedules", schedule), member).at(0) < least) {
        if (std::chrono::steady_clock::now() > end) throw std::runtime_error{"it does not come about"};
        std::this_thread::sleep_for(2ms);
    }
}

// What the clock on the wall shows, and how far it is from UTC.
std::string wall(std::uint64_t us, std::string_view zone) {
    using namespace std::chrono;
    sys_seconds const at{seconds{us / 1'000'000}};
    auto const offset = fq::time_zones::tzdb{}.period(zone, at).value().offset;
    auto const day = floor<days>(at + offset);
    year_month_day const date{day};
    hh_mm_ss const time{at + offset - day};
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%02u-%02u %02d:%02d (%+d h)",
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                  static_cast<int>(duration_cast<hours>(offset).count()));
    return text.data();
}

void show(std::string_view what, std::string const& document) {
    std::cout << what << ":\n";
    for (auto const us : numbers(document, "next_us")) std::cout << "  " << wall(us, "Europe/Berlin") << '\n';
}

}  // namespace

int main() {
    queue_type queue{tasks()};

    await(queue, "three-ticks", "fired", 3);
    bool const over = numbers(queue.document("schedules", "three-ticks"), "next_us").empty();
    std::cout << "three-ticks: fired 3 times" << (over ? ", and never again" : "") << '\n';

    // While a sweep runs, the next ones are skipped.
    static_cast<void>(queue.schedule("sweep", fq::every(20ms), sweep()));
    await(queue, "sweep", "skipped", 3);
    std::cout << "sweep: fired " << numbers(queue.document("schedules", "sweep"), "fired").at(0)
              << " time, the others were skipped\n";
    queue.unschedule("sweep");
    may_end = true;

    // Clocks in Berlin go from 02:00 to 03:00 on 25 March 2035, and from 03:00 back to 02:00 on 28 October.
    constexpr auto spring = std::chrono::sys_days{std::chrono::year{2035} / 3 / 23} + 23h;
    constexpr auto autumn = std::chrono::sys_days{std::chrono::year{2035} / 10 / 26} + 22h;
    auto const nightly = report("the night");
    auto const at_night = [](auto from) {
        return fq::cron("30 2 * * *", "Europe/Berlin").starting(from).times(3);
    };
    show("at half past two, in spring", queue.schedule("nightly", at_night(spring), nightly));
    try {
        static_cast<void>(queue.schedule("nightly", at_night(autumn), nightly));
    } catch (fq::error const& e) {
        std::cout << "nightly: " << e.text() << '\n';
    }
    show("at half past two, in autumn", queue.schedule("nightly", at_night(autumn), nightly, true));
    show("each half hour, in autumn",
         queue.schedule("often", fq::cron("*/30 * * * *", "Europe/Berlin").starting(autumn + 26h),
                        report("the half hour")));

    auto const id = queue.trigger("nightly");  // now, beside its times
    std::cout << queue.wait<std::string>(id, 10s)->value() << '\n';
}
