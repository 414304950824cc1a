// What a user's program takes besides: msgpack for what is sent, and a logger of spdlog's for what happens.
#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/observer/spdlog.hpp>
#include <fastqueue/serialization/msgpack.hpp>
#include <fastqueue/version.hpp>

#include <spdlog/sinks/ostream_sink.h>

#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

namespace fq = fastqueue;

inline constexpr fq::task<int(int, int)> add{"add", "x", "y"};

struct logged : fq::default_policies {
    using serialization_policy = fq::serialization::msgpack;
    using observer_policy = fq::observer::spdlog;
};

int main() {
    std::ostringstream lines;
    auto const logger =
        std::make_shared<spdlog::logger>("queue", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
    logger->set_level(spdlog::level::debug);
    fq::registry_with<fq::serialization::msgpack> tasks;
    tasks.define(add, [](int x, int y) { return x + y; });
    fq::control_plane_options options;
    options.base.port = options.discovery.port = 0;
    fq::policy_instances<logged> instances;
    instances.observer = fq::observer::spdlog{logger};
    fq::basic_control_plane<logged> plane{options, tasks, std::move(instances)};
    plane.start();
    int sum = 0;
    std::thread user{[&] {
        fq::basic_client<logged> client{{.discovery = plane.listens().discovery}};
        sum = client.call(add.with<fq::serialization::msgpack>(5, 3));
        plane.stop();
    }};
    plane.run();
    user.join();
    bool const told = lines.str().find("add success") != std::string::npos;
    std::printf("FastQueue %s: add(5, 3) is %d\n", fq::version_string, sum);
    return sum == 8 && told ? 0 : 1;
}
