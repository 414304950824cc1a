#include <fastqueue/executor/job_ring.hpp>

#include "laws/executor_laws.hpp"
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>

using fastqueue::executor::detail::job_ring;

namespace {

// Threads that are left to the system share one processor on a busy machine, and then hardly ever meet. Where
// there is only one anyhow, nothing happens.
void move_to_processor(pthread_t thread, int number) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(number), &set);
    pthread_setaffinity_np(thread, sizeof set, &set);
}

}  // namespace

TEST_CASE("job_ring: gives back in order, over many laps", "[executor]") {
    job_ring ring{3};
    std::array<laws::counted_job, 3> jobs;
    CHECK(ring.claim() == nullptr);
    for (int lap = 0; lap < 100; ++lap) {
        for (auto& j : jobs) CHECK(ring.put(j) == 1);
        for (auto& j : jobs) CHECK(ring.claim() == &j);
        CHECK(ring.claim() == nullptr);
        CHECK(ring.empty());
    }
}

TEST_CASE("job_ring: a job can be taken back once, and not after it was claimed", "[executor]") {
    job_ring ring{2};
    laws::counted_job a;
    laws::counted_job b;
    ring.put(a);
    ring.put(b);
    CHECK(ring.retract(a));
    CHECK_FALSE(ring.retract(a));
    CHECK_FALSE(ring.empty());  // a hole
    CHECK(ring.claim() == &b);
    CHECK_FALSE(ring.retract(b));
    CHECK(ring.empty());
}

TEST_CASE("job_ring: tidies holes up when they fill it, keeps the order and tells what has moved",
          "[executor]") {
    job_ring ring{4};  // room for 8 entries
    std::array<laws::counted_job, 4> jobs;
    laws::counted_job passing;
    for (std::size_t i = 0; i < 3; ++i) ring.put(jobs[i]);
    for (int i = 0; i < 5; ++i) {
        CHECK(ring.put(passing) == 1);
        CHECK(ring.retract(passing));
    }
    CHECK(ring.put(jobs[3]) == 4);
    CHECK(ring.retract(jobs[1]));  // where it now is
    CHECK(ring.claim() == &jobs[0]);
    CHECK(ring.claim() == &jobs[2]);
    CHECK(ring.claim() == &jobs[3]);
    CHECK(ring.claim() == nullptr);
}

TEST_CASE("job_ring: a job that is claimed and taken back at the same moment goes to one of them only",
          "[executor]") {
    // The owner takes each job back as soon as it is in, while others do nothing but claim; the sums tell.
    // On a busy machine they meet only now and then, hence a number of meetings and not of rounds, and an end.
    constexpr std::uint64_t enough = 20'000;
    auto const give_up = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    job_ring ring{2};
    std::array<laws::counted_job, 2> jobs;
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> claimed{0};
    std::vector<std::thread> claimers;
    for (int i = 0; i < 2; ++i) {
        claimers.emplace_back([&] {
            while (!done) {
                if (ring.claim() != nullptr) ++claimed;
            }
        });
    }
    cpu_set_t before;
    pthread_getaffinity_np(pthread_self(), sizeof before, &before);
    move_to_processor(pthread_self(), 0);
    for (auto& thread : claimers) move_to_processor(thread.native_handle(), 1);
    std::uint64_t retracted = 0;
    std::uint64_t rounds = 0;
    while ((claimed < enough || retracted < enough) && std::chrono::steady_clock::now() < give_up) {
        auto& j = jobs[++rounds % 2];
        ring.put(j);
        for (auto spin = rounds % 1024; spin > 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
        if (ring.retract(j)) ++retracted;
    }
    while (!ring.empty()) std::this_thread::yield();
    done = true;
    for (auto& thread : claimers) thread.join();
    pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    CHECK(claimed + retracted == rounds);
    CHECK(retracted > 0);
}
