#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/stream.hpp"

#include <fastqueue/model/id_source.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/number.hpp>
#include <fastqueue/wire/octet_buffer.hpp>
#include <fastqueue/wire/pair_cursor.hpp>
#include <fastqueue/zmtp/connection.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// A client of many connections in one thread: each a socket and a ZMTP state, nothing more, so that what is measured is the
/// other side. Tasks go round: each over the next connection, each call a message of its own.
class fleet {
public:
    struct task {
        std::string name;
        std::string arguments;
        std::string value;  // that is to come back
    };

    /// \throws std::exception when not all connections are there within 60 s
    fleet(std::string const& port, std::size_t connections, task asked)
        : asked_{std::move(asked)}, octets_(256 * 1024, '\0') {
        auto const limit = steady::now() + std::chrono::seconds{60};
        while (members_.size() < connections) {
            members_.push_back(std::make_unique<member>(port, *this));
            watch(*members_.back(), EPOLL_CTL_ADD);
            flush(*members_.back());
            // The control plane takes so many unfinished handshakes from one address, and no more.
            auto const most_unfinished = members_.size() == connections ? std::size_t{0} : std::size_t{100};
            while (members_.size() - ready_ > most_unfinished) {
                if (steady::now() > limit) throw std::runtime_error{"not all connections get ready"};
                turn(100);
            }
        }
    }
    fleet(fleet const&) = delete;
    fleet& operator=(fleet const&) = delete;
    ~fleet() = default;

    /// Answers what the peer asks of idle connections, for a while.
    void rest(std::chrono::milliseconds time) {
        for (auto const end = steady::now() + time; steady::now() < end;) turn(10);
    }
    void run(load& tasks) {
        tasks_ = &tasks;
        auto heard = steady::now();
        for (auto now = heard; !tasks.over(now);) {
            while (tasks.more(now)) submit(tasks.submit(now));
            flush_all();
            auto const before = tasks.done();
            turn(100);
            now = steady::now();
            if (tasks.done() != before) heard = now;
            if (now - heard > std::chrono::seconds{30}) throw std::runtime_error{"tasks are not answered"};
        }
        tasks_ = nullptr;
    }

private:
    struct member {
        member(std::string const& port, fleet& o) : owner{o}, socket{connect_to(port)}, zmtp{{}, now()} {
            make_quick(socket);
            ::linger const at_once{1, 0};  // no port is to stay behind in TIME_WAIT
            ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        void ready() noexcept { ++owner.ready_; }
        void message(std::span<std::string_view const> frames) { owner.answered(frames); }

        fleet& owner;
        descriptor socket;
        fastqueue::zmtp::connection zmtp;
        bool unsent = false;   // something was added since the last flush
        bool blocked = false;  // the system takes no more for now
    };

    [[nodiscard]] static fastqueue::instant now() noexcept { return steady::now(); }

    void watch(member& m, int how) {
        ::epoll_event event{};
        event.events = EPOLLIN | (m.blocked ? EPOLLOUT : 0U);
        event.data.ptr = &m;
        if (::epoll_ctl(epoll_.get(), how, m.socket.get(), &event) != 0) fail("epoll_ctl");
    }
    void submit(std::uint32_t slot) {
        auto& m = *members_[next_++ % members_.size()];
        line_.clear();
        fastqueue::wire::header_writer{line_, "call"}
            .token(ids_.next(std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now())))
            .token(asked_.name)
            .field("ref", std::uint64_t{slot});
        std::array<std::string_view, 2> const frames{line_.view(), asked_.arguments};
        if (m.zmtp.send(frames)) throw std::runtime_error{"a call cannot be sent"};
        if (!std::exchange(m.unsent, true)) unsent_.push_back(&m);
    }
    void flush_all() {
        for (auto* const m : unsent_) {
            m->unsent = false;
            flush(*m);
        }
        unsent_.clear();
    }
    void flush(member& m) {
        bool const was_blocked = std::exchange(m.blocked, false);
        while (!m.zmtp.pending().empty() && !m.blocked) {
            auto const octets = m.zmtp.pending();
            auto const sent = ::send(m.socket.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
            if (sent > 0)
                m.zmtp.consumed(static_cast<std::size_t>(sent), now());
            else if (errno == EAGAIN)
                m.blocked = true;
            else if (errno != EINTR)
                fail("send");
        }
        if (m.blocked != was_blocked) watch(m, EPOLL_CTL_MOD);
    }
    /// Takes what has come, and waits for it at most so long.
    void turn(int milliseconds) {
        std::array<::epoll_event, 256> events{};
        auto const count =
            ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), milliseconds);
        for (int i = 0; i < count; ++i) {
            auto& m = *static_cast<member*>(events[static_cast<std::size_t>(i)].data.ptr);
            receive(m);
            flush(m);
        }
    }
    void receive(member& m) {
        auto const got = ::recv(m.socket.get(), octets_.data(), octets_.size(), 0);
        if (got == 0) throw std::runtime_error{"the control plane has closed a connection"};
        if (got < 0) {
            if (errno == EAGAIN || errno == EINTR) return;
            fail("recv");
        }
        auto const octets = std::string_view{octets_}.substr(0, static_cast<std::size_t>(got));
        if (m.zmtp.receive(octets, now(), m)) throw std::runtime_error{std::string{m.zmtp.error_text()}};
    }
    void answered(std::span<std::string_view const> frames) {
        fastqueue::wire::pair_cursor cursor{frames};
        for (fastqueue::wire::pair pair; cursor.next(pair);) {
            fastqueue::wire::header header;
            if (tasks_ == nullptr || header.parse(pair.header, 4096))
                throw std::runtime_error{"an answer that nobody can read"};
            auto const slot = fastqueue::wire::read_number(header.get("ref"));
            bool const right = header.verb() == "result" && pair.payload == asked_.value;
            tasks_->answered(slot.value_or(~std::uint64_t{0}), right ? 8 : 0, steady::now());
        }
    }

    task asked_;
    descriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
    std::string octets_;
    std::vector<std::unique_ptr<member>> members_;
    std::vector<member*> unsent_;
    std::size_t ready_ = 0;
    std::size_t next_ = 0;
    fastqueue::id_source ids_;
    fastqueue::wire::octet_buffer line_;
    load* tasks_ = nullptr;
};

}  // namespace bench
