// What a control plane's memory grows by, all included: its process' resident size, before and after so many tasks, results,
// connections and workers. What the kernel holds for a connection is not in it.
#include "benchmarks/arguments.hpp"
#include "benchmarks/figures.hpp"
#include "benchmarks/fleet.hpp"
#include "benchmarks/own.hpp"
#include "benchmarks/processes.hpp"
#include "benchmarks/raw_tcp.hpp"

#include <fastqueue/batch.hpp>
#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/subworker.hpp>
#include <fastqueue/zmtp/connection.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <fstream>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using namespace bench;
namespace fq = fastqueue;

struct settings {
    std::uint32_t tasks = 300'000;
    std::uint32_t connections = 1000;
    std::uint32_t workers = 100;
    bool json = false;
};

double resident_octets(process const& p) {
    std::ifstream statm{"/proc/" + std::to_string(p.id()) + "/statm"};
    double all = 0;
    double resident = 0;
    if (!(statm >> all >> resident)) throw std::runtime_error{"a process has ended before its time"};
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// ---- what is put upon a control plane, by a process of its own

std::uint64_t stat(fq::client& client, std::string_view what) {
    return own::number_in(client.document("stats"), what);
}

/// Hands over so many small tasks; where somebody runs them, no more at a time than a message holds.
void submit_all(fq::client& client, std::uint32_t count, bool run) {
    for (std::uint32_t sent = 0; sent < count;) {
        auto const part = std::min(count - sent, 1000U);
        fq::batch tasks;
        for (std::uint32_t i = 0; i < part; ++i) tasks.add(fq::invocation<int>{"add", "[5, 3]"});
        static_cast<void>(client.delay(tasks));
        sent += part;
        if (run) own::until("all tasks have been run", 20, [&] { return stat(client, "succeeded") == sent; });
    }
}

void run_all(fq::client& client, std::string const& addresses, std::uint32_t count) {
    std::thread{[addresses] {
        own::worker_settings const settings{"w"};
        fq::subworker worker{own::subworker_at(addresses, settings), own::tasks_of(settings)};
        worker.run();
    }}.detach();  // ends with its process
    submit_all(client, count, true);
}

struct deaf_sink {
    void ready() noexcept {}
    void message(std::span<std::string_view const>) noexcept {}
};

/// A connection that has shaken hands and says nothing more.
descriptor shake_hands(std::uint16_t port) {
    descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ::timeval const patience{10, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    auto const at = raw_tcp::loopback(port);
    if (::connect(socket.get(), reinterpret_cast<::sockaddr const*>(&at), sizeof at) != 0) fail("connect");
    fq::zmtp::connection zmtp{{fq::zmtp::socket_type::dealer, false, {}, {}}, {}};
    std::array<char, 4096> octets{};
    while (true) {
        while (!zmtp.pending().empty()) {
            auto const sent =
                ::send(socket.get(), zmtp.pending().data(), zmtp.pending().size(), MSG_NOSIGNAL);
            if (sent < 0) fail("send");
            zmtp.consumed(static_cast<std::size_t>(sent), {});
        }
        if (zmtp.ready()) return socket;
        auto const got = ::recv(socket.get(), octets.data(), octets.size(), 0);
        if (got <= 0) fail("recv");
        if (zmtp.receive({octets.data(), static_cast<std::size_t>(got)}, {}, deaf_sink{}))
            throw std::runtime_error{"no handshake"};
    }
}

void connect_all(fq::client& client, std::string const& addresses, std::uint32_t count) {
    static std::vector<descriptor> open;  // as long as the process lives
    auto const before = stat(client, "connections");
    for (std::uint32_t i = 0; i < count; ++i) open.push_back(shake_hands(own::task_port_of(addresses)));
    own::until("all are connected", 10, [&] { return stat(client, "connections") == before + count; });
}

void register_all(fq::client& client, std::string const& addresses, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        std::thread{[addresses, i] {
            own::worker_settings const settings{"w" + std::to_string(i)};
            fq::subworker worker{own::subworker_at(addresses, settings), own::tasks_of(settings)};
            worker.run();
        }}.detach();  // ends with its process
    }
    own::until("all workers are there", 30,
               [&] { return own::number_in(client.document("health"), "active_workers") == count; });
}

// ---- what comes of it

struct sizes {
    double before = 0;
    double after = 0;
};
using burden = std::function<void(fq::client&, std::string const&)>;

sizes measure(std::uint32_t cached_results, burden const& put) {
    process server{[&](channel& talk) {
        fq::control_plane_options options;
        options.result_cache_size = cached_results;
        options.unknown_tasks = fq::core::unknown_tasks::wait;
        own::serve_with(talk, options);
    }};
    auto const addresses = server.talk().hear(10);
    process other{[&](channel& talk) {
        fq::client client{own::client_at(addresses)};
        static_cast<void>(stat(client, "tasks"));  // its own connections are there before
        talk.say("ready");
        static_cast<void>(talk.hear(10));
        put(client, addresses);
        talk.say("done");
        static_cast<void>(talk.hear(60));
    }};
    static_cast<void>(other.talk().hear(10));
    sizes found;
    found.before = resident_octets(server);
    other.talk().say("go");
    static_cast<void>(other.talk().hear(300));
    found.after = resident_octets(server);
    return found;
}

std::vector<told_figures> measure_all(settings const& s) {
    auto const queued = measure(1, [&](auto& client, auto const&) { submit_all(client, s.tasks, false); });
    auto const run = [&](auto& client, auto const& addresses) { run_all(client, addresses, s.tasks); };
    auto const forgotten = measure(1, run);
    auto const cached = measure(s.tasks, run);
    auto const connected =
        measure(1, [&](auto& client, auto const& at) { connect_all(client, at, s.connections); });
    auto const registered =
        measure(1, [&](auto& client, auto const& at) { register_all(client, at, s.workers); });
    auto const each = [](sizes const& x, std::uint32_t count) { return (x.after - x.before) / count; };
    auto const ended = each(forgotten, s.tasks);
    // A cache takes the memory for all its places when it is made: so it is compared with a plane without one.
    auto const kept = each({forgotten.before, cached.after}, s.tasks);
    return {{"memory",
             {{"a control plane that has nothing to do", queued.before},
              {"a queued task add [5, 3]", each(queued, s.tasks)},
              {"an ended task whose id is remembered", ended},
              {"the same, and its result is cached", kept},
              {"an idle client's connection", each(connected, s.connections)},
              {"an idle subworker", each(registered, s.workers)}}}};
}

/// A thousand connections and more are files that are open.
void allow_many_files() {
    ::rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
}

settings read_arguments(arguments given) {
    settings s;
    s.json = given.flag("--json");
    given.take("--tasks", s.tasks, 1U, 1'000'000U);
    given.take("--connections", s.connections, 1U, 16'000U);
    given.take("--workers", s.workers, 1U, 1000U);
    given.finish("--json, --tasks N, --connections N, --workers N");
    return s;
}

}  // namespace

int main(int count, char** words) {
    try {
        auto const given = read_arguments({count, words});
        allow_many_files();
        auto const told = measure_all(given);
        given.json ? print_json(told) : print_table(told);
        return 0;
    } catch (std::exception const& e) {
        std::fprintf(stderr, "memory: %s\n", e.what());
        return 1;
    }
}
