#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/programs.hpp"
#include "benchmarks/stream.hpp"

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sys/prctl.h>

// RabbitMQ by librabbitmq: a transient queue of tasks that are acknowledged one by one, results by direct reply-to.
namespace bench::rabbitmq {

inline constexpr auto program = "/usr/lib/rabbitmq/bin/rabbitmq-server";  // the one in PATH changes the user

[[nodiscard]] inline bool is_there() {
    return !find_program(program).empty() && !find_program("epmd").empty();
}

/// Erlang's register of nodes, of our own: it ends with its parent, and none of the system's is asked or left behind.
inline void start_epmd(std::string const& port) {
    auto const parent = ::getpid();
    auto const id = ::fork();
    if (id < 0) fail("fork");
    if (id > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    try {
        become({"epmd", "-address", "127.0.0.1", "-port", port});
    } catch (std::exception const&) {
        ::_exit(1);
    }
}

inline void serve(channel& talk, std::filesystem::path const& folder) {
    auto const in = [&](char const* name) { return (folder / name).string(); };
    auto const port = free_port();
    auto const nodes = free_port();
    start_epmd(nodes);
    static_cast<void>(connect_to(nodes));
    std::ofstream{in("rabbitmq.conf")} << "listeners.tcp.1 = 127.0.0.1:" << port << "\nlog.console = false\n";
    std::ofstream{in("plugins")} << "[].";
    std::pair<char const*, std::string> const environment[] = {
        {"HOME", folder.string()},
        {"RUNNING_UNDER_SYSTEMD", "1"},  // the shell becomes Erlang, in place of starting it
        {"RABBITMQ_NODENAME", "benchmark-" + port + "@localhost"},
        {"RABBITMQ_NODE_PORT", port},
        {"RABBITMQ_DIST_PORT", free_port()},
        {"ERL_EPMD_PORT", nodes},
        {"ERL_EPMD_ADDRESS", "127.0.0.1"},
        {"RABBITMQ_CONFIG_FILE", in("rabbitmq.conf")},
        {"RABBITMQ_CONF_ENV_FILE", in("none.conf")},
        {"RABBITMQ_MNESIA_BASE", folder.string()},
        {"RABBITMQ_LOG_BASE", folder.string()},
        {"RABBITMQ_ENABLED_PLUGINS_FILE", in("plugins")},
        {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}"}};
    for (auto const& [name, value] : environment) ::setenv(name, value.c_str(), 1);
    talk.say(port);
    if (::chdir(folder.c_str()) != 0) fail("chdir");
    become({program});
}

[[nodiscard]] inline ::amqp_bytes_t bytes(std::string_view text) noexcept {
    return {text.size(), const_cast<char*>(text.data())};
}

/// A connection with one channel.
class connection {
public:
    connection(std::string const& port, std::size_t payload) : message_{payload} {
        static_cast<void>(connect_to(port, 50));  // it takes long to start
        auto* const socket = ::amqp_tcp_socket_new(state_);
        if (::amqp_socket_open(socket, "127.0.0.1", std::stoi(port)) != 0)
            throw std::runtime_error{"it does not answer"};
        check(::amqp_login(state_, "/", 0, 131'072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"), "login");
        ::amqp_channel_open(state_, 1);
        check(::amqp_get_rpc_reply(state_), "channel");
        ::amqp_queue_declare(state_, 1, bytes("tasks"), 0, 0, 0, 0, amqp_empty_table);
        check(::amqp_get_rpc_reply(state_), "queue");
    }
    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;
    ~connection() { ::amqp_destroy_connection(state_); }

    void consume(std::string_view queue, bool acknowledge) {
        ::amqp_basic_qos(state_, 1, 0, 100, 0);
        ::amqp_basic_consume(state_, 1, bytes(queue), amqp_empty_bytes, 0, acknowledge ? 0 : 1, 0,
                             amqp_empty_table);
        check(::amqp_get_rpc_reply(state_), "consume");
    }
    /// \param reply_to  empty: this is an answer
    void publish(std::string_view queue, octets const& o, std::string_view reply_to = {}) {
        body_.clear();
        message_.append(body_, o);
        ::amqp_basic_properties_t properties{};
        properties._flags = reply_to.empty() ? 0 : AMQP_BASIC_REPLY_TO_FLAG;
        properties.reply_to = bytes(reply_to);
        if (::amqp_basic_publish(state_, 1, amqp_empty_bytes, bytes(queue), 0, 0, &properties,
                                 bytes(body_)) != AMQP_STATUS_OK)
            throw peer_gone{};
    }
    void acknowledge(std::uint64_t delivery) { ::amqp_basic_ack(state_, 1, delivery, 0); }
    /// Calls `f(octets, reply to, delivery)` for the next message. \return false: nothing is there, and it did not wait
    template <class F>
    bool take(bool wait, F&& f) {
        ::amqp_envelope_t got{};
        ::timeval none{};
        ::amqp_maybe_release_buffers(state_);
        auto const reply = ::amqp_consume_message(state_, &got, wait ? nullptr : &none, 0);
        if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_TIMEOUT)
            return false;
        check(reply, "consume");
        auto const view = [](::amqp_bytes_t b) {
            return std::string_view{static_cast<char const*>(b.bytes), b.len};
        };
        f(message_.read(view(got.message.body)), view(got.message.properties.reply_to), got.delivery_tag);
        ::amqp_destroy_envelope(&got);
        return true;
    }

private:
    static void check(::amqp_rpc_reply_t const& reply, char const* what) {
        if (reply.reply_type != AMQP_RESPONSE_NORMAL)
            throw std::runtime_error{std::string{what} + " is refused, or the other side has gone"};
    }

    ::amqp_connection_state_t state_ = ::amqp_new_connection();
    packing message_;
    std::string body_;
};

inline void work(channel& talk, std::string const& port, std::size_t payload) {
    connection server{port, payload};
    server.consume("tasks", true);
    talk.say("ready");
    while (true) {
        server.take(true, [&](octets o, std::string_view reply_to, std::uint64_t delivery) {
            o.add();
            server.publish(reply_to, o);
            server.acknowledge(delivery);
        });
    }
}

class client {
    static constexpr std::string_view replies = "amq.rabbitmq.reply-to";

public:
    client(std::string const& port, share const& part) : server_{port, part.payload} {
        server_.consume(replies, false);
    }
    void run(load& tasks) {
        for (auto now = steady::now(); !tasks.over(now); now = steady::now()) {
            auto const before = tasks.in_flight();
            while (tasks.more(now)) server_.publish("tasks", {tasks.submit(now)}, replies);
            take_answers(tasks, std::max(before, tasks.in_flight()) / 2);
        }
    }

private:
    /// Waits for one, then takes what is there, but no more than leaves `enough` in flight for the others to do.
    void take_answers(load& tasks, std::uint32_t enough) {
        auto const answered = [&](octets const& o, std::string_view, std::uint64_t) {
            tasks.answered(o.slot, o.x, steady::now());
        };
        for (bool wait = true; server_.take(wait, answered); wait = false) {
            if (tasks.in_flight() <= enough) return;
        }
    }

    connection server_;
};

}  // namespace bench::rabbitmq
