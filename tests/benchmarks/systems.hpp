#pragma once

#include "benchmarks/beanstalkd.hpp"
#include "benchmarks/celery.hpp"
#include "benchmarks/gearmand.hpp"
#include "benchmarks/libzmq.hpp"
#include "benchmarks/measure.hpp"
#include "benchmarks/nats.hpp"
#include "benchmarks/own.hpp"
#include "benchmarks/raw_tcp.hpp"
#if defined(FASTQUEUE_BENCHMARK_REDIS)
#include "benchmarks/redis.hpp"
#endif
#if defined(FASTQUEUE_BENCHMARK_RABBITMQ)
#include "benchmarks/rabbitmq.hpp"
#endif

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// All that can be compared, in the order in which they take turns.
namespace bench {

/// What may be missing: a library at the build, a program now.
struct known_system {
    system_under_test system;
    std::function<bool()> is_there = [] { return true; };
};

[[nodiscard]] inline bool never() noexcept { return false; }
/// A server that needs no files.
[[nodiscard]] inline auto without_folder(void (*serve)(channel&)) {
    return [serve](channel& talk, std::filesystem::path const&) { serve(talk); };
}
/// A worker whose tasks wait for it, so that it need not be waited for.
template <class Work>
[[nodiscard]] auto at_once(Work work) {
    return [work](channel& talk, std::string const& addresses, std::size_t payload) {
        talk.say("ready");
        work(addresses, payload);
    };
}
template <class Policies>
[[nodiscard]] system_under_test own_system(std::string_view name) {
    return {name, without_folder(own::serve),
            at_once([](std::string const& addresses, std::size_t) { own::work<Policies>(addresses); }),
            submit<own::client>};
}

[[nodiscard]] inline std::vector<known_system> known_systems() {
    std::vector<known_system> all{
        {{"raw tcp", without_folder(raw_tcp::serve), at_once(raw_tcp::work), submit<raw_tcp::client>, 1}},
        {{"libzmq", without_folder(libzmq::serve), at_once(libzmq::work), submit<libzmq::client>}},
        {own_system<fastqueue::default_policies>("fastqueue")},
        {own_system<own::inline_policies>("fastqueue inline")}};
#if defined(FASTQUEUE_BENCHMARK_REDIS)
    all.push_back({{"redis", [](channel& talk, auto const&) { redis::serve(talk); }, redis::work,
                    submit<redis::client>},
                   redis::is_there});
#else
    all.push_back({{.name = "redis"}, never});
#endif
    all.push_back(
        {{"beanstalkd", without_folder(beanstalkd::serve), beanstalkd::work, submit<beanstalkd::client>},
         beanstalkd::is_there});
    all.push_back({{"gearmand", without_folder(gearmand::serve), gearmand::work, submit<gearmand::client>},
                   gearmand::is_there});
    all.push_back({{"nats", nats::serve, nats::work, submit<nats::client>}, nats::is_there});
#if defined(FASTQUEUE_BENCHMARK_RABBITMQ)
    all.push_back(
        {{"rabbitmq", rabbitmq::serve, rabbitmq::work, submit<rabbitmq::client>}, rabbitmq::is_there});
#else
    all.push_back({{.name = "rabbitmq"}, never});
#endif
    all.push_back({{.name = "celery",
                    .serve = celery::serve,
                    .work = celery::work,
                    .submit = celery::submit,
                    .most_in_flight = 100},
                   celery::is_there});
    return all;
}

}  // namespace bench
