// Policies beside each other, and what they take when there is much to hold. Ratios within one run mean something.
#include <fastqueue/balancing/least_loaded.hpp>
#include <fastqueue/balancing/power_of_two.hpp>
#include <fastqueue/balancing/round_robin.hpp>
#include <fastqueue/balancing/sticky.hpp>
#include <fastqueue/balancing/weighted.hpp>
#include <fastqueue/core/dispatcher.hpp>
#include <fastqueue/core/result_cache.hpp>
#include <fastqueue/core/slab.hpp>
#include <fastqueue/core/task.hpp>
#include <fastqueue/core/worker_record.hpp>
#include <fastqueue/eviction/fifo.hpp>
#include <fastqueue/eviction/lfu.hpp>
#include <fastqueue/eviction/lru.hpp>
#include <fastqueue/eviction/none.hpp>
#include <fastqueue/eviction/s3fifo.hpp>
#include <fastqueue/model/hash.hpp>
#include <fastqueue/policy/balancing.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/serialization/portable_binary.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace {

namespace fq = fastqueue;
using namespace std::string_view_literals;

std::uint64_t scattered(std::uint64_t n) { return fq::mix(n, 0x9e3779b97f4a7c15U); }

// ---- eviction: a full cache, in which one result is looked up and another one comes, for which one must leave

template <class Eviction>
void cache_insert_and_find(benchmark::State& state) {
    auto const size = static_cast<std::uint32_t>(state.range(0));
    fq::core::result_cache<Eviction> cache{{size, std::uint64_t{4} << 30U, std::chrono::hours{1}}};
    fq::core::cached_result result;
    result.worker = fq::core::shared_text{"worker-1"};
    std::uint64_t n = 0;
    auto const insert = [&] {
        ++n;
        benchmark::DoNotOptimize(cache.insert(static_cast<std::uint32_t>(n), scattered(n), result, "8", {},
                                              [](std::uint32_t, std::uint64_t) {}));
    };
    for (std::uint32_t i = 0; i < size; ++i) insert();
    for (auto _ : state) {
        insert();
        benchmark::DoNotOptimize(cache.use(static_cast<std::uint32_t>(scattered(~n) % size), {}));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(cache_insert_and_find<fq::eviction::lru>)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(cache_insert_and_find<fq::eviction::lfu>)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(cache_insert_and_find<fq::eviction::fifo>)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(cache_insert_and_find<fq::eviction::none>)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(cache_insert_and_find<fq::eviction::s3fifo>)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

// ---- balancing: pick a worker, its load grows; some other one's falls

template <class Balancing>
void balance(benchmark::State& state) {
    auto const workers = static_cast<std::uint32_t>(state.range(0));
    Balancing policy{7};
    std::vector<fq::policy::load> loads(workers);
    for (std::uint32_t w = 0; w < workers; ++w) policy.joined(w, 1, 0);
    std::uint64_t n = 0;
    for (auto _ : state) {
        auto const picked = policy.pick(0);
        policy.load_changed(picked, loads[picked] += 1024);
        auto const done = static_cast<std::uint32_t>(scattered(++n) % workers);
        if (loads[done] > 0) policy.load_changed(done, loads[done] -= 1024);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(balance<fq::balancing::least_loaded>)->RangeMultiplier(10)->Range(1, 1000);
BENCHMARK(balance<fq::balancing::power_of_two>)->RangeMultiplier(10)->Range(1, 1000);
BENCHMARK(balance<fq::balancing::round_robin>)->RangeMultiplier(10)->Range(1, 1000);
BENCHMARK(balance<fq::balancing::weighted>)->RangeMultiplier(10)->Range(1, 1000);
BENCHMARK(balance<fq::balancing::sticky>)->RangeMultiplier(10)->Range(1, 1000);

// ---- serialization: two numbers, a text, and numbers by the hundred

template <class Serialization, class... Ts>
void round_trip(benchmark::State& state, std::array<std::string_view, sizeof...(Ts)> const& names,
                Ts const&... values) {
    std::string text;
    for (auto _ : state) {
        text.clear();
        Serialization::encode_arguments(text, values...);
        std::tuple<Ts...> read;
        Serialization::decode_arguments(text, names, read);
        benchmark::DoNotOptimize(read);
    }
    state.SetItemsProcessed(state.iterations());
    state.counters["octets"] = static_cast<double>(text.size());
}
template <class Serialization>
void two_numbers(benchmark::State& state) {
    round_trip<Serialization>(state, std::array{"x"sv, "y"sv}, 5, 3);
}
template <class Serialization>
void a_text(benchmark::State& state) {
    round_trip<Serialization>(state, std::array{"text"sv}, std::string(200, 'x'));
}
template <class Serialization>
void many_numbers(benchmark::State& state) {
    std::vector<double> values(100);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(scattered(i)) / 1e9;
    round_trip<Serialization>(state, std::array{"values"sv}, values);
}
BENCHMARK(two_numbers<fq::serialization::json>);
BENCHMARK(two_numbers<fq::serialization::portable_binary>);
BENCHMARK(a_text<fq::serialization::json>);
BENCHMARK(a_text<fq::serialization::portable_binary>);
BENCHMARK(many_numbers<fq::serialization::json>);
BENCHMARK(many_numbers<fq::serialization::portable_binary>);

// ---- lanes: so many tasks wait; the oldest leaves and another one comes

void lanes(benchmark::State& state) {
    auto const waiting = static_cast<std::uint32_t>(state.range(0));
    fq::core::slab<fq::core::task> tasks;
    fq::core::slab<fq::core::worker_record, 16> workers;
    fq::core::dispatcher<fq::balancing::least_loaded> dispatcher{tasks, workers, 1};
    auto const name = dispatcher.names().intern("add");
    std::vector<std::uint32_t> slots;
    std::uint64_t sequence = 0;
    auto const enqueue = [&](std::uint32_t slot) {
        tasks[slot].name = name;
        tasks[slot].level = static_cast<fq::priority>(slot % fq::priority_count);
        tasks[slot].sequence = ++sequence;
        dispatcher.enqueue(slot);
    };
    for (std::uint32_t i = 0; i < waiting; ++i) {
        slots.push_back(tasks.take());
        enqueue(slots.back());
    }
    std::size_t oldest = 0;
    for (auto _ : state) {
        dispatcher.dequeue(slots[oldest]);
        enqueue(slots[oldest]);
        if (++oldest == slots.size()) oldest = 0;
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(lanes)->Arg(1)->Arg(1'000)->Arg(1'000'000);

}  // namespace
