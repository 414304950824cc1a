#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/transport/tcp.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "transport/pull_sockets.hpp"
#include "transport/recording_sink.hpp"

namespace fastqueue::test {

/// Several `tcp` transports on loopback, turned one after another by the test's own thread.
class tcp_world {
public:
    struct node {
        explicit node(transport::tcp_options options) : transport{options} { transport.attach(sink); }
        recording_sink sink;
        transport::tcp transport;
    };
    static constexpr bool same_process = false;

    node& add(transport::tcp_options options = {}) {
        nodes_.push_back(std::make_unique<node>(options));
        return *nodes_.back();
    }
    void remove(node& gone) {
        std::erase_if(nodes_, [&](auto const& n) { return n.get() == &gone; });
    }
    [[nodiscard]] static bool says_wrong_type(std::error_code why) {
        return why == errc::socket_type_mismatch;
    }
    [[nodiscard]] system_pull_socket& add_pull() {
        return *pulls_.emplace_back(std::make_unique<system_pull_socket>());
    }
    [[nodiscard]] endpoint address() const { return {"127.0.0.1", 0}; }
    [[nodiscard]] endpoint unused_address() {
        node probe{{}};
        endpoint bound;
        if (probe.transport.listen(address(), 0, bound)) return {};
        return bound;
    }

    template <class Condition>
    [[nodiscard]] bool pump(Condition&& holds) {
        return pump_for(std::chrono::seconds{20}, holds);
    }
    template <class Condition>
    [[nodiscard]] bool pump_for(std::chrono::milliseconds limit, Condition&& holds) {
        auto const end = std::chrono::steady_clock::now() + limit;
        while (!holds()) {
            if (std::chrono::steady_clock::now() >= end) return false;
            for (auto const& n : nodes_) n->transport.poll();
            for (auto const& p : pulls_) p->poll();
        }
        return true;
    }

private:
    std::vector<std::unique_ptr<node>> nodes_;
    std::vector<std::unique_ptr<system_pull_socket>> pulls_;
};

}  // namespace fastqueue::test
