#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/machine_room.hpp"
#include "benchmarks/own.hpp"
#include "benchmarks/processes.hpp"
#include "benchmarks/sweep.hpp"
#include "benchmarks/zmtp_sockets.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

// A control plane, a subworker and a fleet of connections, each a process of its own, over loopback.
namespace bench::network {

struct setting {
    std::size_t connections = 1;
    std::uint32_t in_flight = 100;
    fleet::task asked;
    std::function<void(std::string const&)> work = own::work;
    fastqueue::control_plane_options plane = {};
};

struct figures {
    double rate = 0;      // tasks a second
    double plane_us = 0;  // the control plane's processor time, a task
    double octets = 0;    // of its memory, an idle connection
};

/// The fleet's process: connects when told, then for each repetition warms up, says so, waits for the word, runs, tells.
inline void submit(channel& talk, std::string const& addresses, setting const& with,
                   sweep_settings const& s) {
    static_cast<void>(talk.hear(10));
    fleet clients{addresses.substr(addresses.find(' ') + 1), with.connections, with.asked};
    clients.rest(std::chrono::milliseconds{100});
    talk.say("connected");
    static_cast<void>(talk.hear(10));
    for (int i = 0; i < s.repetitions; ++i) {
        load warm{with.in_flight, s.seconds / 5};
        clients.run(warm);
        talk.say("ready");
        static_cast<void>(talk.hear(10));
        load tasks{with.in_flight, s.seconds};
        clients.run(tasks);
        std::ostringstream told;
        told << tasks.done() << ' ' << tasks.wrong() + warm.wrong() << ' ' << tasks.seconds();
        talk.say(told.str());
    }
}

inline void expect(channel& talk, std::string const& word, double seconds) {
    if (talk.hear(seconds) != word) throw std::runtime_error{"the fleet is not " + word};
}

inline figures run_once(process& plane, process& clients, sweep_settings const& s) {
    expect(clients.talk(), "ready", s.seconds + 40);
    auto const before = plane.cpu_seconds();
    clients.talk().say("go");
    std::istringstream told{clients.talk().hear(s.seconds + 40)};
    auto const spent = plane.cpu_seconds() - before;
    double done = 0;
    double wrong = 0;
    double took = 0;
    told >> done >> wrong >> took;
    if (!told || wrong != 0 || done < 1) throw std::runtime_error{"network: wrong answers"};
    return {done / took, spent / done * 1e6, 0};
}

inline std::vector<figures> measure(setting const& with, sweep_settings const& s) {
    process plane{[&](channel& talk) { own::serve_with(talk, with.plane); }};
    auto const addresses = plane.talk().hear(10);
    process worker{[&](channel&) { with.work(addresses); }};
    process clients{[&](channel& talk) { submit(talk, addresses, with, s); }};
    auto const memory = [&] { return static_cast<double>(resident_octets(std::to_string(plane.id()))); };

    std::this_thread::sleep_for(std::chrono::milliseconds{300});  // until the subworker is there
    auto const before = memory();
    clients.talk().say("connect");
    expect(clients.talk(), "connected", 70);
    auto const octets = (memory() - before) / static_cast<double>(with.connections);
    clients.talk().say("go");
    std::vector<figures> all;
    for (int i = 0; i < s.repetitions; ++i) {
        all.push_back(run_once(plane, clients, s));
        all.back().octets = octets;
    }
    return all;
}

}  // namespace bench::network
