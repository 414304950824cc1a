#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/testing/simulated_network.hpp>
#include <fastqueue/transport/simulated.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "transport/pull_sockets.hpp"
#include "transport/recording_sink.hpp"

namespace fastqueue::test {

/// A transport on a simulated node, with a sink that writes down what it is told.
struct simulated_station {
    simulated_station(testing::simulated_network& network, std::string name)
        : transport{network, std::move(name)} {
        transport.attach(sink);
    }
    recording_sink sink;
    fastqueue::transport::simulated transport;
};

/// Several transports on one simulated machine.
class simulated_world {
public:
    using node = simulated_station;
    static constexpr bool same_process = false;

    node& add() {
        nodes_.push_back(std::make_unique<node>(network_, "machine"));
        return *nodes_.back();
    }
    void remove(node& gone) {
        std::erase_if(nodes_, [&](auto const& n) { return n.get() == &gone; });
    }
    [[nodiscard]] static bool says_wrong_type(std::error_code why) {
        return why == errc::socket_type_mismatch;
    }
    [[nodiscard]] simulated_pull_socket& add_pull() {
        return *pulls_.emplace_back(std::make_unique<simulated_pull_socket>(network_, "machine"));
    }
    [[nodiscard]] static endpoint address() { return {"127.0.0.1", 0}; }
    [[nodiscard]] static endpoint unused_address() { return {"127.0.0.1", 1}; }
    template <class Condition>
    [[nodiscard]] bool pump(Condition&& holds) {
        return network_.run_until(holds, std::chrono::seconds{10});
    }
    template <class Condition>
    [[nodiscard]] bool pump_for(std::chrono::nanoseconds limit, Condition&& holds) {
        return network_.run_until(holds, limit);
    }

private:
    testing::simulated_network network_{42};
    std::vector<std::unique_ptr<node>> nodes_;
    std::vector<std::unique_ptr<simulated_pull_socket>> pulls_;
};

}  // namespace fastqueue::test
