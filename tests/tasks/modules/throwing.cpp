// A module whose handlers fail in every way, and one that waits to be stopped.
#include <fastqueue/module.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace fq = fastqueue;

fq::registry make() {
    fq::registry r;
    r.define(
         "throw.std", [](std::string const& text) { throw std::runtime_error{text}; }, "text")
        .describe("Throws.");
    r.define("throw.int", [] { throw 42; });
    r.define("throw.permanent", [] { throw fq::permanent_failure{"never again"}; });
    r.define("throw.later", [] { throw fq::retry_after{std::chrono::seconds{5}, "in a while"}; });
    r.define("throw.error", [] { throw fq::error{fq::errc::timeout, "an error of ours"}; });
    r.define(
        "sum",
        [](std::vector<int> const& xs, int start) {
            for (int const x : xs) start += x;
            return start;
        },
        "xs", fq::arg("start") = 0);
    r.define("who", [](fq::context& c) {
        return c.id().text() + ' ' + std::to_string(c.attempt()) + ' ' + std::string{c.name()};
    });
    r.define("wait", [](fq::context& c) {
        std::mutex mutex;
        std::condition_variable_any wakes;
        std::unique_lock lock{mutex};
        auto const stop = c.stop();
        wakes.wait(lock, stop, [] { return false; });
        if (c.stop_requested() && stop.stop_requested()) throw fq::task_cancelled{};
        return 1;
    });
    return r;
}

}  // namespace

FASTQUEUE_MODULE(make)
