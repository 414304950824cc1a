#include "../../examples/fastqueue/fitted_table.hpp"
#include "../../examples/fastqueue/terminal.hpp"
#include "../../examples/fastqueue/top_figures.hpp"
#include "../../examples/fastqueue/top_keys.hpp"
#include "../../examples/fastqueue/top_screen.hpp"
#include "../../examples/fastqueue/top_silence.hpp"
#include "../../examples/fastqueue/top_view.hpp"

#include "support/catch.hpp"

#include <fastqueue/model/descriptor.hpp>
#include <fastqueue/model/error.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

using namespace fastqueue::cli;
using namespace std::chrono_literals;

namespace {

std::string worker(std::string const& id, int running, int ended, int uptime_ms) {
    return R"({"id":")" + id +
           R"(","state":"active","local":false,"host":"mill","concurrency":4,"outstanding":)" +
           std::to_string(running + 1) + R"(,"running":)" + std::to_string(running) + R"(,"succeeded":)" +
           std::to_string(ended) + R"(,"failed":0,"last_seen_ms":3,"uptime_ms":)" +
           std::to_string(uptime_ms) + "}";
}

std::string task(int number) {
    return R"({"id":"0190b6a0-77d3-7a3c-8b3e-)" + std::to_string(100'000'000'000 + number) +
           R"(","name":"resize.image","priority":"high","attempt":2,"worker":"sw1","age_ms":5000,"running_ms":)" +
           std::to_string(number * 100) + "}";
}

std::string list(std::vector<std::string> const& rows) {
    std::string out;
    for (auto const& row : rows) out += (out.empty() ? "[" : ",") + row;
    return out.empty() ? "[]" : out + "]";
}

top_documents documents(int submitted = 100, int ended = 90, int uptime_ms = 61'000) {
    top_documents out;
    out.health = R"({"status":"ok","id":"plane","version":"0.1.0"})";
    out.stats =
        R"({"submitted":)" + std::to_string(submitted) + R"(,"succeeded":)" + std::to_string(ended) +
        R"(,"failed":0,"cancelled":0,"expired":0,"retried":3,"tasks":20,"waiting":5,"dead_letters":1,"uptime_ms":)" +
        std::to_string(uptime_ms) + "}";
    out.queues = R"({"critical":{"waiting":0,"oldest_ms":0,"rate":0,"paused":false},)"
                 R"("high":{"waiting":5,"oldest_ms":1500,"rate":0.5,"paused":true},)"
                 R"("normal":{"waiting":0,"oldest_ms":0,"rate":12345.6,"paused":false},)"
                 R"("low":{"waiting":0,"oldest_ms":0,"rate":0,"paused":false}})";
    out.workers = list({worker("sw2", 3, 60, uptime_ms), worker("sw1", 1, 30, uptime_ms)});
    out.tasks = list({task(1), task(3), task(2)});
    return out;
}

top_figures figures_of(top_documents const& d) { return top_reader::read(d, {}, nullptr); }

std::vector<std::string> drawn(top_figures const& figures, top_view& view, screen_size size) {
    std::vector<std::string> out;
    for (auto const& line : top_screen::lines(figures, view, size)) out.push_back(line.text);
    return out;
}

std::optional<std::size_t> row_of(std::vector<std::string> const& lines, std::string_view begin) {
    auto const at = std::ranges::find_if(lines, [&](auto const& line) { return line.starts_with(begin); });
    if (at == lines.end()) return std::nullopt;
    return static_cast<std::size_t>(at - lines.begin());
}

// What a terminal's other side has been sent, once its end has come.
std::string all_of(int file) {
    std::string out;
    pollfd ready{file, POLLIN, 0};
    while (!out.ends_with("\x1b[?1049l") && ::poll(&ready, 1, 10'000) == 1) {
        std::array<char, 256> octets{};
        auto const got = ::read(file, octets.data(), octets.size());
        if (got <= 0) break;
        out.append(octets.data(), static_cast<std::size_t>(got));
    }
    return out;
}

std::vector<top_key> keys_of(std::string_view octets) {
    top_key_reader reader;
    std::vector<top_key> out;
    for (char const c : octets) {
        if (auto const key = reader.take(c)) out.push_back(*key);
    }
    return out;
}

}  // namespace

// ---- figures

TEST_CASE("figures are those of the documents, and what is neither waiting nor at a worker is due later") {
    auto const f = figures_of(documents());
    CHECK(f.plane == "plane");
    CHECK(f.running == 4);
    CHECK(f.ahead == 2);
    CHECK(f.later == 20 - 5 - 4 - 2);
    CHECK(f.workers[0].id == "sw1");
    CHECK(f.queues[1].paused);
    CHECK(f.queues[2].rate == 12345.6);
    CHECK(f.running_tasks[0].level == 1);
    CHECK_FALSE(f.in);
}

TEST_CASE("rates are differences over the control plane's own time") {
    auto const before = figures_of(documents(100, 90, 61'000));
    auto later = documents(150, 100, 63'000);
    later.workers = list({worker("sw1", 1, 34, 63'000), worker("sw3", 1, 34, 63'000)});
    auto const now = top_reader::read(later, before.at + 2s, &before);
    CHECK(now.in == 25.0);
    CHECK(now.out == 5.0);
    CHECK(now.workers[0].rate == 2.0);
    CHECK_FALSE(now.workers[1].rate);
}

TEST_CASE("a control plane that has started since is not compared with the one before") {
    auto const before = figures_of(documents(100, 90, 1'000));
    CHECK_FALSE(top_reader::read(documents(200, 190, 900), before.at + 1s, &before).in);
    CHECK_FALSE(top_reader::read(documents(200, 190, 5'000), before.at + 60s, &before).out);
    CHECK_FALSE(top_reader::read(documents(50, 90, 2'000), before.at + 1s, &before).in);
}

TEST_CASE("an answer that is something else is refused") {
    auto broken = documents();
    broken.workers = "{}";
    CHECK_THROWS_AS(figures_of(broken), fastqueue::error);
}

// ---- the screen

TEST_CASE("no line is ever too wide, and there are never too many") {
    auto d = documents();
    std::vector<std::string> workers;
    std::vector<std::string> tasks;
    for (int i = 0; i < 40; ++i) {
        workers.push_back(
            worker("a-worker-with-quite-a-long-name-" + std::to_string(i), i, 1'000'000'000, 9));
        tasks.push_back(task(i));
    }
    d.workers = list(workers);
    d.tasks = list(tasks);
    auto const f = figures_of(d);
    for (std::size_t height = 1; height <= 60; ++height) {
        for (std::size_t width = 1; width <= 200; width += width < 90 ? 1 : 11) {
            for (std::size_t chosen = 0; chosen < 2; ++chosen) {
                top_view view;
                view.address = "tcp://127.0.0.1:5550";
                view.chosen = chosen;
                view.help = height % 2 == 0;
                view.note = width % 2 == 0 ? "NO ANSWER for 3.0 s" : "";
                auto const lines = drawn(f, view, {width, height});
                REQUIRE(lines.size() <= height);
                for (auto const& line : lines) REQUIRE(line.size() <= width);
            }
        }
    }
}

TEST_CASE("what does not fit of numbers is left out, of names cut, of rows counted") {
    auto d = documents();
    std::vector<std::string> workers;
    for (int i = 10; i < 40; ++i)
        workers.push_back(worker("worker-with-a-name-that-is-long-" + std::to_string(i), 1, 5, 9));
    d.workers = list(workers);
    auto const f = figures_of(d);
    top_view view;
    auto const lines = drawn(f, view, {80, 24});
    CHECK(lines.size() == 24);
    auto const head = row_of(lines, "WORKER");
    REQUIRE(head);
    CHECK(lines[*head].ends_with("  1-7 of 30"));
    CHECK(lines[*head + 1].find("... ") != std::string::npos);
    CHECK(row_of(lines, "TASK"));
    CHECK(drawn(f, view, {30, 24})[1] == "in -  out -  queued 5");
}

TEST_CASE("on a large screen ids and names are whole") {
    auto const f = figures_of(documents());
    top_view view;
    auto const narrow = drawn(f, view, {80, 24});
    auto const wide = drawn(f, view, {120, 40});
    CHECK(narrow[*row_of(narrow, "resize.image")].ends_with(" 100000000003"));
    CHECK(wide[*row_of(wide, "resize.image")].ends_with(" 0190b6a0-77d3-7a3c-8b3e-100000000003"));
    CHECK(wide.size() == 40);
}

TEST_CASE("a note stands before what is usual, and old figures are faint") {
    auto f = figures_of(documents());
    top_view view;
    view.note = "NO ANSWER for 3.0 s";
    view.faint = true;
    CHECK(drawn(f, view, {80, 24})[0].starts_with("NO ANSWER for 3.0 s  fastqueue top "));
    CHECK(drawn(f, view, {20, 5})[0] == "NO ANSWER for 3.0 s");
    auto const lines = top_screen::lines(f, view, {80, 24});
    CHECK(lines[0].as == look::strong);
    CHECK(lines[1].as == look::faint);
    view.note.clear();
    f.status = "full";
    CHECK(drawn(f, view, {80, 24})[0].starts_with("FULL: takes no new tasks  fastqueue"));
}

TEST_CASE("lists without rows say so") {
    auto d = documents();
    d.workers = d.tasks = "[]";
    top_view view;
    auto const lines = drawn(figures_of(d), view, {80, 24});
    CHECK(lines[*row_of(lines, "WORKER") + 1] == "no workers; start one with fastqueue subworker");
    CHECK(lines[*row_of(lines, "TASK") + 1] == "no task is known to run");
}

TEST_CASE("text of others cannot move the cursor, and each character is a column") {
    CHECK(one_column_each("a\x1b[2Jb\n") == "a [2Jb ");
    CHECK(one_column_each("m\xc3\xbcll\xe2\x82\xac") == "m?ll?");
    CHECK(clipped("abcdefgh", 6) == "abc...");
    CHECK(clipped("abcdefgh", 3) == "abc");
    CHECK(clipped("abc", 3) == "abc");
}

TEST_CASE("drawing writes every cell of the screen and leaves the cursor's line alone") {
    auto const out = terminal::drawn({{"ab", look::head}, {"cd", look::plain}}, {3, 3});
    CHECK(out == "\x1b[1;1H\x1b[0;7mab \x1b[2;1H\x1b[0mcd \x1b[3;1H\x1b[0m   \x1b[0m");
}

// ---- the view

TEST_CASE("workers and tasks are sorted by the columns that are chosen, and the other way round") {
    auto const f = figures_of(documents());
    auto const first = [&](top_view& view, char const* head) {
        auto const lines = drawn(f, view, {120, 40});
        return lines[*row_of(lines, head) + 1];
    };
    top_view view;
    CHECK(first(view, "WORKER").starts_with("sw1 "));
    CHECK(first(view, "TASK").ends_with("003"));
    view.sort_by(2);
    CHECK(first(view, "WORKER").starts_with("sw2 "));
    CHECK(view.press(top_key::reverse));
    CHECK(first(view, "WORKER").starts_with("sw1 "));
    CHECK(view.press(top_key::other_list));
    CHECK(view.press(top_key::reverse));
    CHECK(first(view, "TASK").ends_with("001"));
    CHECK_FALSE(view.press(top_key::quit));
}

TEST_CASE("the sort key comes round to where it began") {
    top_view view;
    for (std::size_t i = 0; i < worker_orders.size(); ++i) CHECK(view.press(top_key::sort));
    CHECK(view.lists[top_view::workers].order == 0);
    view.sort_by(top_order_words.size() - 1);
    CHECK(view.chosen == top_view::tasks);
    CHECK(view.press(top_key::sort));
    CHECK(view.lists[top_view::tasks].order == 0);
}

TEST_CASE("a list scrolls no further than its rows go, and not past them when they become fewer") {
    auto d = documents();
    std::vector<std::string> workers;
    for (int i = 10; i < 40; ++i) workers.push_back(worker("sw" + std::to_string(i), 1, 5, 9));
    d.workers = list(workers);
    top_view view;
    auto const many = figures_of(d);
    auto const top_row = [&](top_figures const& f) {
        auto const lines = drawn(f, view, {80, 24});
        return lines[*row_of(lines, "WORKER") + 1].substr(0, 4);
    };
    CHECK(top_row(many) == "sw10");
    for (auto const key : {top_key::page_down, top_key::down}) CHECK(view.press(key));
    CHECK(top_row(many) == "sw18");
    for (auto const key : {top_key::last, top_key::down, top_key::up}) CHECK(view.press(key));
    CHECK(top_row(many) == "sw32");
    CHECK(top_row(figures_of(documents())) == "sw1 ");
    CHECK(view.press(top_key::page_up));
    CHECK(view.press(top_key::first));
    CHECK(top_row(many) == "sw10");
}

// ---- silence

TEST_CASE("silence is told of after a second, once a second, and not where nobody listened") {
    top_silence::instant const begin{};
    top_silence silence;
    CHECK_FALSE(silence.due());
    CHECK_FALSE(silence.tell(begin + 1h));
    silence.asked(begin);
    silence.asked(begin + 500ms);
    CHECK_FALSE(silence.tell(begin + 999ms));
    CHECK_FALSE(silence.length());
    CHECK(silence.tell(begin + 1s));
    CHECK_FALSE(silence.tell(begin + 1500ms));
    CHECK(silence.due() == begin + 2s);
    CHECK(silence.tell(begin + 3s));
    CHECK(silence.length() == 3s);
    silence.begin_anew(begin + 10s);
    CHECK_FALSE(silence.length());
    CHECK(silence.due() == begin + 11s);
    silence.answered();
    CHECK_FALSE(silence.due());
}

// ---- keys

TEST_CASE("keys are known in the forms that terminals send, also in pieces, and others mean nothing") {
    using enum top_key;
    CHECK(keys_of("qs?") == std::vector{quit, sort, help});
    CHECK(keys_of("\x1b[A\x1b[B\x1bOA\x1bOB") == std::vector{up, down, up, down});
    CHECK(keys_of("\x1b[5~\x1b[6~\x1b[H\x1b[4~\t") ==
          std::vector{page_up, page_down, first, last, other_list});
    CHECK(keys_of("\x1bq") == std::vector{quit});
    CHECK(keys_of("\x1b\x1b[A") == std::vector{up});
    CHECK(keys_of("x\x1b[200~\x1b[1;5C\x1b[3~").empty());
}

// ---- the terminal

TEST_CASE("an exception gives the terminal back as it was") {
    fastqueue::detail::descriptor const here{::posix_openpt(O_RDWR | O_NOCTTY)};
    REQUIRE(here);
    REQUIRE(::grantpt(here.get()) == 0);
    REQUIRE(::unlockpt(here.get()) == 0);
    fastqueue::detail::descriptor const there{::open(::ptsname(here.get()), O_RDWR | O_NOCTTY)};
    REQUIRE(there);
    fastqueue::detail::descriptor const saved{::dup(STDOUT_FILENO)};
    termios before{};
    termios inside{};
    termios after{};
    ::tcgetattr(there.get(), &before);
    ::dup2(there.get(), STDOUT_FILENO);
    try {
        terminal const taken;
        ::tcgetattr(there.get(), &inside);
        throw std::runtime_error{"in the middle"};
    } catch (std::runtime_error const&) {
        ::dup2(saved.get(), STDOUT_FILENO);
    }
    ::tcgetattr(there.get(), &after);
    CHECK((inside.c_lflag & (ICANON | ECHO)) == 0);
    CHECK((inside.c_lflag & ISIG) != 0);
    CHECK(after.c_lflag == before.c_lflag);
    CHECK(after.c_iflag == before.c_iflag);
    auto const written = all_of(here.get());
    CHECK(written.starts_with("\x1b[?1049h"));
    CHECK(written.ends_with("\x1b[?25h\x1b[?1049l"));
}
