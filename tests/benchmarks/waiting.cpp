// That what waits costs nothing: schedules, tasks that wait for an eta or a countdown, and a batch. A turn of the control plane costs
// what is due in it, not what waits. The shape is what counts; the numbers are this machine's.
#include "benchmarks/arguments.hpp"
#include "benchmarks/sweep.hpp"
#include "benchmarks/waiting_batch.hpp"
#include "benchmarks/waiting_schedules.hpp"
#include "benchmarks/waiting_tasks.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace bench;

struct named_sweep {
    std::string_view name;
    sweep (*run)(sweep_settings const&);
    std::vector<std::size_t> compared;  // columns of which the first and the last figure are
};
std::array<named_sweep, 5> const all_sweeps{{{"intervals", waiting::schedules::run_intervals, {2, 3}},
                                             {"crons", waiting::schedules::run_crons, {2, 3}},
                                             {"etas", waiting::tasks::run_etas, {2, 3}},
                                             {"countdowns", waiting::tasks::run_countdowns, {2, 3}},
                                             {"batch", waiting::batches::run, {0, 1}}}};

/// How a figure has grown from a sweep's first step to its last.
struct ratio {
    std::string of;
    std::string figure;
    sweep::growth grown;
    std::string expected;
};

void append_ratios(std::vector<ratio>& all, sweep const& found, std::vector<std::size_t> const& compared) {
    for (auto const i : compared) {
        auto const& c = found.columns()[i];
        if (auto const grown = found.growth_of(i); grown.times >= 0)
            all.push_back({found.name(), c.name, grown, c.growth});
    }
}
void print_table(std::vector<ratio> const& all) {
    std::puts("How many times as much it is at the last step as at the first");
    for (auto const& r : all)
        std::printf("%-11s %-22s %9llu / %-6llu %8.2f  %s\n", r.of.c_str(), r.figure.c_str(),
                    static_cast<unsigned long long>(r.grown.last),
                    static_cast<unsigned long long>(r.grown.first), r.grown.times, r.expected.c_str());
}
void print_json(std::vector<ratio> const& all) {
    std::printf(R"({"name": "ratios", "points": [)");
    char const* separator = "";
    for (auto const& r : all) {
        std::printf(
            "%s\n    {\"of\": \"%s\", \"figure\": \"%s\", \"last\": %llu, \"first\": %llu, "
            "\"times\": %.3f, \"growth\": \"%s\"}",
            separator, r.of.c_str(), r.figure.c_str(), static_cast<unsigned long long>(r.grown.last),
            static_cast<unsigned long long>(r.grown.first), r.grown.times, r.expected.c_str());
        separator = ",";
    }
    std::printf("]}");
}

/// One after the other, each shown as soon as it is there.
bool run_all(sweep_settings const& s) {
    char const* separator = "[\n ";
    std::vector<ratio> ratios;
    bool any = false;
    for (auto const& [name, run, compared] : all_sweeps) {
        if (!s.only.empty() && s.only != name) continue;
        auto const found = run(s);
        if (found.empty()) continue;
        any = true;
        if (s.json) std::fputs(std::exchange(separator, ",\n "), stdout);
        s.json ? found.print_json() : found.print_table();
        std::fflush(stdout);
        append_ratios(ratios, found, compared);
    }
    if (any && s.json) std::fputs(separator, stdout);
    if (any) s.json ? print_json(ratios) : print_table(ratios);
    if (any && s.json) std::puts("\n]");
    return any;
}

sweep_settings read_arguments(arguments given) {
    sweep_settings s;
    s.json = given.flag("--json");
    given.take("--only", s.only);
    given.take("--most", s.most, std::uint64_t{1}, ~std::uint64_t{0});
    // longer, and the clocks of those that are put on a day at a time reach their end
    given.take("--seconds", s.seconds, 0.001, 5.0);
    given.take("--repetitions", s.repetitions, 1, 1000);
    given.finish(
        "--only intervals|crons|etas|countdowns|batch, --most N, --seconds S, --repetitions N, --json");
    return s;
}

}  // namespace

int main(int count, char** words) {
    try {
        return run_all(read_arguments({count, words})) ? 0 : 2;
    } catch (std::exception const& e) {
        std::fprintf(stderr, "waiting: %s\n", e.what());
        return 1;
    }
}
