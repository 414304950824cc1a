#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/programs.hpp"
#include "benchmarks/stream.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

// beanstalkd by its own protocol: tasks in one tube, results in another for each client. Who takes jobs asks for up to 64 in
// one write. No log: a task is lost when the server ends.
namespace bench::beanstalkd {

[[nodiscard]] inline bool is_there() { return !find_program("beanstalkd").empty(); }

inline void serve(channel& talk) {
    auto const port = free_port();
    talk.say(port);
    become({"beanstalkd", "-l", "127.0.0.1", "-p", port, "-z", std::to_string(64U << 20U)});
}

/// A connection that uses tubes: jobs are put into one and reserved from another.
class connection : public stream {
public:
    connection(std::string const& port, std::size_t payload) : stream{connect_to(port)}, message_{payload} {}

    void use(std::string const& tube) {
        if (std::exchange(used_, tube) != tube) out() += "use " + tube + "\r\n";
    }
    void watch(std::string const& tube) { out() += "watch " + tube + "\r\nignore default\r\n"; }
    void put(octets const& o) {
        out() += "put 0 0 600 " + std::to_string(message_.size()) + "\r\n";
        message_.append(out(), o);
        out() += "\r\n";
    }
    /// Asks for one, waiting for it, and for as many more as are there, twice as many as the last time.
    void reserve(int most) {
        asked_ = std::clamp(2 * std::exchange(got_, 0), 1, most);
        out() += "reserve\r\n";
        for (int i = 1; i < asked_; ++i) out() += "reserve-with-timeout 0\r\n";
    }
    /// Calls `f(octets)` for each job that has come and deletes it. \return whether all that was asked for is answered
    template <class F>
    bool each(F&& f) {
        std::string_view line;
        while (next_line(line)) {
            if (line.starts_with("RESERVED ")) {
                if (!take_job(line, f)) return false;
            } else {
                judge(line);
                take(line.size() + 2);
            }
            if (asked_ == 0) return true;
        }
        return false;
    }
    /// Forgets the answers to what was put.
    void skip() {
        for (std::string_view line; next_line(line); take(line.size() + 2)) judge(line);
    }

private:
    [[nodiscard]] bool next_line(std::string_view& line) const {
        line = unread().substr(0, unread().find("\r\n"));
        return line.size() < unread().size();
    }
    void judge(std::string_view line) {
        if (line == "TIMED_OUT")
            --asked_;
        else if (!line.starts_with("INSERTED") && line != "DELETED" && !line.starts_with("USING") &&
                 !line.starts_with("WATCHING"))
            throw std::runtime_error{"beanstalkd says " + std::string{line.substr(0, 60)}};
    }
    /// False while it is not here as a whole.
    template <class F>
    bool take_job(std::string_view line, F&& f) {
        auto const id = line.substr(9, line.rfind(' ') - 9);
        std::size_t size = 0;
        std::from_chars(line.data() + line.rfind(' ') + 1, line.data() + line.size(), size);
        auto const begin = line.size() + 2;
        if (unread().size() < begin + size + 2) return false;
        f(message_.read(unread().substr(begin, size)));
        out().append("delete ").append(id).append("\r\n");
        take(begin + size + 2);
        --asked_;
        ++got_;
        return true;
    }

    packing message_;
    std::string used_;
    int asked_ = 0;  // and not answered
    int got_ = 0;    // of the last that were asked for
};

inline void work(channel& talk, std::string const& port, std::size_t payload) {
    connection server{port, payload};
    server.watch("tasks");
    server.reserve(64);
    waiter<connection> ready;
    ready.add(server);
    talk.say("ready");
    wait_for_ever(ready, [](connection& from) {
        from.fill();
        auto const all = from.each([&](octets o) {
            o.add();
            from.use("results-" + client_of(o));
            from.put(o);
        });
        if (all) from.reserve(64);
    });
}

/// Puts by one connection and takes results by another, since a server answers nothing else while one waits for a job.
class client {
public:
    client(std::string const& port, share const& part)
        : part_{part}, tasks_{port, part.payload}, results_{port, part.payload} {
        tasks_.use("tasks");
        results_.watch("results-" + std::to_string(part.client));
        results_.reserve(most());
        ready_.add(tasks_);
        ready_.add(results_);
    }
    void run(load& tasks) {
        run_closed_loop(
            tasks, ready_, [&](std::uint32_t slot) { tasks_.put(part_.task(slot)); },
            [&](connection& from, steady::time_point now) {
                if (&from == &tasks_) return from.skip();
                if (from.each([&](octets const& o) { tasks.answered(slot_of(o), o.x, now); }))
                    from.reserve(most());
            });
    }

private:
    [[nodiscard]] int most() const noexcept { return part_.in_flight == 1 ? 1 : 64; }

    share part_;
    connection tasks_;
    connection results_;
    waiter<connection> ready_;
};

}  // namespace bench::beanstalkd
