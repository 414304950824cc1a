// FastQueue beside redis lists, libzmq's proxy, bare TCP through a relay and what other queues are installed: the same task,
// add(5, 3), over loopback from a client's process through a server's to a worker's and back. Always read as ratios: all
// systems run in turn, several times.
#include "benchmarks/measure.hpp"
#include "benchmarks/numbers.hpp"
#include "benchmarks/report.hpp"
#include "benchmarks/systems.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using namespace bench;

struct settings {
    demand each;  // but for what is in flight
    int repetitions = 3;
    bool json = false;
    std::vector<std::string_view> only;  // systems' names; empty: all
    std::vector<std::uint32_t> in_flight;
};

void leave_out(std::string_view name, std::string const& why) {
    std::fprintf(stderr, "compare: %s is left out: %s\n", std::string{name}.c_str(), why.c_str());
}

/// Those that are wanted, installed, and can be run in so many processes.
std::vector<system_under_test> chosen(settings const& s) {
    std::vector<system_under_test> all;
    auto unknown = s.only;
    for (auto const& [system, is_there] : known_systems()) {
        std::erase(unknown, system.name);
        if (!s.only.empty() && std::ranges::find(s.only, system.name) == s.only.end()) continue;
        if (std::max(s.each.clients, s.each.workers) > system.most_processes)
            leave_out(system.name, "one client and one worker only");
        else if (!is_there())
            leave_out(system.name, "not installed");
        else
            all.push_back(system);
    }
    if (!unknown.empty()) throw std::runtime_error{"unknown system " + std::string{unknown.front()}};
    return all;
}

/// Why a case is not measured; empty: it is.
std::string why_not(system_under_test const& one, demand const& d) {
    constexpr std::size_t most_octets = 256U << 20U;  // in flight at once; each process may hold some copies
    if (d.in_flight > one.most_in_flight) return "too many for it";
    if (d.in_flight < d.clients) return "fewer than clients";
    if (d.in_flight > most_octets / d.payload) return "more than 256 MiB";
    return {};
}

/// Systems in turn; one that fails is not measured again.
class comparison {
public:
    explicit comparison(settings const& s) : settings_{s}, systems_{chosen(s)} {
        for (int i = 0; i < s.repetitions; ++i) {
            for (auto const in_flight : s.in_flight) take_turns(in_flight, i == 0);
        }
    }
    [[nodiscard]] results const& found() const noexcept { return found_; }
    [[nodiscard]] bool all_well() const noexcept { return all_well_; }

private:
    void take_turns(std::uint32_t in_flight, bool first) {
        auto d = settings_.each;
        d.in_flight = in_flight;
        std::erase_if(systems_, [&](system_under_test const& one) {
            auto const why = why_not(one, d);
            if (why.empty()) return !measure(one, d);
            if (first) leave_out(one.name, std::to_string(in_flight) + " in flight are " + why);
            return false;
        });
    }
    bool measure(system_under_test const& one, demand const& d) {
        try {
            auto const f = fleet{one, d}.measure();
            found_[{d.in_flight, one.name}].push_back(f);
            return true;
        } catch (std::exception const& e) {
            std::fprintf(stderr, "compare: %s, %u in flight: %s\n", std::string{one.name}.c_str(),
                         d.in_flight, e.what());
            return all_well_ = false;
        }
    }

    settings const& settings_;
    std::vector<system_under_test> systems_;
    results found_;
    bool all_well_ = true;
};

/// `0,1,0`
std::array<std::uint32_t, 3> processors(std::string_view option, std::string_view text) {
    std::array<std::uint32_t, 3> all{};
    for (auto& one : all) {
        auto const end = &one == &all.back() ? text.size() : std::min(text.find(','), text.size());
        one = number<std::uint32_t>(option, text.substr(0, end), 0, CPU_SETSIZE - 1);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return all;
}

void set(settings& s, std::string_view option, std::string_view value) {
    if (option == "--seconds")
        s.each.seconds = number(option, value, 0.01, 600.0);
    else if (option == "--repetitions")
        s.repetitions = number(option, value, 1, 1000);
    else if (option == "--system")
        s.only.push_back(value);
    else if (option == "--in-flight")
        s.in_flight.push_back(number<std::uint32_t>(option, value, 1, 100'000));
    else if (option == "--payload")
        s.each.payload = number<std::size_t>(option, value, sizeof(octets), 16U << 20U);
    else if (option == "--clients")
        s.each.clients = number<std::uint32_t>(option, value, 1, 64);
    else if (option == "--processors")
        s.each.processors = processors(option, value);
    else if (option == "--workers")
        s.each.workers = number<std::uint32_t>(option, value, 1, 64);
    else
        throw std::runtime_error{"unknown option " + std::string{option}};
}

settings read_arguments(std::vector<std::string_view> const& given) {
    settings s;
    for (std::size_t i = 0; i < given.size(); ++i) {
        if (given[i] == "--json") {
            s.json = true;
            continue;
        }
        if (i + 1 == given.size())
            throw std::runtime_error{
                "--seconds S, --repetitions N, --json, --payload N, --clients N, --workers N, --processors "
                "SERVER,WORKERS,CLIENTS; several times: --system NAME, --in-flight N"};
        set(s, given[i], given[i + 1]);
        ++i;
    }
    if (s.in_flight.empty()) s.in_flight = {1, 100, 1000};
    return s;
}

}  // namespace

int main(int count, char** words) {
    std::signal(SIGPIPE, SIG_IGN);  // a process that has ended is no reason to end
    try {
        auto const given = read_arguments({words + 1, words + count});
        comparison const made{given};
        if (!made.found().empty())
            given.json ? print_json(made.found(), given.each) : print_table(made.found(), given.each);
        else if (made.all_well())
            return 2;  // nothing of what was asked for is here
        return made.all_well() ? 0 : 1;
    } catch (std::exception const& e) {
        std::fprintf(stderr, "compare: %s\n", e.what());
        return 1;
    }
}
