#include <fastqueue/executor/inline_.hpp>
#include <fastqueue/executor/threads.hpp>

#include "laws/executor_laws.hpp"
#include "support/catch.hpp"
#include "support/counting_new.hpp"
#include "support/wakeups.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace {

/// Allocations of a thousand rounds of 64 jobs, every fourth of them retracted.
template <class Executor>
std::uint64_t allocations_of_use() {
    support::wakeups woken;
    std::array<laws::counted_job, 64> jobs;
    Executor executor{{2, 64}, [&] { woken.signal(); }};
    auto const before = support::allocations.load();
    for (int round = 0; round < 1000; ++round) {
        std::size_t out = jobs.size();
        for (auto& j : jobs) {
            j.state = fastqueue::policy::job_state::idle;
            executor.submit(j);
        }
        executor.kick();
        for (std::size_t i = 0; i < jobs.size(); i += 4) out -= executor.retract(jobs[i]) ? 1U : 0U;
        while (out > 0) {
            if (!woken.wait()) return ~std::uint64_t{0};
            for (auto* j = executor.finished(); j != nullptr; j = j->next) --out;
        }
    }
    return support::allocations - before;
}

}  // namespace

TEST_CASE("executor: no job costs an allocation", "[executor]") {
    CHECK(allocations_of_use<fastqueue::executor::threads>() == 0);
    CHECK(allocations_of_use<fastqueue::executor::inline_>() == 0);
}
