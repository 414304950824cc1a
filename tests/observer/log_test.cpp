#include <fastqueue/observer/log.hpp>

#include "laws/observer_laws.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using fastqueue::errc;
using fastqueue::instant;
using fastqueue::task_state;
using fastqueue::policy::notice_event;
using fastqueue::policy::task_event;
using fastqueue::policy::worker_change;
using fastqueue::policy::worker_event;

namespace observer = fastqueue::observer;  // `log` alone is the C library's

namespace {

struct recorder {
    std::vector<std::string> lines;
    instant now{};
    observer::log watcher{[this](std::string_view line) { lines.emplace_back(line); },
                          [this] { return now; }};
};

}  // namespace

TEST_CASE("log: writes one line an event", "[observer]") {
    recorder r;
    auto const id = *fastqueue::uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057");
    r.watcher.on(task_event{id, "add", task_state::queued, 0, ""});
    r.watcher.on(task_event{id, "add", task_state::running, 2, "mill-3"});
    r.watcher.on(worker_event{"mill-3", worker_change::lost, "no heartbeat for 15 s"});
    r.watcher.on(worker_event{"mill-4", worker_change::joined, ""});
    r.watcher.on(notice_event{errc::bad_greeting, "203.0.113.7 was cut"});
    CHECK(r.lines == std::vector<std::string>{
                         "task 01890a5d-ac96-774b-bcce-b302099a8057 add queued",
                         "task 01890a5d-ac96-774b-bcce-b302099a8057 add running attempt 2 on mill-3",
                         "worker mill-3 lost: no heartbeat for 15 s",
                         "worker mill-4 joined",
                         "notice bad_greeting: 203.0.113.7 was cut",
                     });
}

TEST_CASE("log: a flood costs a few lines a second, and is counted", "[observer]") {
    recorder r;
    for (int i = 0; i < 1000; ++i) r.watcher.on(notice_event{errc::bad_greeting, "x"});
    CHECK(r.lines.size() == observer::log::most_a_second);
    r.watcher.on(notice_event{errc::queue_full, "another kind is still heard"});
    CHECK(r.lines.size() == observer::log::most_a_second + 1);
    r.now += std::chrono::milliseconds{999};
    r.watcher.on(notice_event{errc::bad_greeting, "x"});
    CHECK(r.lines.size() == observer::log::most_a_second + 1);
    r.now += std::chrono::milliseconds{1};
    r.watcher.on(notice_event{errc::bad_greeting, "x"});
    CHECK(r.lines.back() == "notice bad_greeting: x (and 996 more before)");
    r.watcher.on(notice_event{errc::bad_greeting, "x"});
    CHECK(r.lines.back() == "notice bad_greeting: x");
}

TEST_CASE("log: workers that come and go all the time are limited too", "[observer]") {
    recorder r;
    for (int i = 0; i < 1000; ++i) {
        r.watcher.on(worker_event{"w", worker_change::joined, ""});
        r.watcher.on(worker_event{"w", worker_change::left, ""});
    }
    CHECK(r.lines.size() == 2 * observer::log::most_a_second);
}

TEST_CASE("log: what a peer has chosen stays text on one line", "[observer]") {
    recorder r;
    r.watcher.on(notice_event{errc::bad_request,
                              "a\r\nnotice forged\x1b[31m\x7f\xc2\x9b"
                              "2J \\ \xff gr\xc3\xbc\xc3\x9f"});
    CHECK(r.lines.back() ==
          "notice bad_request: a\\x0d\\x0anotice forged\\x1b[31m\\x7f\\xc2\\x9b2J \\\\ \\xff "
          "gr\xc3\xbc\xc3\x9f");
    r.watcher.on(notice_event{errc::bad_request, std::string(100'000, 'x')});
    CHECK(r.lines.back().size() < 600);
    CHECK(r.lines.back().ends_with("xxx..."));
}

TEST_CASE("log: default constructed it says nothing, and a sink that throws harms nobody", "[observer]") {
    observer::log silent;
    silent.on(notice_event{errc::bad_request, "x"});
    silent.on(task_event{});
    int calls = 0;
    observer::log broken{[&](std::string_view) {
        ++calls;
        throw std::runtime_error{"disk full"};
    }};
    broken.on(worker_event{"w", worker_change::left, ""});
    broken.on(task_event{});
    CHECK(calls == 2);
}

TEST_CASE("log: keeps the laws of an observer, and each event is one line of text", "[observer]") {
    std::size_t lines = 0;
    std::size_t odd = 0;
    laws::observer_laws<observer::log>([&] {
        return observer::log{[&](std::string_view line) {
            ++lines;
            if (line.find_first_of(std::string_view{"\n\r\0\x1b", 4}) != line.npos) ++odd;
        }};
    });
    CHECK(lines > 300);
    CHECK(odd == 0);
}
