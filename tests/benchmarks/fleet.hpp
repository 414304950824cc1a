#pragma once

#include "benchmarks/arguments.hpp"
#include "benchmarks/load.hpp"
#include "benchmarks/own.hpp"
#include "benchmarks/processes.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/json/reader.hpp>
#include <fastqueue/subworker.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <deque>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// A control plane with as many subworkers and clients as a benchmark wants, each a process.
namespace bench::own {

/// Keeps a core busy for so much time of its own, however much of it others take meanwhile.
inline void burn(std::chrono::nanoseconds time) {
    auto const spent = [] {
        ::timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
    };
    for (auto const end = spent() + time; spent() < end;) {}
}

struct worker_settings {
    std::string id;
    std::uint32_t concurrency = 1;
    std::chrono::microseconds burns{0};  ///< what each `add` takes
};

[[nodiscard]] inline fq::subworker_options subworker_at(std::string const& addresses,
                                                        worker_settings const& settings) {
    auto options = subworker_at(addresses, settings.id);
    options.concurrency = settings.concurrency;
    return options;
}
[[nodiscard]] inline fq::registry tasks_of(worker_settings const& settings) {
    fq::registry tasks;
    tasks.define(fq::task<int(int, int)>{"add", "x", "y"}, [burns = settings.burns](int x, int y) {
        if (burns.count() > 0) burn(burns);
        return x + y;
    });
    tasks.define(fq::task<int(int)>{"sleep", "ms"}, [](int ms) {
        std::this_thread::sleep_for(std::chrono::milliseconds{ms});
        return ms;
    });
    return tasks;
}

[[nodiscard]] inline fq::client_options client_at(std::string const& addresses) {
    fq::client_options options;
    options.discovery = discovery_of(addresses);
    return options;
}

/// All whole numbers that a document has under this key, in their order.
[[nodiscard]] inline std::vector<std::uint64_t> numbers(std::string_view document, std::string_view key) {
    std::vector<std::uint64_t> found;
    fq::json::reader in{document, 16};
    for (auto kind = in.next(); kind != fq::json::token::end; kind = in.next()) {
        if (kind == fq::json::token::error) throw std::runtime_error{"a document is not JSON"};
        if (kind != fq::json::token::key || in.text() != key) continue;
        if (in.next() == fq::json::token::number)
            found.push_back(
                number<std::uint64_t>(key, in.text(), 0, std::numeric_limits<std::uint64_t>::max()));
    }
    return found;
}
/// The one number that a document has under this key.
[[nodiscard]] inline std::uint64_t number_in(std::string_view document, std::string_view key) {
    auto const found = numbers(document, key);
    if (found.size() != 1) throw std::runtime_error{"a document lacks " + std::string{key}};
    return found.front();
}

/// Asks until it is so. \throws std::runtime_error after `seconds`
template <class F>
void until(std::string const& what, double seconds, F&& is_so) {
    auto const end = steady::now() + std::chrono::duration<double>{seconds};
    while (!is_so()) {
        if (steady::now() > end) throw std::runtime_error{"waited in vain: " + what};
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
}

/// Subworkers, waited for by a process of its own, since a process with a client's thread forks no more.
inline void await_workers(std::string const& addresses, std::size_t count) {
    process observer{[&](channel& talk) {
        fq::client client{client_at(addresses)};
        until("all workers are there", 20,
              [&] { return number_in(client.document("health"), "active_workers") == count; });
        talk.say("there");
    }};
    static_cast<void>(observer.talk().hear(30));
}

/// A control plane's process and its subworkers'.
class fleet {
public:
    explicit fleet(std::vector<worker_settings> const& workers)
        : server_{[](channel& talk) { serve(talk); }}, addresses_{server_.talk().hear(10)} {
        for (auto const& settings : workers) {
            workers_.emplace_back([&](channel&) {
                fq::subworker worker{subworker_at(addresses_, settings), tasks_of(settings)};
                worker.run();
            });
        }
        await_workers(addresses_, workers.size());
    }
    [[nodiscard]] std::string const& addresses() const noexcept { return addresses_; }
    [[nodiscard]] process const& server() const noexcept { return server_; }
    [[nodiscard]] std::deque<process> const& workers() const noexcept { return workers_; }

private:
    process server_;
    std::string addresses_;
    std::deque<process> workers_;
};

/// Clients that run together, each a process with so many tasks in flight.
class crowd {
public:
    crowd(fleet const& at, std::size_t clients, std::uint32_t in_flight, double seconds) : seconds_{seconds} {
        for (std::size_t i = 0; i < clients; ++i) {
            clients_.emplace_back(
                [&, in_flight](channel& talk) { submit(talk, at.addresses(), in_flight, seconds_); });
        }
        for (auto& c : clients_) static_cast<void>(c.talk().hear(seconds_ + 20));
    }
    /// Lets all of them run once; what comes between `begin` and `end` goes on meanwhile.
    void begin() {
        for (auto& c : clients_) c.talk().say("go");
    }
    /// \return tasks a second, of all
    [[nodiscard]] double end() {
        double rate = 0;
        for (auto& c : clients_) {
            std::istringstream told{c.talk().hear(seconds_ + 20)};
            double done = 0;
            double wrong = 0;
            double took = 0;
            told >> done >> wrong >> took;
            if (!told || wrong != 0 || done < 1) throw std::runtime_error{"wrong answers"};
            rate += done / took;
        }
        return rate;
    }

private:
    static void submit(channel& talk, std::string const& addresses, std::uint32_t in_flight, double seconds) {
        client calls{addresses, in_flight};
        load warm{in_flight, seconds / 5};
        calls.run(warm);
        auto wrong = warm.wrong();
        for (talk.say("ready"); talk.hear(600) == "go";) {
            load tasks{in_flight, seconds};
            calls.run(tasks);
            wrong += tasks.wrong();
            std::ostringstream told;
            told << tasks.done() << ' ' << wrong << ' ' << tasks.seconds();
            talk.say(told.str());
        }
    }

    double seconds_;
    std::deque<process> clients_;
};

}  // namespace bench::own
