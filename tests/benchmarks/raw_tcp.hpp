#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"
#include "benchmarks/stream.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

// The floor: the task's octets alone over bare TCP through a relay, one read and one write a wake-up.
namespace bench::raw_tcp {

using bench::listen_somewhere;
using bench::loopback;
using bench::peer_gone;
using bench::wait_for_ever;

/// A connected stream of messages of one size; what is put is sent by `flush`, or by the waiter.
class stream : public bench::stream {
public:
    explicit stream(descriptor socket, std::size_t payload = sizeof(octets))
        : bench::stream{std::move(socket)}, message_{payload} {}

    /// Reads once, calls `f(octets)` for each whole message.
    template <class F>
    void read(F&& f) {
        fill();
        take_each(f);
    }
    /// The same for what has been read.
    template <class F>
    void take_each(F&& f) {
        for (auto const size = message_.size(); unread().size() >= size; take(size))
            f(message_.read(unread().substr(0, size)));
    }
    void put(octets const& o) { message_.append(out(), o); }

private:
    packing message_;
};

using waiter = bench::waiter<stream>;

[[nodiscard]] inline stream connect_to(std::string const& port, std::size_t payload = sizeof(octets)) {
    return stream{bench::connect_to(port), payload};
}

inline void serve(channel& talk) {
    std::string front;
    std::string back;
    auto const clients = listen_somewhere(front);
    auto const workers = listen_somewhere(back);
    talk.say(front + ' ' + back);
    stream worker{descriptor{::accept(workers.get(), nullptr, nullptr)}};
    stream client{descriptor{::accept(clients.get(), nullptr, nullptr)}};
    waiter ready;
    ready.add(worker);
    ready.add(client);
    wait_for_ever(ready, [&](stream& from) {
        from.fill();
        auto& to = &from == &client ? worker : client;
        to.send(from.unread());
        from.take(from.unread().size());
    });
}

inline void work(std::string const& addresses, std::size_t payload = sizeof(octets)) {
    auto relay = connect_to(addresses.substr(addresses.find(' ') + 1), payload);
    waiter ready;
    ready.add(relay);
    wait_for_ever(ready, [&](stream& from) {
        from.read([&](octets o) {
            o.add();
            from.put(o);
        });
        from.flush();
    });
}

class client {
public:
    client(std::string const& addresses, share const& part)
        : relay_{connect_to(addresses.substr(0, addresses.find(' ')), part.payload)} {
        ready_.add(relay_);
    }
    void run(load& tasks) {
        run_closed_loop(
            tasks, ready_, [&](std::uint32_t slot) { relay_.put({slot}); },
            [&](stream& from, steady::time_point now) {
                from.take_each([&](octets const& o) { tasks.answered(o.slot, o.x, now); });
            });
    }

private:
    stream relay_;
    waiter ready_;
};

}  // namespace bench::raw_tcp
