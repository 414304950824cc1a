// FastQueue beside redis lists, libzmq's proxy and bare TCP through a relay: the same task, add(5, 3), over loopback from a
// client's process through a server's to a worker's and back. Always read as ratios: all systems run in turn, several times.
#include "benchmarks/libzmq.hpp"
#include "benchmarks/load.hpp"
#include "benchmarks/numbers.hpp"
#include "benchmarks/own.hpp"
#include "benchmarks/processes.hpp"
#include "benchmarks/raw_tcp.hpp"
#if defined(FASTQUEUE_BENCHMARK_REDIS)
#include "benchmarks/redis.hpp"
#endif

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace bench;

struct settings {
    double seconds = 1;
    int repetitions = 3;
    bool json = false;
    std::string only;  // a system's name; empty: all
    std::vector<std::uint32_t> in_flight{1, 100, 1000};
};

struct figures {
    double rate = 0;  // tasks a second
    double p50_us = 0;
    double p99_us = 0;
    double cpu_us = 0;                  // a task, all three processes
    std::array<double, 3> cpu_parts{};  // server, worker, client
};

struct system_under_test {
    std::string_view name;
    std::function<void(channel&)> serve;
    std::function<void(std::string const&)> work;
    std::function<void(channel&, std::string const&, std::uint32_t, double)> submit;
};

/// The client's process: warms up, says so, waits for the word, runs, tells.
template <class Client>
void submit(channel& talk, std::string const& addresses, std::uint32_t in_flight, double seconds) {
    Client client{addresses, in_flight};
    load warm{in_flight, seconds / 5};
    client.run(warm);
    talk.say("ready");
    static_cast<void>(talk.hear(10));
    load tasks{in_flight, seconds};
    client.run(tasks);
    std::ostringstream told;
    told << tasks.done() << ' ' << tasks.wrong() + warm.wrong() << ' ' << tasks.seconds() << ' '
         << tasks.percentile_us(0.5) << ' ' << tasks.percentile_us(0.99);
    talk.say(told.str());
    static_cast<void>(talk.hear(10));  // until our processor time has been read
}

std::vector<system_under_test> systems() {
    std::vector<system_under_test> all{{"raw tcp", raw_tcp::serve, raw_tcp::work, submit<raw_tcp::client>},
                                       {"libzmq", libzmq::serve, libzmq::work, submit<libzmq::client>},
                                       {"fastqueue", own::serve, own::work, submit<own::client>}};
#if defined(FASTQUEUE_BENCHMARK_REDIS)
    if (redis::is_there())
        all.push_back({"redis", redis::serve, redis::work, submit<redis::client>});
    else
        std::fputs("compare: redis is left out: there is no redis-server\n", stderr);
#endif
    return all;
}

figures measure(system_under_test const& s, std::uint32_t in_flight, double seconds) {
    process server{s.serve};
    auto const addresses = server.talk().hear(10);
    process worker{[&](channel&) { s.work(addresses); }};
    process client{[&](channel& talk) { s.submit(talk, addresses, in_flight, seconds); }};
    auto const cpu = [&] {
        return std::array{server.cpu_seconds(), worker.cpu_seconds(), client.cpu_seconds()};
    };

    if (client.talk().hear(seconds + 10) != "ready") throw std::runtime_error{"the client is not ready"};
    auto const before = cpu();
    client.talk().say("go");
    std::istringstream told{client.talk().hear(seconds + 10)};
    auto const after = cpu();

    figures f;
    double done = 0;
    double wrong = 0;
    double took = 0;
    told >> done >> wrong >> took >> f.p50_us >> f.p99_us;
    if (!told || wrong != 0 || done < 1) throw std::runtime_error{std::string{s.name} + ": wrong answers"};
    f.rate = done / took;
    for (std::size_t i = 0; i < 3; ++i) f.cpu_us += f.cpu_parts[i] = (after[i] - before[i]) / done * 1e6;
    return f;
}

template <class Member>
double median(std::vector<figures> const& all, Member&& member) {
    std::vector<double> values;
    for (auto const& f : all) values.push_back(member(f));
    return bench::median(std::move(values));
}
figures medians(std::vector<figures> const& all) {
    figures f;
    f.rate = median(all, [](figures const& x) { return x.rate; });
    f.p50_us = median(all, [](figures const& x) { return x.p50_us; });
    f.p99_us = median(all, [](figures const& x) { return x.p99_us; });
    f.cpu_us = median(all, [](figures const& x) { return x.cpu_us; });
    for (std::size_t i = 0; i < 3; ++i)
        f.cpu_parts[i] = median(all, [i](figures const& x) { return x.cpu_parts[i]; });
    return f;
}

using results = std::map<std::pair<std::uint32_t, std::string_view>, std::vector<figures>>;

results run_all(settings const& s) {
    results found;
    auto const all = systems();
    for (int i = 0; i < s.repetitions; ++i) {
        for (auto const in_flight : s.in_flight) {
            for (auto const& one : all) {
                if (!s.only.empty() && s.only != one.name) continue;
                found[{in_flight, one.name}].push_back(measure(one, in_flight, s.seconds));
            }
        }
    }
    return found;
}

/// How many times as good as `other`: over 1 is faster.
double ratio(results const& found, std::uint32_t in_flight, figures const& mine, std::string_view other) {
    auto const at = found.find({in_flight, other});
    if (at == found.end()) return 0;
    auto const theirs = medians(at->second);
    return in_flight == 1 ? theirs.p50_us / mine.p50_us : mine.rate / theirs.rate;
}

void print_table(results const& found) {
    std::printf("%-9s %-10s %10s %8s %8s %8s  %-20s %9s %9s %9s\n", "in flight", "system", "tasks/s",
                "p50 us", "p99 us", "cpu us", "server/worker/client", "x libzmq", "x redis", "x raw tcp");
    for (auto const& [key, all] : found) {
        auto const f = medians(all);
        char parts[64];
        std::snprintf(parts, sizeof parts, "%.2f/%.2f/%.2f", f.cpu_parts[0], f.cpu_parts[1], f.cpu_parts[2]);
        std::printf("%9u %-10s %10.0f %8.1f %8.1f %8.2f  %-20s %9.2f %9.2f %9.2f\n", key.first,
                    std::string{key.second}.c_str(), f.rate, f.p50_us, f.p99_us, f.cpu_us, parts,
                    ratio(found, key.first, f, "libzmq"), ratio(found, key.first, f, "redis"),
                    ratio(found, key.first, f, "raw tcp"));
    }
    std::puts(
        "x: how many times as good, by p50 at 1 in flight and by tasks/s else; cpu: of all processes, a "
        "task");
}

void print_json(results const& found) {
    char const* separator = "[";
    for (auto const& [key, all] : found) {
        auto const f = medians(all);
        std::printf(
            "%s\n {\"in_flight\": %u, \"system\": \"%s\", \"repetitions\": %zu, \"tasks_per_second\": %.1f, "
            "\"p50_us\": %.2f, "
            "\"p99_us\": %.2f, \"cpu_us\": %.3f, \"cpu_server_us\": %.3f, \"cpu_worker_us\": %.3f, "
            "\"cpu_client_us\": %.3f, "
            "\"times_libzmq\": %.3f, \"times_redis\": %.3f, \"times_raw_tcp\": %.3f}",
            separator, key.first, std::string{key.second}.c_str(), all.size(), f.rate, f.p50_us, f.p99_us,
            f.cpu_us, f.cpu_parts[0], f.cpu_parts[1], f.cpu_parts[2], ratio(found, key.first, f, "libzmq"),
            ratio(found, key.first, f, "redis"), ratio(found, key.first, f, "raw tcp"));
        separator = ",";
    }
    std::puts("\n]");
}

settings read_arguments(std::vector<std::string_view> const& given) {
    settings s;
    for (std::size_t i = 0; i < given.size(); ++i) {
        auto const option = given[i];
        if (option == "--json") {
            s.json = true;
            continue;
        }
        if (i + 1 == given.size())
            throw std::runtime_error{"--seconds S, --repetitions N, --json, --system NAME, --in-flight N"};
        auto const value = given[++i];
        if (option == "--seconds")
            s.seconds = number(option, value, 0.01, 600.0);
        else if (option == "--repetitions")
            s.repetitions = number(option, value, 1, 1000);
        else if (option == "--system")
            s.only = value;
        else if (option == "--in-flight")
            s.in_flight = {number<std::uint32_t>(option, value, 1, 100'000)};
        else
            throw std::runtime_error{"unknown option " + std::string{option}};
    }
    return s;
}

}  // namespace

int main(int count, char** words) {
    try {
        auto const given = read_arguments({words + 1, words + count});
        auto const found = run_all(given);
        given.json ? print_json(found) : print_table(found);
        return found.empty() ? 2 : 0;
    } catch (std::exception const& e) {
        std::fprintf(stderr, "compare: %s\n", e.what());
        return 1;
    }
}
