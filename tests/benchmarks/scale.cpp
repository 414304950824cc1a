// How the cost of a task grows: with the tasks that wait, the subworkers, the connected clients and the size of what is
// carried. The shape is what counts; the numbers are this machine's. tests/benchmarks/plot.py draws what `--json` prints.
#include "benchmarks/numbers.hpp"
#include "benchmarks/scale_clients.hpp"
#include "benchmarks/scale_payload.hpp"
#include "benchmarks/scale_queue.hpp"
#include "benchmarks/scale_subworkers.hpp"
#include "benchmarks/sweep.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace bench;

struct named_sweep {
    std::string_view name;
    sweep (*run)(sweep_settings const&);
};
constexpr std::array all_sweeps{
    named_sweep{"queue", queue_sweep::run}, named_sweep{"subworkers", subworkers_sweep::run},
    named_sweep{"clients", clients_sweep::run}, named_sweep{"payload", payload_sweep::run}};

sweep_settings read_arguments(std::vector<std::string_view> const& given) {
    sweep_settings s;
    for (std::size_t i = 0; i < given.size(); ++i) {
        auto const option = given[i];
        if (option == "--json") {
            s.json = true;
            continue;
        }
        if (i + 1 == given.size())
            throw std::runtime_error{
                "--only queue|subworkers|clients|payload, --most N, --seconds S, --repetitions N, --json"};
        auto const value = given[++i];
        if (option == "--only")
            s.only = value;
        else if (option == "--most")
            s.most = number<std::uint64_t>(option, value, 1, ~std::uint64_t{0});
        else if (option == "--seconds")
            s.seconds = number(option, value, 0.001, 60.0);
        else if (option == "--repetitions")
            s.repetitions = number(option, value, 1, 1000);
        else
            throw std::runtime_error{"unknown option " + std::string{option}};
    }
    return s;
}

/// One after the other, each shown as soon as it is there.
bool run_all(sweep_settings const& s) {
    char const* separator = "[\n ";
    bool any = false;
    for (auto const& [name, run] : all_sweeps) {
        if (!s.only.empty() && s.only != name) continue;
        auto const found = run(s);
        if (found.empty()) continue;
        any = true;
        if (s.json) std::fputs(separator, stdout);
        s.json ? found.print_json() : found.print_table();
        std::fflush(stdout);
        separator = ",\n ";
    }
    if (s.json && any) std::puts("\n]");
    return any;
}

}  // namespace

int main(int count, char** words) {
    try {
        auto const given = read_arguments({words + 1, words + count});
        return run_all(given) ? 0 : 2;
    } catch (std::exception const& e) {
        std::fprintf(stderr, "scale: %s\n", e.what());
        return 1;
    }
}
