#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/processes.hpp"
#include "benchmarks/raw_tcp.hpp"

#include <hiredis/hiredis.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

// Redis lists, as quick as they go: tasks are popped by up to 64 and results pushed in one command, and a task is lost when
// its worker dies. The server is the redis-server of the system, without files.
namespace bench::redis {

/// Whether there is a redis-server to be started.
[[nodiscard]] inline bool is_there() {
    auto const* const path = std::getenv("PATH");
    std::istringstream folders{path == nullptr ? "" : path};
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (::access((folder + "/redis-server").c_str(), X_OK) == 0) return true;
    }
    return false;
}

inline void serve(channel& talk) {
    std::string port;
    {
        auto const free = raw_tcp::listen_somewhere(port);  // closed again: the server takes it
    }
    talk.say(port);
    ::execlp("redis-server", "redis-server", "--port", port.c_str(), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--logfile", "/dev/null", "--dir", "/tmp", static_cast<char*>(nullptr));
    fail("redis-server");
}

/// A connection: commands go out together, replies come in order.
class connection {
public:
    explicit connection(std::string const& port) : context_{open(std::stoi(port))} {
        ::redisEnableKeepAlive(context_.get());
    }
    /// A command of `words`; with `values` behind them.
    void command(std::vector<std::string_view> words, std::vector<octets> const& values = {}) {
        for (auto const& v : values) words.emplace_back(reinterpret_cast<char const*>(&v), sizeof v);
        std::vector<char const*> texts;
        std::vector<std::size_t> sizes;
        for (auto const& w : words) {
            texts.push_back(w.data());
            sizes.push_back(w.size());
        }
        if (::redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(),
                                     sizes.data()) != REDIS_OK)
            throw std::runtime_error{"redis: a command cannot be sent"};
    }
    using reply = std::unique_ptr<::redisReply, void (*)(void*)>;
    [[nodiscard]] reply answer() {
        void* got = nullptr;
        if (::redisGetReply(context_.get(), &got) != REDIS_OK) throw raw_tcp::peer_gone{};
        reply r{static_cast<::redisReply*>(got), ::freeReplyObject};
        if (r->type == REDIS_REPLY_ERROR) throw std::runtime_error{"redis: " + std::string{r->str, r->len}};
        return r;
    }
    /// The values of an answer to BLMPOP.
    template <class F>
    void each_popped(F&& f) {
        auto const r = answer();
        if (r->type != REDIS_REPLY_ARRAY || r->elements != 2)
            throw std::runtime_error{"redis: what is that?"};
        auto const& values = *r->element[1];
        for (std::size_t i = 0; i < values.elements; ++i) f(octets::read(values.element[i]->str));
    }

private:
    using context = std::unique_ptr<::redisContext, void (*)(::redisContext*)>;
    /// The server may not listen yet.
    static context open(int port) {
        for (int tries = 0;; ++tries) {
            context made{::redisConnect("127.0.0.1", port), ::redisFree};
            if (made && made->err == 0) return made;
            if (tries == 500) throw std::runtime_error{"redis-server does not answer"};
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        }
    }
    context context_;
};

inline void work(std::string const& port) {
    connection server{port};
    std::vector<octets> done;
    try {
        while (true) {
            server.command({"BLMPOP", "0", "1", "tasks", "LEFT", "COUNT", "64"});
            if (!std::exchange(done, {}).empty()) static_cast<void>(server.answer());
            server.each_popped([&](octets o) {
                o.add();
                done.push_back(o);
            });
            server.command({"RPUSH", "results"}, done);
        }
    } catch (raw_tcp::peer_gone const&) {}
}

class client {
public:
    client(std::string const& port, std::uint32_t) : server_{port} {}
    void run(load& tasks) {
        std::vector<octets> fresh;
        for (auto now = steady::now(); !tasks.over(now); now = steady::now()) {
            fresh.clear();
            while (tasks.more(now)) fresh.push_back({tasks.submit(now)});
            if (!fresh.empty()) server_.command({"RPUSH", "tasks"}, fresh);
            if (tasks.in_flight() > 0)
                server_.command({"BLMPOP", "0", "1", "results", "LEFT", "COUNT", "64"});
            if (!fresh.empty()) static_cast<void>(server_.answer());
            if (tasks.in_flight() > 0)
                server_.each_popped([&](octets const& o) { tasks.answered(o.slot, o.x, steady::now()); });
        }
    }

private:
    connection server_;
};

}  // namespace bench::redis
