#include <fastqueue/executor/job_ring.hpp>

#include "laws/executor_laws.hpp"
#include "support/catch.hpp"

#include <array>

using fastqueue::executor::detail::job_ring;

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
