// What a queue is asked to do beside one small task after the other: long tasks among short ones, two workers for one,
// nothing at all, two of each. All that a ratio is made of is measured in one run, by turns.
#include "benchmarks/arguments.hpp"
#include "benchmarks/figures.hpp"
#include "benchmarks/fleet.hpp"
#include "benchmarks/load.hpp"
#include "benchmarks/own.hpp"
#include "benchmarks/processes.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace bench;
using namespace std::chrono_literals;
namespace fq = fastqueue;

struct settings {
    double seconds = 2;
    int repetitions = 3;
    int long_ms = 10'000;
    double idle_seconds = 10;
    std::string only;  // a workload's name; empty: all
    bool json = false;
};

// ---- long tasks among short ones

/// How often a worker had a place that was idle beside a backlog, in looks while short tasks were run.
struct looks {
    std::uint64_t all = 0;
    std::uint64_t idle = 0;
    std::uint64_t longest = 0;  // so many one after the other at one worker

    [[nodiscard]] double share() const noexcept {
        return all == 0 ? 0 : static_cast<double>(idle) / static_cast<double>(all) * 100;
    }
};

/// Compares a look at the workers with the one before. Within a turn of the control plane a worker is free that is about to
/// be given more: idle is only who was free in both and ended nothing between them.
class watch {
public:
    void look(fq::client& client) {
        auto const document = client.document("workers");
        auto const waiting = own::number_in(client.document("stats"), "waiting");
        auto const outstanding = own::numbers(document, "outstanding");
        auto const places = own::numbers(document, "concurrency");
        auto const ended = own::numbers(document, "succeeded");
        workers_.resize(places.size());
        bool backlog = waiting > 0;
        for (std::size_t i = 0; i < places.size(); ++i) backlog = backlog || outstanding[i] > places[i];
        bool any = false;
        for (std::size_t i = 0; i < places.size(); ++i)
            any = workers_[i].is_idle(backlog && outstanding[i] < places[i], ended[i]) || any;
        ++found_.all;
        found_.idle += any ? 1U : 0U;
        for (auto const& w : workers_) found_.longest = std::max(found_.longest, w.idle);
    }
    [[nodiscard]] looks const& found() const noexcept { return found_; }

private:
    struct worker {
        bool free = false;
        std::uint64_t ended = 0;
        std::uint64_t idle = 0;  // for so many looks

        bool is_idle(bool is_free, std::uint64_t has_ended) noexcept {
            bool const was = free && is_free && ended == has_ended;
            idle = was ? idle + 1 : 0;
            free = is_free;
            ended = has_ended;
            return was;
        }
    };

    std::vector<worker> workers_;
    looks found_;
};

looks look_at_workers(fq::client& client, double seconds) {
    watch workers;
    auto const end = steady::now() + std::chrono::duration<double>{seconds};
    for (; steady::now() < end; std::this_thread::sleep_for(5ms)) workers.look(client);
    return workers.found();
}

/// Keeps so many long tasks in the queue, each followed by another one.
class long_tasks {
public:
    long_tasks(fq::client& client, std::size_t count, int ms) {
        for (std::size_t i = 0; i < count; ++i) {
            threads_.emplace_back([&client, ms](std::stop_token const& stop) {
                while (!stop.stop_requested()) static_cast<void>(client.call<int>("sleep", ms));
            });
        }
        own::until("the long tasks run", 20, [&] {
            return own::numbers(client.document("tasks", "state=running name=sleep"), "running_ms").size() ==
                   count;
        });
    }

private:
    std::vector<std::jthread> threads_;
};

/// The process that looks, and at the word `long` begins with the long tasks.
void observe(channel& talk, std::string const& addresses, std::size_t long_ones, settings const& s) {
    auto options = own::client_at(addresses);
    options.timeout += std::chrono::milliseconds{s.long_ms};
    fq::client client{options};
    std::vector<long_tasks> under_way;
    while (true) {
        if (talk.hear(600) == "long") {
            under_way.emplace_back(client, long_ones, s.long_ms);
            talk.say("running");
            continue;
        }
        auto const found = look_at_workers(client, s.seconds);
        std::ostringstream told;
        told << found.all << ' ' << found.idle << ' ' << found.longest;
        talk.say(told.str());
    }
}

std::pair<double, looks> run_short_ones(own::crowd& short_ones, process& observer, settings const& s) {
    observer.talk().say("look");
    short_ones.begin();
    std::istringstream told{observer.talk().hear(s.seconds + 40)};
    looks found;
    told >> found.all >> found.idle >> found.longest;
    return {short_ones.end(), found};
}

figures_of_a_run mixed(settings const& s) {
    own::fleet const fleet{{{"w1", 2, 10us}, {"w2", 2, 10us}}};
    process observer{[&](channel& talk) { observe(talk, fleet.addresses(), fleet.workers().size(), s); }};
    own::crowd short_ones{fleet, 1, 1000, s.seconds};
    auto const [alone, before] = run_short_ones(short_ones, observer, s);
    observer.talk().say("long");
    static_cast<void>(observer.talk().hear(40));
    auto const [together, found] = run_short_ones(short_ones, observer, s);
    return {{"10 us tasks a second, alone", alone},
            {"10 us tasks a second, beside long ones", together},
            {"beside long ones / alone", together / alone, "0.9"},
            {"idle beside a backlog, alone, % of looks", before.share(), "0"},
            {"idle beside a backlog, with long ones, %", found.share(), "0"},
            {"longest so, in looks 5 ms apart", static_cast<double>(std::max(before.longest, found.longest)),
             "0"}};
}

// ---- two workers for one

double rate(std::vector<own::worker_settings> const& workers, std::size_t clients, std::uint32_t in_flight,
            settings const& s) {
    own::fleet const fleet{workers};
    own::crowd crowd{fleet, clients, in_flight, s.seconds};
    crowd.begin();
    return crowd.end();
}

figures_of_a_run parallel(settings const& s) {
    auto const one = rate({{"w1", 1, 1ms}}, 1, 32, s);
    auto const two = rate({{"w1", 1, 1ms}, {"w2", 1, 1ms}}, 1, 32, s);
    return {{"1 ms tasks a second, one worker", one},
            {"1 ms tasks a second, two workers", two},
            {"two / one", two / one, "1.9"}};
}

figures_of_a_run two_by_two(settings const& s) {
    auto const one = rate({{"w1", 1, 0us}}, 1, 1000, s);
    auto const two = rate({{"w1", 1, 0us}, {"w2", 1, 0us}}, 2, 500, s);
    return {{"tasks a second, 1 client and 1 worker", one},
            {"tasks a second, 2 clients and 2 workers", two},
            {"2 and 2 / 1 and 1, 1000 in flight in all", two / one, "1"}};
}

// ---- nothing to do

/// How often the threads of a process have gone to sleep so far.
double sleeps_of(process const& p) {
    double all = 0;
    auto const threads = "/proc/" + std::to_string(p.id()) + "/task";
    for (auto const& thread : std::filesystem::directory_iterator{threads}) {
        std::ifstream status{thread.path() / "status"};
        for (std::string word; status >> word;) {
            double count = 0;
            if (word == "voluntary_ctxt_switches:" && status >> count) all += count;
        }
    }
    return all;
}

/// What a process takes that has nothing to do.
struct rest {
    explicit rest(process const& p) : cpu{p.cpu_seconds()}, sleeps{sleeps_of(p)} {}
    double cpu;
    double sleeps;
};

figures_of_a_run idle(settings const& s) {
    std::vector<own::worker_settings> workers;
    for (int i = 0; i < 10; ++i) workers.push_back({"w" + std::to_string(i)});
    own::fleet const fleet{workers};
    std::this_thread::sleep_for(std::min(1.0, s.idle_seconds) *
                                1s);  // until all have stopped to look for more
    rest const server{fleet.server()};
    std::vector<rest> begin;
    for (auto const& w : fleet.workers()) begin.emplace_back(w);
    std::this_thread::sleep_for(s.idle_seconds * 1s);
    rest const server_end{fleet.server()};
    double cpu = 0;
    double most = 0;
    double sleeps = 0;
    for (std::size_t i = 0; i < begin.size(); ++i) {
        rest const end{fleet.workers()[i]};
        cpu += end.cpu - begin[i].cpu;
        most = std::max(most, end.cpu - begin[i].cpu);
        sleeps += end.sleeps - begin[i].sleeps;
    }
    auto const count = static_cast<double>(begin.size());
    auto const percent = 100 / s.idle_seconds;
    return {{"control plane, % of a core", (server_end.cpu - server.cpu) * percent, "0.1"},
            {"a worker of 10, % of a core", cpu / count * percent, "0.1"},
            {"the busiest worker, % of a core", most * percent, "0.1"},
            {"control plane, sleeps a second", (server_end.sleeps - server.sleeps) / s.idle_seconds},
            {"a worker, sleeps a second", sleeps / count / s.idle_seconds}};
}

// ---- all

struct workload {
    std::string_view name;
    figures_of_a_run (*measure)(settings const&);
};
constexpr workload workloads[] = {
    {"mixed", mixed}, {"parallel", parallel}, {"idle", idle}, {"two_by_two", two_by_two}};

std::vector<told_figures> run_all(settings const& s) {
    std::vector<told_figures> told;
    for (auto const& one : workloads) {
        if (!s.only.empty() && s.only != one.name) continue;
        std::vector<figures_of_a_run> runs;
        for (int i = 0; i < s.repetitions; ++i) runs.push_back(one.measure(s));
        told.push_back({one.name, medians(runs)});
    }
    if (told.empty()) throw std::runtime_error{"no workload is called " + s.only};
    return told;
}

settings read_arguments(arguments given) {
    settings s;
    s.json = given.flag("--json");
    given.take("--only", s.only);
    given.take("--seconds", s.seconds, 0.01, 600.0);
    given.take("--repetitions", s.repetitions, 1, 1000);
    given.take("--long-ms", s.long_ms, 1, 600'000);
    given.take("--idle-seconds", s.idle_seconds, 0.01, 600.0);
    given.finish("--json, --only NAME, --seconds S, --repetitions N, --long-ms N, --idle-seconds S");
    return s;
}

}  // namespace

int main(int count, char** words) {
    try {
        auto const given = read_arguments({count, words});
        auto const told = run_all(given);
        given.json ? print_json(told) : print_table(told);
        return 0;
    } catch (std::exception const& e) {
        std::fprintf(stderr, "workloads: %s\n", e.what());
        return 1;
    }
}
