#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// One system, started anew, measured once: a server's process, workers' and clients'.
namespace bench {

struct figures {
    double rate = 0;  // tasks a second
    double p50_us = 0;
    double p99_us = 0;
    double cpu_us = 0;                  // a task, all processes
    std::array<double, 3> cpu_parts{};  // server, workers, clients
};

/// The processor of the server, of the workers and of the clients; none: they run where the system puts them.
using placement = std::optional<std::array<std::uint32_t, 3>>;

/// What is asked of a system.
struct demand {
    double seconds = 1;
    std::uint32_t in_flight = 1;  ///< of all clients together
    std::size_t payload = sizeof(octets);
    std::uint32_t clients = 1;
    std::uint32_t workers = 1;
    placement processors{};
};

/// Each runs in a process of its own. A server says where it is, a worker "ready", and a client what `submit` below says.
struct system_under_test {
    std::string_view name{};
    std::function<void(channel&, std::filesystem::path const& folder)> serve{};
    std::function<void(channel&, std::string const& addresses, std::size_t payload)> work{};
    std::function<void(channel&, std::string const& addresses, share const&, double seconds)> submit{};
    std::uint32_t most_processes = std::numeric_limits<std::uint32_t>::max();  ///< clients, and workers
    std::uint32_t most_in_flight = std::numeric_limits<std::uint32_t>::max();
};

inline constexpr double starts_in = 60;  // seconds, of the slowest server
inline constexpr double ends_in = 20;    // seconds in which what is still in flight is answered

/// The client's process: warms up, says so, waits for the word, runs, tells.
template <class Client>
void submit(channel& talk, std::string const& addresses, share const& part, double seconds) {
    Client client{addresses, part};
    load warm{part.in_flight, seconds / 5};
    client.run(warm);
    talk.say("ready");
    static_cast<void>(talk.hear(starts_in));
    load tasks{part.in_flight, seconds};
    client.run(tasks);
    std::ostringstream told;
    told << tasks.done() << ' ' << tasks.wrong() + warm.wrong() << ' ' << tasks.seconds() << ' '
         << tasks.percentile_us(0.5) << ' ' << tasks.percentile_us(0.99);
    talk.say(told.str());
    static_cast<void>(talk.hear(ends_in + seconds));  // until our processor time has been read
}

/// The processes of one measurement. They end with it.
class fleet {
public:
    fleet(system_under_test const& s, demand const& d) : seconds_{d.seconds}, processors_{d.processors} {
        start(servers_, [&](channel& talk) { s.serve(talk, folder_.path()); });
        addresses_ = hear(servers_.front(), starts_in);
        for (std::uint32_t i = 0; i < d.workers; ++i)
            start(workers_, [&](channel& talk) { s.work(talk, addresses_, d.payload); });
        for (auto& w : workers_) static_cast<void>(hear(w, starts_in));
        for (std::uint32_t i = 0; i < d.clients; ++i) {
            share const part{d.in_flight / d.clients + (i < d.in_flight % d.clients ? 1 : 0), d.payload, i};
            start(clients_, [&](channel& talk) { s.submit(talk, addresses_, part, d.seconds); });
        }
        for (auto& c : clients_) static_cast<void>(hear(c, d.seconds + starts_in));
    }

    [[nodiscard]] figures measure() {
        auto const before = cpu();
        for (auto& c : clients_) c.talk().say("go");
        figures f;
        double done = 0;
        double took = 0;
        for (auto& c : clients_) add(f, done, took, hear(c, seconds_ + ends_in));
        auto const after = cpu();
        f.rate = done / took;
        f.p50_us /= static_cast<double>(clients_.size());
        for (std::size_t i = 0; i < 3; ++i) f.cpu_us += f.cpu_parts[i] = (after[i] - before[i]) / done * 1e6;
        return f;
    }

private:
    using processes = std::deque<process>;

    /// What goes wrong in a process is told by it, in place of what it was to say.
    template <class Body>
    void start(processes& where, Body&& body) {
        where.emplace_back([&](channel& talk) {
            try {
                if (processors_)
                    stay_on((*processors_)[&where == &servers_ ? 0 : &where == &workers_ ? 1 : 2]);
                body(talk);
            } catch (std::exception const& e) {
                talk.say(std::string{failed} + e.what());
                static_cast<void>(talk.hear(2 * starts_in));  // what the others say is worth less
            }
        });
    }
    std::string hear(process& from, double seconds) {
        std::string line;
        try {
            line = from.talk().hear(seconds);
        } catch (std::exception const&) {
            for (auto* all : {&servers_, &workers_, &clients_}) {
                for (auto& p : *all) throw_if_failed(last_words(p));
            }
            throw;
        }
        throw_if_failed(line);
        return line;
    }
    static std::string last_words(process& of) {
        try {
            return of.talk().hear(0);
        } catch (std::exception const&) {
            return {};
        }
    }
    static void throw_if_failed(std::string const& line) {
        if (line.starts_with(failed)) throw std::runtime_error{line.substr(failed.size())};
    }

    static void add(figures& f, double& all_done, double& longest, std::string const& line) {
        std::istringstream told{line};
        double done = 0;
        double wrong = 0;
        double took = 0;
        double p50 = 0;
        double p99 = 0;
        told >> done >> wrong >> took >> p50 >> p99;
        if (!told || wrong != 0 || done < 1) throw std::runtime_error{"wrong answers"};
        all_done += done;
        longest = std::max(longest, took);
        f.p50_us += p50;
        f.p99_us = std::max(f.p99_us, p99);
    }
    [[nodiscard]] std::array<double, 3> cpu() const {
        std::array<double, 3> sums{};
        std::array<processes const*, 3> const all{&servers_, &workers_, &clients_};
        for (std::size_t i = 0; i < all.size(); ++i) {
            for (auto const& p : *all[i]) sums[i] += p.cpu_seconds();
        }
        return sums;
    }

    static constexpr std::string_view failed = "failed: ";

    fastqueue::test::temporary_folder const folder_;  // goes after those that write into it
    processes servers_;
    processes workers_;
    processes clients_;
    std::string addresses_;
    double seconds_;
    placement processors_;
};

}  // namespace bench
