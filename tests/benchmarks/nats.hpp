#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/programs.hpp"
#include "benchmarks/stream.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

// NATS' core, request and reply with a queue group of workers, by its own protocol. Nothing is stored: a task is lost when
// no worker is there, or when its worker dies.
namespace bench::nats {

[[nodiscard]] inline bool is_there() { return !find_program("nats-server").empty(); }

/// A file is the only way to tell it to take more than 1 MiB and to bear with who reads slowly.
inline void serve(channel& talk, std::filesystem::path const& folder) {
    auto const port = free_port();
    auto const file = (folder / "nats.conf").string();
    std::ofstream{file} << "listen: \"127.0.0.1:" << port << "\"\nmax_payload: " << (16U << 20U)
                        << "\nmax_pending: " << (1U << 30U) << "\nwrite_deadline: \"60s\"\n";
    talk.say(port);
    become({"nats-server", "-c", file});
}

/// A connection: lines, some with octets behind them.
class connection : public stream {
public:
    connection(std::string const& port, std::size_t payload) : stream{connect_to(port)}, message_{payload} {
        out() += "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":false}\r\n";
    }
    /// Asks for all of a subject (and group); once this returns, the server knows.
    void subscribe(std::string const& subject, waiter<connection>& ready) {
        out() += "SUB " + subject + " 1\r\nPING\r\n";
        for (known_ = false; !known_;) {
            ready.wait([](connection& from) {
                from.fill();
                from.each([](std::string_view, octets const&) {});
            });
        }
    }
    /// \param to  the subject, and where an answer shall go
    void publish(std::string_view to, octets const& o) {
        out().append("PUB ").append(to).append(" ").append(std::to_string(message_.size())).append("\r\n");
        message_.append(out(), o);
        out() += "\r\n";
    }
    /// Calls `f(where an answer shall go, octets)` for each message that has come.
    template <class F>
    void each(F&& f) {
        while (true) {
            auto const line = unread().substr(0, unread().find("\r\n"));
            if (line.size() == unread().size()) return;
            if (!line.starts_with("MSG "))
                handle(line);
            else if (!take_message(line, f))
                return;
        }
    }

private:
    void handle(std::string_view line) {
        if (line == "PONG")
            known_ = true;
        else if (line == "PING")
            out() += "PONG\r\n";
        else if (!line.starts_with("INFO ") && line != "+OK")
            throw std::runtime_error{"nats-server says " + std::string{line.substr(0, 60)}};
        take(line.size() + 2);
    }
    /// `MSG subject 1 [reply] size`. False while it is not here as a whole.
    template <class F>
    bool take_message(std::string_view line, F&& f) {
        auto const last = line.rfind(' ');
        std::size_t size = 0;
        std::from_chars(line.data() + last + 1, line.data() + line.size(), size);
        auto const begin = line.size() + 2;
        if (unread().size() < begin + size + 2) return false;
        auto const before = line.substr(0, last);
        f(before.substr(before.rfind(' ') + 1), message_.read(unread().substr(begin, size)));
        take(begin + size + 2);
        return true;
    }

    packing message_;
    bool known_ = false;
};

inline void work(channel& talk, std::string const& port, std::size_t payload) {
    connection server{port, payload};
    waiter<connection> ready;
    ready.add(server);
    server.subscribe("add workers", ready);
    talk.say("ready");
    wait_for_ever(ready, [](connection& from) {
        from.fill();
        from.each([&](std::string_view reply_to, octets o) {
            o.add();
            from.publish(reply_to, o);
        });
    });
}

class client {
public:
    client(std::string const& port, share const& part)
        : server_{port, part.payload}, inbox_{"results." + std::to_string(part.client)} {
        ready_.add(server_);
        server_.subscribe(inbox_, ready_);
    }
    void run(load& tasks) {
        auto const to = "add " + inbox_;
        run_closed_loop(
            tasks, ready_, [&](std::uint32_t slot) { server_.publish(to, {slot}); },
            [&](connection& from, steady::time_point now) {
                from.each([&](std::string_view, octets const& o) { tasks.answered(o.slot, o.x, now); });
            });
    }

private:
    connection server_;
    waiter<connection> ready_;
    std::string inbox_;
};

}  // namespace bench::nats
