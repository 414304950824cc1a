// What the parts cost, one by one, without a network. Ratios between two builds on one quiet machine mean something;
// the numbers alone mean little.
#include "benchmarks/load.hpp"
#include "benchmarks/quiet_plane.hpp"

#include <fastqueue/core/dispatcher.hpp>
#include <fastqueue/core/id_ledger.hpp>
#include <fastqueue/core/result_cache.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/pair_cursor.hpp>
#include <fastqueue/wire/pair_writer.hpp>
#include <fastqueue/wire/run_message.hpp>
#include <fastqueue/zmtp/connection.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace {

namespace fq = fastqueue;
using namespace std::string_view_literals;

constexpr std::string_view call_line = "FQ1 call 01890000-0000-7000-8000-000000000001 add ref=4194305"sv;
using bench::id_of;

void count_items(benchmark::State& state, std::int64_t a_turn = 1) {
    state.SetItemsProcessed(state.iterations() * a_turn);
}

// ---- ZMTP

struct counting_sink {
    std::uint64_t messages = 0;
    void ready() noexcept {}
    void message(std::span<std::string_view const>) noexcept { ++messages; }
};

/// Two connections whose octets are carried from one to the other.
struct zmtp_pair {
    fq::zmtp::connection a{{fq::zmtp::socket_type::dealer, false, {}, {}}, {}};
    fq::zmtp::connection b{{fq::zmtp::socket_type::router, true, {}, {}}, {}};
    counting_sink sink;

    zmtp_pair() {
        for (int i = 0; i < 4; ++i) {
            carry(a, b);
            carry(b, a);
        }
        if (!a.ready() || !b.ready()) throw std::runtime_error{"no handshake"};
    }
    void carry(fq::zmtp::connection& from, fq::zmtp::connection& to) {
        while (!from.pending().empty()) {
            auto const octets = from.pending();
            if (to.receive(octets, {}, sink)) throw std::runtime_error{"refused"};
            from.consumed(octets.size(), {});
        }
    }
};

/// Messages of one frame, a turn's worth at a time, sent and received.
void zmtp_send_and_receive(benchmark::State& state) {
    zmtp_pair both;
    std::string const body(static_cast<std::size_t>(state.range(0)), 'x');
    std::string_view const frames[] = {body};
    for (auto _ : state) {
        for (int i = 0; i < 64; ++i) {
            if (both.a.send(frames)) throw std::runtime_error{"not sent"};
        }
        both.carry(both.a, both.b);
    }
    benchmark::DoNotOptimize(both.sink.messages);
    count_items(state, 64);
}
BENCHMARK(zmtp_send_and_receive)->Arg(16)->Arg(200)->Arg(4096)->Arg(65536);

// ---- FQ1

void fq1_header_parse(benchmark::State& state) {
    fq::wire::header header;
    for (auto _ : state) {
        auto const bad = header.parse(call_line, 8192);
        benchmark::DoNotOptimize(bad.has_value());
        benchmark::DoNotOptimize(header.get("ref"));
    }
    count_items(state);
}
BENCHMARK(fq1_header_parse);

void fq1_header_write(benchmark::State& state) {
    auto const id = id_of(1);
    fq::wire::octet_buffer line;
    for (auto _ : state) {
        line.clear();
        fq::wire::header_writer{line, "result"}.token(id).token("success").field("ref",
                                                                                 std::uint64_t{4194305});
        benchmark::DoNotOptimize(line.data());
    }
    count_items(state);
}
BENCHMARK(fq1_header_write);

void uuid_parse(benchmark::State& state) {
    auto const text = id_of(1).text();
    for (auto _ : state) benchmark::DoNotOptimize(fq::uuid::parse(text));
    count_items(state);
}
BENCHMARK(uuid_parse);

void uuid_make(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(fq::uuid::make_v7({}));
    count_items(state);
}
BENCHMARK(uuid_make);

void write_runs(fq::wire::pair_writer& pairs, std::int64_t count) {
    pairs.clear();
    for (std::int64_t i = 0; i < count; ++i) {
        auto header = pairs.begin("run");
        fq::wire::run_message run;
        run.lease = {id_of(static_cast<std::uint64_t>(i)), 1};
        run.name = "add";
        run.write(header, false);
        pairs.finish(bench::add_arguments);
    }
}
/// A message of so many runs, packed.
void pairs_write(benchmark::State& state) {
    fq::wire::pair_writer pairs;
    std::vector<std::string_view> frames;
    for (auto _ : state) {
        write_runs(pairs, state.range(0));
        pairs.frames(fq::wire::form::packed, {}, frames);
        benchmark::DoNotOptimize(frames.data());
    }
    count_items(state, state.range(0));
}
BENCHMARK(pairs_write)->Arg(1)->Arg(100);

/// The same, read: each header taken apart and its lease read.
void pairs_read(benchmark::State& state) {
    fq::wire::pair_writer pairs;
    std::vector<std::string_view> frames;
    write_runs(pairs, state.range(0));
    pairs.frames(fq::wire::form::packed, {}, frames);
    for (auto _ : state) {
        fq::wire::pair_cursor cursor{frames};
        fq::wire::pair pair;
        while (cursor.next(pair)) {
            fq::wire::header header;
            fq::wire::run_message run;
            if (header.parse(pair.header, 8192) || run.read(header)) throw std::runtime_error{"not read"};
            benchmark::DoNotOptimize(run.lease);
        }
    }
    count_items(state, state.range(0));
}
BENCHMARK(pairs_read)->Arg(1)->Arg(100);

// ---- lanes and dispatcher

/// A task comes, finds the best of so many workers, and its end makes room there.
void dispatch(benchmark::State& state) {
    fq::core::slab<fq::core::task> tasks;
    fq::core::slab<fq::core::worker_record, 16> workers;
    fq::core::dispatcher<fq::balancing::least_loaded> dispatcher{tasks, workers, 1};
    auto const name = dispatcher.names().intern("add");
    dispatcher.names()[name].cost_us = 1;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        auto const w = workers.take();
        workers[w].concurrency = 1;
        workers[w].window = 256;
        dispatcher.set_capability(w, {name});
        dispatcher.set_serving(w, true);
    }
    std::uint64_t sequence = 0;
    for (auto _ : state) {
        auto const slot = tasks.take();
        tasks[slot].name = name;
        tasks[slot].sequence = ++sequence;
        dispatcher.enqueue(slot);
        auto const choice = dispatcher.next();
        if (!choice) throw std::runtime_error{"no place"};
        ++workers[choice->worker].outstanding;
        dispatcher.room_changed(choice->worker);
        --workers[choice->worker].outstanding;
        dispatcher.room_changed(choice->worker);
        tasks.give(choice->task);
    }
    count_items(state);
}
BENCHMARK(dispatch)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

// ---- what is remembered

/// A full cache: each result makes another leave.
void result_cache_insert(benchmark::State& state) {
    fq::core::result_cache<fq::eviction::lru> cache{
        {static_cast<std::uint32_t>(state.range(0)), 256U << 20U, std::chrono::hours{1}}};
    fq::core::cached_result result;
    result.worker = fq::core::shared_text{"worker-1"};
    std::uint64_t n = 0;
    for (auto _ : state) {
        ++n;
        benchmark::DoNotOptimize(cache.insert(static_cast<std::uint32_t>(n), n, result, "8", {},
                                              [](std::uint32_t, std::uint64_t) {}));
    }
    count_items(state);
}
BENCHMARK(result_cache_insert)->Arg(100)->Arg(10'000);

/// What a task asks of the ledger: is the id new, insert it, find it again at its end, end it; the oldest is forgotten.
void id_ledger_life(benchmark::State& state) {
    fq::core::id_ledger ledger{static_cast<std::uint32_t>(state.range(0)), 7};
    std::uint64_t n = 0;
    auto const live = [&] {
        auto const id = id_of(++n);
        benchmark::DoNotOptimize(ledger.find(id));
        ledger.insert(id, n, 0);
        benchmark::DoNotOptimize(ledger.end(ledger.find(id), fq::task_state::success, 0));
    };
    for (std::int64_t i = 0; i < state.range(0); ++i) live();
    for (auto _ : state) live();
    count_items(state);
}
BENCHMARK(id_ledger_life)->Arg(1'000)->Arg(1'000'000);

// ---- JSON

void json_arguments_encode(benchmark::State& state) {
    std::string out;
    for (auto _ : state) {
        out.clear();
        fq::serialization::json::encode_arguments(out, 5, 3);
        benchmark::DoNotOptimize(out.data());
    }
    count_items(state);
}
BENCHMARK(json_arguments_encode);

void json_arguments_decode(benchmark::State& state) {
    static constexpr std::array names{"x"sv, "y"sv};
    for (auto _ : state) {
        std::tuple<int, int> values;
        fq::serialization::json::decode_arguments("[5,3]", names, values);
        benchmark::DoNotOptimize(values);
    }
    count_items(state);
}
BENCHMARK(json_arguments_decode);

// ---- the whole control plane, without input and output

/// Call, run, done, result.
void plane_calls(benchmark::State& state) {
    bench::quiet_plane plane;
    for (auto _ : state) plane.go_round(state.range(0));
    count_items(state, state.range(0));
}
BENCHMARK(plane_calls)->Arg(1)->Arg(100)->Arg(1000);

/// The same beside so many results that are kept: each makes another leave.
void plane_calls_beside_results(benchmark::State& state) {
    constexpr std::int64_t calls = 100;
    bench::quiet_plane::setup with;
    with.options.result_cache_size = static_cast<std::uint32_t>(state.range(0));
    bench::quiet_plane plane{with};
    for (std::int64_t kept = 0; kept < state.range(0); kept += calls) plane.go_round(calls);
    for (auto _ : state) plane.go_round(calls);
    count_items(state, calls);
}
BENCHMARK(plane_calls_beside_results)->Arg(1'000)->Arg(1'000'000);

}  // namespace
