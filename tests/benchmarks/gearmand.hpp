#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/programs.hpp"
#include "benchmarks/stream.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>

// gearmand's foreground jobs by its binary protocol, without its library: a worker asks for up to 16 jobs ahead, since one
// at a time is several times slower. Nothing is stored.
namespace bench::gearmand {

[[nodiscard]] inline bool is_there() { return !find_program("gearmand").empty(); }

inline void serve(channel& talk) {
    auto const port = free_port();
    talk.say(port);
    become({"gearmand", "--listen=127.0.0.1", "--port=" + port, "--log-file=none"});
}

enum class packet : std::uint32_t {
    can_do = 1,
    pre_sleep = 4,
    noop = 6,
    submit_job = 7,
    grab_job = 9,
    no_job = 10,
    job_assign = 11,
    work_complete = 13,
    work_fail = 14,
    error = 19
};

/// A connection: packets of 12 octets of header and a body.
class connection : public stream {
public:
    connection(std::string const& port, std::size_t payload) : stream{connect_to(port)}, message_{payload} {}

    void put(packet type, std::string_view body = {}) { begin(type, body, body.size()); }
    void put(packet type, std::string_view head, octets const& o) {
        begin(type, head, head.size() + message_.size());
        message_.append(out(), o);
    }
    /// The task of a body, behind so many fields that end with a zero.
    [[nodiscard]] octets task(std::string_view body, int fields) const {
        for (; fields > 0; --fields) body.remove_prefix(body.find('\0') + 1);
        return message_.read(body);
    }
    /// Calls `f(packet, body)` for each that has come.
    template <class F>
    void each(F&& f) {
        while (true) {
            header h;
            auto const got = unread();
            if (got.size() < sizeof h) return;
            std::memcpy(&h, got.data(), sizeof h);
            auto const size = std::size_t{ntohl(h.size)};
            if (got.size() < sizeof h + size) return;
            refuse_failures(packet{ntohl(h.type)}, got.substr(sizeof h, size));
            f(packet{ntohl(h.type)}, got.substr(sizeof h, size));
            take(sizeof h + size);
        }
    }

private:
    struct header {
        char magic[4] = {'\0', 'R', 'E', 'Q'};
        std::uint32_t type = 0;
        std::uint32_t size = 0;
    };
    void begin(packet type, std::string_view head, std::size_t size) {
        header h;
        h.type = htonl(static_cast<std::uint32_t>(type));
        h.size = htonl(static_cast<std::uint32_t>(size));
        out().append(reinterpret_cast<char const*>(&h), sizeof h).append(head);
    }
    static void refuse_failures(packet type, std::string_view body) {
        if (type == packet::error || type == packet::work_fail)
            throw std::runtime_error{"gearmand says " + std::string{body}};
    }

    packing message_;
};

/// Asks for twice as many jobs ahead while there are some, and sleeps when there are none.
class worker {
public:
    worker(std::string const& port, std::size_t payload) : server_{port, payload} {
        server_.put(packet::can_do, "add");
        grab(1);
        ready_.add(server_);
    }
    void run() {
        wait_for_ever(ready_, [&](connection& from) {
            from.fill();
            from.each([&](packet type, std::string_view body) { handle(type, body); });
        });
    }

private:
    static constexpr int most_ahead = 16;

    void handle(packet type, std::string_view body) {
        if (type == packet::job_assign) {
            --asked_;
            perform(body);
            grab(2);
        } else if (type == packet::no_job && --asked_ == 0) {
            server_.put(packet::pre_sleep);
        } else if (type == packet::noop && asked_ == 0) {
            grab(1);
        }
    }
    void perform(std::string_view body) {
        auto o = server_.task(body, 2);
        o.add();
        server_.put(packet::work_complete, body.substr(0, body.find('\0') + 1), o);  // with the job's handle
    }
    void grab(int more) {
        for (; more > 0 && asked_ < most_ahead; --more, ++asked_) server_.put(packet::grab_job);
    }

    connection server_;
    waiter<connection> ready_;
    int asked_ = 0;
};

inline void work(channel& talk, std::string const& port, std::size_t payload) {
    worker w{port, payload};
    talk.say("ready");
    w.run();
}

class client {
public:
    client(std::string const& port, share const& part) : server_{port, part.payload} { ready_.add(server_); }
    void run(load& tasks) {
        using namespace std::string_view_literals;
        run_closed_loop(
            tasks, ready_, [&](std::uint32_t slot) { server_.put(packet::submit_job, "add\0\0"sv, {slot}); },
            [&](connection& from, steady::time_point now) {
                from.each([&](packet type, std::string_view body) {
                    if (type != packet::work_complete) return;
                    auto const o = from.task(body, 1);
                    tasks.answered(o.slot, o.x, now);
                });
            });
    }

private:
    connection server_;
    waiter<connection> ready_;
};

}  // namespace bench::gearmand
