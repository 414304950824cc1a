#include <fastqueue/core/dispatcher.hpp>

#include <fastqueue/balancing/least_loaded.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace fq = fastqueue;
using namespace fastqueue::core;
using fq::priority;

namespace {

/// Counts what it is asked.
struct counting : fq::balancing::least_loaded {
    using least_loaded::least_loaded;
    static inline std::uint64_t calls = 0;
    void joined(fq::policy::worker_slot w, std::uint32_t weight, fq::policy::load l) {
        ++calls;
        least_loaded::joined(w, weight, l);
    }
    void left(fq::policy::worker_slot w) noexcept {
        ++calls;
        least_loaded::left(w);
    }
    void load_changed(fq::policy::worker_slot w, fq::policy::load l) {
        ++calls;
        least_loaded::load_changed(w, l);
    }
    fq::policy::worker_slot pick(std::uint64_t key) noexcept {
        ++calls;
        return least_loaded::pick(key);
    }
};

struct fleet {
    slab<task> tasks;
    slab<worker_record, 16> workers;
    dispatcher<counting> dispatch{tasks, workers, 1};
    std::uint64_t sequence = 0;

    std::uint32_t add(std::string const& name, priority level = priority::normal) {
        auto const slot = tasks.take();
        tasks[slot] = task{};
        tasks[slot].sequence = ++sequence;
        tasks[slot].name = dispatch.names().intern(name);
        tasks[slot].level = level;
        dispatch.enqueue(slot);
        return slot;
    }
    std::uint32_t worker(std::vector<std::string> const& names, std::uint32_t concurrency = 1,
                         std::uint32_t window = 1, bool local = false) {
        auto const w = workers.take();
        workers[w] = worker_record{};
        workers[w].concurrency = concurrency;
        workers[w].window = window;
        workers[w].local = local;
        std::vector<std::uint32_t> numbers;
        for (auto const& n : names) numbers.push_back(dispatch.names().intern(n));
        std::ranges::sort(numbers);
        dispatch.set_capability(w, std::move(numbers));
        dispatch.set_serving(w, true);
        return w;
    }
    /// Gives the next task to its worker, as a control plane does.
    std::optional<dispatcher<counting>::choice> next() {
        auto const choice = dispatch.next();
        if (choice) {
            ++workers[choice->worker].outstanding;
            workers[choice->worker].charged_us += cost(choice->task);
            dispatch.room_changed(choice->worker);
        }
        return choice;
    }
    void finish(dispatcher<counting>::choice const& c) {
        --workers[c.worker].outstanding;
        workers[c.worker].charged_us -= cost(c.task);
        dispatch.room_changed(c.worker);
        tasks.give(c.task);
    }
    void learn(std::string const& name, std::uint32_t us) {
        dispatch.names()[dispatch.names().intern(name)].cost_us = us;
    }
    std::uint32_t cost(std::uint32_t slot) {
        return std::min(dispatch.names()[tasks[slot].name].cost_us, ahead_limit_us);
    }
};

}  // namespace

TEST_CASE("dispatcher: predecessor 12: strict priority across names, then the order of acceptance",
          "[core]") {
    fleet f;
    auto const low = f.add("a", priority::low);
    auto const b1 = f.add("b");
    auto const a1 = f.add("a");
    auto const b2 = f.add("b");
    auto const critical = f.add("c", priority::critical);
    f.worker({"a", "b", "c"}, 10);
    for (auto const expected : {critical, b1, a1, b2, low}) {
        auto const c = f.next();
        REQUIRE(c);
        CHECK(c->task == expected);
    }
    CHECK_FALSE(f.next());
    CHECK(f.dispatch.waiting() == 0);
}

TEST_CASE("dispatcher: a task that comes back goes to its place", "[core]") {
    fleet f;
    auto const first = f.add("a");
    auto const second = f.add("a");
    auto const third = f.add("b");
    auto const w = f.worker({"a", "b"}, 1);
    auto c = f.next();
    REQUIRE(c->task == first);
    f.dispatch.enqueue(first);
    f.workers[w].outstanding = 0;
    f.dispatch.room_changed(w);
    CHECK(f.next()->task == first);
    f.workers[w].outstanding = 0;
    f.dispatch.room_changed(w);
    f.dispatch.dequeue(second);
    CHECK(f.next()->task == third);
}

TEST_CASE("dispatcher: predecessor 13: the least loaded gets the next, and idle ones in turn", "[core]") {
    fleet f;
    std::map<std::uint32_t, int> given;
    for (int i = 0; i < 4; ++i) f.worker({"a"}, 4);
    for (int i = 0; i < 16; ++i) f.add("a");
    for (int i = 0; i < 16; ++i) ++given[f.next()->worker];
    CHECK(given.size() == 4);
    for (auto const& [w, count] : given) CHECK(count == 4);
}

TEST_CASE("dispatcher: what nobody can run blocks nobody else, at any priority", "[core]") {
    fleet f;
    for (int i = 0; i < 100; ++i) f.add("unknown", priority::critical);
    auto const known = f.add("a", priority::low);
    f.worker({"a"});
    CHECK(f.next()->task == known);
    CHECK_FALSE(f.next());
    CHECK(f.dispatch.waiting() == 100);
}

TEST_CASE("dispatcher: workers that know different names each get what they can", "[core]") {
    fleet f;
    auto const a = f.worker({"a"});
    auto const ab = f.worker({"a", "b"});
    auto const b = f.add("b", priority::low);
    auto const a1 = f.add("a");
    auto const a2 = f.add("a");
    std::map<std::uint32_t, std::uint32_t> given;
    while (auto const c = f.next()) given[c->task] = c->worker;
    CHECK(given.contains(a1));
    CHECK(given.contains(a2));
    CHECK_FALSE(given.contains(b));  // both of a are before it in the class that knows it
    CHECK(given.size() == 2);
    f.workers[ab].outstanding = 0;
    f.dispatch.room_changed(ab);
    CHECK(f.next()->worker == ab);
    CHECK(a != ab);
}

TEST_CASE("dispatcher: nothing is sent ahead that is long, unknown or to run at most once", "[core]") {
    fleet f;
    f.worker({"a", "b", "c"}, 1, 8);
    f.learn("a", 10);
    f.learn("c", ahead_limit_us);
    f.add("a");
    REQUIRE(f.next());
    SECTION("short") {
        f.add("a");
        CHECK(f.next());
    }
    SECTION("unknown") {
        f.add("b");
        f.add("a");
        CHECK_FALSE(f.next());  // and nothing overtakes it
    }
    SECTION("long") {
        f.add("c");
        CHECK_FALSE(f.next());
    }
    SECTION("at most once") {
        f.dispatch.dequeue(f.add("a"));
        auto const slot = f.tasks.take();
        f.tasks[slot] = task{};
        f.tasks[slot].sequence = ++f.sequence;
        f.tasks[slot].name = f.dispatch.names().find("a");
        f.tasks[slot].at_most_once = true;
        f.dispatch.enqueue(slot);
        CHECK_FALSE(f.next());
    }
}

TEST_CASE("dispatcher: no more is sent ahead than the window, and than about a millisecond of work",
          "[core]") {
    fleet f;
    f.learn("a", 10);
    f.learn("b", 400);
    f.worker({"a", "b"}, 1, 5);
    for (int i = 0; i < 10; ++i) f.add("a");
    int given = 0;
    while (f.next()) ++given;
    CHECK(given == 5);
    fleet g;
    g.learn("b", 400);
    g.worker({"b"}, 1, 100);
    for (int i = 0; i < 10; ++i) g.add("b");
    given = 0;
    while (g.next()) ++given;
    CHECK(given == 3);
}

TEST_CASE("dispatcher: a window that was full is filled again when half of it is done", "[core]") {
    fleet f;
    f.learn("a", 10);
    f.worker({"a"}, 1, 8);
    for (int i = 0; i < 20; ++i) f.add("a");
    std::vector<dispatcher<counting>::choice> out;
    while (auto const c = f.next()) out.push_back(*c);
    REQUIRE(out.size() == 8);
    for (int i = 0; i < 4; ++i) {
        CHECK_FALSE(f.next());
        f.finish(out[static_cast<std::size_t>(i)]);
    }
    int more = 0;
    while (f.next()) ++more;
    CHECK(more == 4);
}

TEST_CASE("dispatcher: a window a little over the concurrency is filled again, too", "[core]") {
    fleet f;
    f.learn("a", 10);
    f.worker({"a"}, 4, 5);
    for (int i = 0; i < 20; ++i) f.add("a");
    std::deque<dispatcher<counting>::choice> out;
    while (auto const c = f.next()) out.push_back(*c);
    REQUIRE(out.size() == 5);
    f.finish(out.front());
    out.pop_front();
    CHECK(f.next());  // back to five: four run, one waits
}

TEST_CASE("dispatcher: an idle worker comes before a busy one", "[core]") {
    fleet f;
    f.learn("a", 10);
    auto const busy = f.worker({"a"}, 1, 100);
    f.add("a");
    CHECK(f.next()->worker == busy);
    auto const idle = f.worker({"a", "b"}, 1, 100);
    f.add("a");
    CHECK(f.next()->worker == idle);
}

TEST_CASE("dispatcher: nothing is sent ahead to a worker whose threads are all in long runs", "[core]") {
    fleet f;
    f.learn("a", 10);
    auto const w = f.worker({"a"}, 1, 100);
    auto const running = f.add("a");
    REQUIRE(f.next());
    f.workers[w].begun.push_back(f.tasks, running);
    f.dispatch.room_changed(w);
    f.add("a");
    CHECK_FALSE(f.next());
    f.workers[w].begun.erase(f.tasks, running);
    f.dispatch.room_changed(w);
    CHECK(f.next());
}

TEST_CASE("dispatcher: a short task does not overtake, in another class, one that waits there for a thread",
          "[core]") {
    fleet f;
    f.learn("x", 10);
    auto const a = f.worker({"x"}, 1, 100);
    auto const b = f.worker({"x", "y"}, 1, 100);
    f.add("x");
    f.add("x");
    REQUIRE(f.next());
    REQUIRE(f.next());  // both are busy now
    for (int i = 0; i < 5; ++i) f.add("x");
    while (f.next()) {}
    f.workers[a].outstanding += 50;  // the other is much less loaded
    f.dispatch.room_changed(a);
    f.add("y", priority::critical);  // of unknown cost: waits for a thread of b
    f.add("x", priority::low);
    while (auto const c = f.next()) CHECK(c->worker != b);
}

TEST_CASE("dispatcher: the local worker works only while nobody else can", "[core]") {
    fleet f;
    auto const local = f.worker({"a", "b"}, 4, 4, true);
    f.add("a");
    CHECK(f.next()->worker == local);
    auto const remote = f.worker({"a"}, 1);
    f.add("a");
    CHECK(f.next()->worker == remote);
    f.add("a");
    CHECK_FALSE(f.next());
    f.add("b", priority::low);
    CHECK(f.next()->worker == local);
    f.dispatch.set_serving(remote, false);
    CHECK(f.next()->worker == local);
}

TEST_CASE("dispatcher: classes come and go with their workers", "[core]") {
    fleet f;
    for (int round = 0; round < 50; ++round) {
        auto const w = f.worker({"a", "n" + std::to_string(round)});
        f.add("a");
        auto const c = f.next();
        REQUIRE(c);
        CHECK(c->worker == w);
        f.finish(*c);
        f.dispatch.clear_capability(w);
        CHECK(f.dispatch.names()[f.dispatch.names().find("a")].classes.empty());
        CHECK(f.dispatch.names()[f.dispatch.names().find("a")].able == 0);
        f.workers.give(w);
        f.add("a");
        CHECK_FALSE(f.next());
        f.dispatch.dequeue(f.dispatch.names()[f.dispatch.names().find("a")].lanes[2].front());
    }
}

TEST_CASE(
    "dispatcher: a choice costs the same with one worker as with ten thousand, and with a hundred thousand "
    "tasks",
    "[core]") {
    std::map<std::uint32_t, std::uint64_t> costs;
    for (std::uint32_t const count : {1U, 100U, 10'000U}) {
        fleet f;
        for (std::uint32_t i = 0; i < count; ++i) f.worker({"a", "b"}, 1000, 1000);
        for (int i = 0; i < 100'000; ++i) f.add(i % 2 == 0 ? "a" : "b");
        auto const before = counting::calls;
        std::vector<dispatcher<counting>::choice> given;
        for (int i = 0; i < 1000; ++i) given.push_back(*f.next());
        for (auto const& c : given) f.finish(c);
        costs[count] = counting::calls - before;
    }
    CHECK(costs[1] <= 5000);
    CHECK(costs[100] <= 5000);
    CHECK(costs[10'000] <= 5000);
}

TEST_CASE("dispatcher: random work: everything is given once, never past a window or to who cannot",
          "[core]") {
    auto const seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    fleet f;
    std::vector<std::string> const names{"a", "b", "c", "d"};
    std::map<std::uint32_t, std::vector<std::string>> knows;
    for (int i = 0; i < 12; ++i) {
        std::vector<std::string> mine;
        for (auto const& n : names) {
            if (random() % 2 == 0) mine.push_back(n);
        }
        if (mine.empty()) mine.push_back("a");
        auto const concurrency = static_cast<std::uint32_t>(1 + random() % 3);
        knows[f.worker(mine, concurrency, concurrency + static_cast<std::uint32_t>(random() % 4))] = mine;
    }
    f.learn("a", 5);
    f.learn("b", 500);
    std::vector<dispatcher<counting>::choice> out;
    std::map<std::uint32_t, bool> waits;
    for (int step = 0; step < 20'000; ++step) {
        if (random() % 2 == 0) {
            waits[f.add(names[random() % 4], static_cast<priority>(random() % 4))] = true;
        } else if (!out.empty()) {
            auto const at = random() % out.size();
            f.finish(out[at]);
            out[at] = out.back();
            out.pop_back();
        }
        while (auto const c = f.next()) {
            REQUIRE(waits[c->task]);
            waits[c->task] = false;
            auto const& name = f.dispatch.names()[f.tasks[c->task].name].name;
            REQUIRE(std::ranges::count(knows[c->worker], name) == 1);
            REQUIRE(f.workers[c->worker].outstanding <= f.workers[c->worker].window);
            out.push_back(*c);
        }
        if (step % 100 == 0) {  // no idle worker, while the first of its class waits
            for (auto const& [w, mine] : knows) {
                if (f.workers[w].outstanding >= f.workers[w].concurrency) continue;
                for (auto const& n : mine) {
                    for (auto const& lane : f.dispatch.names()[f.dispatch.names().find(n)].lanes)
                        CHECK(lane.empty());
                }
            }
        }
    }
}
