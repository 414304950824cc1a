#include <fastqueue/testing/simulated_executor.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace fastqueue;
using namespace std::chrono_literals;
using policy::job_state;

struct counted_job : policy::job {
    explicit counted_job(std::vector<counted_job*>& order_of_runs, std::uint8_t at_level = 0)
        : order{order_of_runs} {
        level = at_level;
        run = [](policy::job& j) noexcept {
            auto& self = static_cast<counted_job&>(j);
            self.was_running = self.state == job_state::running;
            self.order.push_back(&self);
        };
    }
    std::vector<counted_job*>& order;
    bool was_running = false;
};

struct workshop {
    testing::simulated_network network{1};
    testing::node_id node = network.add_node("worker");
    int wakes = 0;
    testing::simulated_executor executor{network, node, {.concurrency = 2}, [this] { ++wakes; }};
    std::vector<counted_job*> order;
};

}  // namespace

TEST_CASE("simulated_executor: a job runs for its time, and its function is called at the end", "[testing]") {
    workshop w;
    w.executor.set_duration(5ms, 5ms);
    counted_job job{w.order};
    w.executor.submit(job);
    CHECK(job.state == job_state::queued);
    w.executor.kick();
    CHECK(job.state == job_state::running);
    w.network.run_for(4999us);
    CHECK(w.order.empty());
    CHECK(w.wakes == 0);
    w.network.run_for(1us);
    CHECK(w.order.size() == 1);
    CHECK(job.was_running);
    CHECK(job.state == job_state::finished);
    CHECK(w.wakes == 1);
    CHECK(w.executor.finished() == &job);
    CHECK(w.executor.finished() == nullptr);
}

TEST_CASE("simulated_executor: levels go first, no more than its concurrency runs, all come back in order",
          "[testing]") {
    workshop w;
    counted_job low{w.order, 3};
    counted_job first{w.order, 1};
    counted_job second{w.order, 1};
    counted_job urgent{w.order, 0};
    for (auto* j : {&low, &first, &second, &urgent}) w.executor.submit(*j);
    w.executor.kick();
    CHECK(urgent.state == job_state::running);
    CHECK(first.state == job_state::running);
    CHECK(second.state == job_state::queued);
    w.network.run_for(1s);
    CHECK(w.order == std::vector<counted_job*>{&urgent, &first, &second, &low});
    std::vector<policy::job*> back;
    for (auto* j = w.executor.finished(); j != nullptr; j = j->next) back.push_back(j);
    CHECK(back == std::vector<policy::job*>{&urgent, &first, &second, &low});
    CHECK(w.wakes == 1);
}

TEST_CASE("simulated_executor: what has not begun can be retracted, what has cannot", "[testing]") {
    workshop w;
    counted_job a{w.order}, b{w.order}, c{w.order};
    for (auto* j : {&a, &b, &c}) w.executor.submit(*j);
    w.executor.kick();
    CHECK_FALSE(w.executor.retract(a));
    CHECK(w.executor.retract(c));
    CHECK(c.state == job_state::retracted);
    w.network.run_for(1s);
    CHECK(w.order == std::vector<counted_job*>{&a, &b});
}

TEST_CASE("simulated_executor: a crash of the node ends jobs unfinished, and stop waits for none of them",
          "[testing]") {
    workshop w;
    counted_job a{w.order}, b{w.order}, c{w.order};
    w.executor.submit(a);
    w.executor.kick();
    w.network.crash(w.node);
    w.network.run_for(1s);
    CHECK(w.order.empty());

    workshop v;
    for (auto* j : {&b, &c}) j->state = job_state::idle;
    counted_job d{v.order}, e{v.order}, f{v.order};
    for (auto* j : {&d, &e, &f}) v.executor.submit(*j);
    v.executor.kick();
    v.executor.stop();
    CHECK(v.order == std::vector<counted_job*>{&d, &e});
    CHECK(f.state == job_state::queued);
    v.network.run_for(1s);
    CHECK(v.order.size() == 2);
}
