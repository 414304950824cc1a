#pragma once

// PULL sockets that know nothing of our transports, as a program that awaits callbacks has one: `zmtp::connection` over a socket of
// the system's, and over a simulated stream.

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/testing/simulated_network.hpp>
#include <fastqueue/zmtp/connection.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "support/catch.hpp"

namespace fastqueue::test {

/// The PULL end of one connection, without its stream.
struct pull_end {
    explicit pull_end(instant now) : connection{pull_options(), now} {}

    void ready() {}
    void message(std::span<std::string_view const> frames) {
        letters.emplace_back(frames.begin(), frames.end());
    }
    static zmtp::connection_options pull_options() {
        zmtp::connection_options options;
        options.type = zmtp::socket_type::pull;
        options.accepted = true;
        return options;
    }

    zmtp::connection connection;
    std::vector<std::vector<std::string>> letters;
};

/// Listens on loopback and takes one connection. It does something in `poll` only.
class system_pull_socket {
public:
    system_pull_socket() : listener_{::socket(AF_INET, SOCK_STREAM, 0)} {
        ::sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const address = reinterpret_cast<::sockaddr*>(&at);
        ::socklen_t size = sizeof at;
        REQUIRE(::bind(listener_, address, size) == 0);
        REQUIRE(::listen(listener_, 8) == 0);
        REQUIRE(::getsockname(listener_, address, &size) == 0);
        REQUIRE(::fcntl(listener_, F_SETFL, O_NONBLOCK) == 0);
        where_ = {"127.0.0.1", ntohs(at.sin_port)};
    }
    system_pull_socket(system_pull_socket const&) = delete;
    system_pull_socket& operator=(system_pull_socket const&) = delete;
    ~system_pull_socket() {
        ::close(listener_);
        if (stream_ >= 0) ::close(stream_);
    }

    [[nodiscard]] endpoint const& where() const noexcept { return where_; }
    [[nodiscard]] std::vector<std::vector<std::string>> const& letters() const { return end_->letters; }
    [[nodiscard]] bool is_open() const { return end_ && end_->connection.ready(); }
    /// As no PULL does.
    [[nodiscard]] bool say(std::string_view text) { return !end_->connection.send({&text, 1}); }

    void poll() {
        auto const now = std::chrono::steady_clock::now();
        if (!end_) {
            stream_ = ::accept(listener_, nullptr, nullptr);
            if (stream_ < 0) return;
            end_.emplace(now);
        }
        std::array<char, 65536> octets{};
        auto const came = ::recv(stream_, octets.data(), octets.size(), MSG_DONTWAIT);
        if (came > 0)
            static_cast<void>(
                end_->connection.receive({octets.data(), static_cast<std::size_t>(came)}, now, *end_));
        while (!end_->connection.pending().empty()) {
            auto const left = end_->connection.pending();
            auto const gone = ::send(stream_, left.data(), left.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (gone <= 0) return;
            end_->connection.consumed(static_cast<std::size_t>(gone), now);
        }
    }

private:
    int listener_;
    int stream_ = -1;
    endpoint where_;
    std::optional<pull_end> end_;
};

/// The same on a node of a simulated network, which turns it.
class simulated_pull_socket final : private testing::simulated_host {
public:
    simulated_pull_socket(testing::simulated_network& network, std::string const& node)
        : network_{network}, host_{network.add_host(network.find_node(node), *this)} {
        REQUIRE_FALSE(network_.listen(host_, {"127.0.0.1", 0}, 0, where_));
    }
    ~simulated_pull_socket() override { network_.remove_host(host_); }

    [[nodiscard]] endpoint const& where() const noexcept { return where_; }
    [[nodiscard]] std::vector<std::vector<std::string>> const& letters() const { return end_->letters; }
    [[nodiscard]] bool is_open() const { return end_ && end_->connection.ready(); }
    [[nodiscard]] bool say(std::string_view text) {
        bool const said = !end_->connection.send({&text, 1});
        turn();
        return said;
    }
    void poll() {}

private:
    void accepted(testing::stream_id stream, std::uint32_t, std::string_view) override {
        stream_ = stream;
        end_.emplace(network_.now().steady);
    }
    void connected(testing::stream_id) override {}
    void bytes(testing::stream_id, std::string_view octets) override {
        static_cast<void>(end_->connection.receive(octets, network_.now().steady, *end_));
    }
    void room(testing::stream_id) override {}
    void ended(testing::stream_id, std::error_code) override { stream_ = {}; }
    void alarm() override {}
    void turn() override {
        if (stream_ == testing::stream_id::none) return;
        auto const left = end_->connection.pending();
        if (!left.empty()) end_->connection.consumed(network_.write(stream_, left), network_.now().steady);
    }

    testing::simulated_network& network_;
    testing::host_id host_;
    testing::stream_id stream_{};
    endpoint where_;
    std::optional<pull_end> end_;
};

}  // namespace fastqueue::test
