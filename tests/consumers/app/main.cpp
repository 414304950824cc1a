// A user's program, built in every way that the README offers: a control plane, a task and a client in one process.
#include <fastqueue/client.hpp>
#include <fastqueue/control_plane.hpp>
#include <fastqueue/task.hpp>
#include <fastqueue/version.hpp>

#include <cstdio>
#include <thread>

namespace fq = fastqueue;

inline constexpr fq::task<int(int, int)> add{"add", "x", "y"};

int main() {
    fq::registry tasks;
    tasks.define(add, [](int x, int y) { return x + y; });
    fq::control_plane_options options;
    options.base.port = options.discovery.port = 0;
    fq::control_plane plane{options, tasks};
    plane.start();
    int sum = 0;
    std::thread user{[&] {
        sum = fq::client{{.discovery = plane.listens().discovery}}.call(add(5, 3));
        plane.stop();
    }};
    plane.run();
    user.join();
    std::printf("FastQueue %s: add(5, 3) is %d\n", fq::version_string, sum);
    return sum == 8 ? 0 : 1;
}
