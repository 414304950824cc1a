#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/redis_server.hpp"
#include "benchmarks/stream.hpp"

#include <hiredis/hiredis.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// Redis lists, as quick as they go: tasks are popped by up to 64 and results pushed in one command, and a task is lost when
// its worker dies. The server is the redis-server of the system, without files.
namespace bench::redis {

/// Messages one behind the other, to be sent in one command.
class messages {
public:
    explicit messages(std::size_t payload) : message_{payload} {}
    void add(octets const& o) { message_.append(octets_, o); }
    void clear() noexcept { octets_.clear(); }
    [[nodiscard]] bool empty() const noexcept { return octets_.empty(); }
    /// Calls `f(message)` for each.
    template <class F>
    void each(F&& f) const {
        auto const size = message_.size();
        for (std::string_view rest = octets_; !rest.empty(); rest.remove_prefix(size))
            f(rest.substr(0, size));
    }

private:
    packing message_;
    std::string octets_;
};

/// A connection: commands go out together, replies come in order.
class connection {
public:
    connection(std::string const& port, std::size_t payload)
        : context_{open(std::stoi(port))}, message_{payload} {
        ::redisEnableKeepAlive(context_.get());
        context_->reader->maxbuf = 0;  // large values: the buffer is kept, not made anew for each
    }
    /// A command of `words`.
    void command(std::vector<std::string_view> const& words) {
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
    /// Puts all at the end of a list.
    void push(std::string_view list, messages const& all) {
        std::vector<std::string_view> words{"RPUSH", list};
        all.each([&](std::string_view one) { words.push_back(one); });
        command(words);
    }
    void pop(std::string_view list) { command({"BLMPOP", "0", "1", list, "LEFT", "COUNT", "64"}); }
    using reply = std::unique_ptr<::redisReply, void (*)(void*)>;
    [[nodiscard]] reply answer() {
        void* got = nullptr;
        if (::redisGetReply(context_.get(), &got) != REDIS_OK) throw peer_gone{};
        reply r{static_cast<::redisReply*>(got), ::freeReplyObject};
        if (r->type == REDIS_REPLY_ERROR) throw std::runtime_error{"redis: " + std::string{r->str, r->len}};
        return r;
    }
    /// The values of an answer to BLMPOP.
    template <class F>
    void each_popped(F&& f) {
        auto const r = answer();
        if (r->type != REDIS_REPLY_ARRAY || r->elements != 2)
            throw std::runtime_error{"redis: it was not a list that came"};
        auto const& values = *r->element[1];
        for (std::size_t i = 0; i < values.elements; ++i) {
            auto const& one = *values.element[i];
            f(message_.read({one.str, one.len}));
        }
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
    packing message_;
};

[[nodiscard]] inline std::string results_of(std::uint64_t client) {
    return "results-" + std::to_string(client);
}

inline void work(channel& talk, std::string const& port, std::size_t payload) {
    connection server{port, payload};
    talk.say("ready");
    std::map<std::uint64_t, messages> done;  // of each client
    try {
        while (true) {
            server.pop("tasks");
            for (auto& [client, all] : done) {
                if (!all.empty()) static_cast<void>(server.answer());
                all.clear();
            }
            server.each_popped([&](octets o) {
                o.add();
                done.try_emplace(o.slot >> 32U, payload).first->second.add(o);
            });
            for (auto const& [client, all] : done) {
                if (!all.empty()) server.push(results_of(client), all);
            }
        }
    } catch (peer_gone const&) {}
}

class client {
public:
    client(std::string const& port, share const& part)
        : part_{part}, server_{port, part.payload}, fresh_{part.payload} {}
    void run(load& tasks) {
        for (auto now = steady::now(); !tasks.over(now); now = steady::now()) {
            fresh_.clear();
            while (tasks.more(now)) fresh_.add(part_.task(tasks.submit(now)));
            if (!fresh_.empty()) server_.push("tasks", fresh_);
            server_.pop(results_);
            if (!fresh_.empty()) static_cast<void>(server_.answer());
            server_.each_popped([&](octets const& o) { tasks.answered(slot_of(o), o.x, steady::now()); });
        }
    }

private:
    share part_;
    connection server_;
    messages fresh_;
    std::string results_ = results_of(part_.client);
};

}  // namespace bench::redis
