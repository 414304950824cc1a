#include <fastqueue/executor/finished_list.hpp>

#include "laws/executor_laws.hpp"
#include "support/catch.hpp"

#include <array>

using fastqueue::executor::detail::finished_list;

TEST_CASE("finished_list: tells when it was empty, and gives all, oldest first", "[executor]") {
    finished_list list;
    std::array<laws::counted_job, 3> jobs;
    CHECK(list.take_all() == nullptr);
    CHECK(list.add(jobs[0]));
    CHECK_FALSE(list.add(jobs[1]));
    CHECK_FALSE(list.add(jobs[2]));
    auto* at = list.take_all();
    for (auto& j : jobs) {
        REQUIRE(at == &j);
        CHECK(j.state == fastqueue::policy::job_state::finished);
        at = at->next;
    }
    CHECK(at == nullptr);
    CHECK(list.take_all() == nullptr);
    CHECK(list.add(jobs[0]));
}
