#include "simulation/world.hpp"

#include <algorithm>
#include <string>

namespace fastqueue::test {

using namespace std::chrono_literals;

namespace {

// Gives number * 1000 + attempt: so the judge sees whose result was believed.
inline constexpr task<std::uint64_t(std::uint64_t)> stamp{"stamp", "number"};

}  // namespace

world::world(std::uint64_t seed) : seed_{seed}, network_{seed} {
    draw_climate();
    start_plane();
    for (std::size_t i = 0; i < climate_.workers; ++i) {
        workers_.push_back({"w" + std::to_string(i), nullptr, nullptr});
        start_worker(i);
    }
    start_clients();
}

world::~world() {
    for (auto* list : {&workers_, &dead_workers_}) {
        for (auto& w : *list) *w.alive = false;
    }
}

void world::draw_climate() {
    auto& r = network_.random();
    auto& c = climate_;
    c.workers = static_cast<std::uint32_t>(r.between(1, 4));
    c.concurrency = static_cast<std::uint32_t>(r.between(1, 3));
    c.clients = static_cast<std::uint32_t>(r.between(1, 3));
    c.tasks = static_cast<std::uint32_t>(r.between(20, 300));
    c.fail_per_mille = r.happens(300) ? 150 : 0;
    c.countdown_per_mille = r.happens(300) ? 200 : 0;
    c.cancel_per_mille = r.happens(300) ? 100 : 0;
    c.submit_per_mille = r.happens(500) ? 400 : 0;
    std::chrono::microseconds const scales[] = {1us, 100us, 3000us, 40'000us};
    c.run_least = scales[r.between(0, 3)];
    c.run_most = std::max(c.run_least, scales[r.between(0, 3)]);
    c.long_per_mille = r.happens(500) ? 100 : 0;
    c.asking = r.happens(500) ? 4000ms : 100ms;
    c.storm = c.asking + 1000ms;
    c.faults = static_cast<std::uint32_t>(r.between(0, 16));
    c.cuts = r.happens(600);
    c.crashes = r.happens(600);
    c.partitions = r.happens(400);
    c.pauses = r.happens(300);
    c.clock_jumps = r.happens(200);
    c.restarts = r.happens(200);
    testing::link_options link;
    link.least_delay = 50us;
    link.most_delay = r.happens(200) ? 100ms : 500us;
    network_.set_all_links(link);
}

registry world::tasks_of(std::shared_ptr<bool> alive, std::string name) {
    registry tasks;
    tasks.define(
        stamp,
        [this, alive = std::move(alive), name = std::move(name)](context& ctx,
                                                                 std::uint64_t number) -> std::uint64_t {
            if (!*alive) return 0;  // its process is gone: this is only the object's clean-up
            ++executions_total_;
            executions_[number].push_back({name, ctx.attempt()});
            if (number >= tasks_.size() || tasks_[number].id != ctx.id())
                complain("task " + std::to_string(number) + " was run under an id that nobody gave it");
            if (fails(number)) throw permanent_failure{"as it must"};
            return number * 1000 + ctx.attempt();
        });
    return tasks;
}

void world::start_plane() {
    control_plane_options o;
    o.base = {"plane", 5555};
    o.discovery = {"plane", 5550};
    o.heartbeat = 500ms;
    o.worker_timeout = 3s;
    o.worker_grace = 500ms;
    o.local = false;
    o.max_deaths = 1000;  // a storm kills more often than a week in production
    o.worker_allow = {"w0", "w1", "w2", "w3"};
    o.unknown_tasks = core::unknown_tasks::wait;
    o.seed = seed_ + plane_lives_ + 1;
    policy_instances<simulated_policies> parts;
    parts.transport = std::make_unique<transport::simulated>(network_, "plane");
    parts.store = std::make_unique<store::memory>(uuid::make_v7({}, seed_, ++plane_lives_));
    plane_ = std::make_unique<basic_control_plane<simulated_policies>>(o, registry{}, std::move(parts));
    plane_->start();
}

void world::start_worker(std::size_t index) {
    auto& w = workers_[index];
    w.alive = std::make_shared<bool>(true);
    subworker_options o;
    o.worker_id = w.name;
    o.control_plane = {"plane", 5555};
    o.discovery = endpoint{"plane", 5550};
    o.base = endpoint{w.name, 5561};
    o.concurrency = climate_.concurrency;
    o.seed = seed_ * 1000 + ++worker_lives_;
    policy_instances<simulated_policies> parts;
    parts.transport = std::make_unique<transport::simulated>(network_, w.name);
    auto const node = parts.transport->node();
    parts.executor = [this, node](policy::executor_options options, std::function<void()> wake) {
        auto made = std::make_unique<testing::simulated_executor>(network_, node, options, std::move(wake));
        made->set_duration([this](policy::job const&) -> std::chrono::nanoseconds {
            auto& r = network_.random();
            if (r.happens(climate_.long_per_mille)) return 50ms;
            return std::chrono::microseconds{
                r.between(static_cast<std::uint64_t>(climate_.run_least.count()),
                          static_cast<std::uint64_t>(climate_.run_most.count()))};
        });
        return made;
    };
    w.role =
        std::make_unique<basic_subworker<simulated_policies>>(o, tasks_of(w.alive, w.name), std::move(parts));
    w.role->start();
}

void world::start_clients() {
    for (std::size_t i = 0; i < climate_.clients; ++i) {
        core::client_options o;
        o.discovery = {"plane", 5550};
        o.retries = 1000;
        o.seed = seed_ + i;
        clients_.push_back(std::make_unique<shell::client_driver<simulated_policies>>(
            o, std::make_unique<transport::simulated>(network_, "c" + std::to_string(i))));
    }
    tasks_.resize(climate_.tasks);
    auto& r = network_.random();
    for (std::uint64_t n = 0; n < climate_.tasks; ++n) {
        tasks_[n].number = n;
        tasks_[n].id = uuid::make_v7({}, r.next(), r.next());
        network_.schedule(std::chrono::microseconds{r.between(
                              0, static_cast<std::uint64_t>(climate_.asking.count()) * 1000)},
                          [this, n] { ask_one(n); });
    }
}

void world::post(std::size_t client, core::client_request request,
                 std::function<void(shell::kept_answer)> then) {
    request.timeout = 1h;  // the judge decides what is too long
    clients_[client]->post(std::move(request), operations_.emplace_back(std::move(then)));
}

void world::ask_one(std::uint64_t number) {
    auto& r = network_.random();
    auto& t = tasks_[number];
    auto const client = static_cast<std::size_t>(r.between(0, climate_.clients - 1));
    core::client_request request;
    bool const submit = r.happens(climate_.submit_per_mille);
    request.verb = submit ? "submit" : "call";
    request.tokens =
        " " + t.id.text() + " stamp meta=1 priority=" + std::string{priority_names[r.between(0, 3)]};
    if (r.happens(climate_.countdown_per_mille))
        request.tokens += " countdown_ms=" + std::to_string(r.between(1, 2000));
    request.payload = "[" + std::to_string(number) + "]";
    if (r.happens(climate_.cancel_per_mille)) {
        t.cancel_wanted = true;
        network_.schedule(std::chrono::microseconds{r.between(0, 1'000'000)}, [this, client, number] {
            core::client_request cancel;
            cancel.verb = "cancel";
            cancel.tokens = " " + tasks_[number].id.text();
            post(client, std::move(cancel), [](shell::kept_answer) {});
        });
    }
    post(client, std::move(request), [this, client, number, submit](shell::kept_answer answer) {
        if (!submit) return tasks_[number].ends.push_back(std::move(answer));
        if (answer.error)
            return complain("submit of task " + std::to_string(number) + " was refused: " + answer.payload);
        tasks_[number].submitted = true;
        network_.schedule(0ns, [this, client, number] { ask_end(client, number); });
    });
}

void world::ask_end(std::size_t client, std::uint64_t number) {
    core::client_request wait;
    wait.verb = "wait";
    wait.tokens = " " + tasks_[number].id.text() + " timeout_ms=60000";
    post(client, std::move(wait), [this, client, number](shell::kept_answer answer) {
        if (!answer.error && !is_final(answer.state))
            return network_.schedule(0ns, [this, client, number] { ask_end(client, number); });
        tasks_[number].ends.push_back(std::move(answer));
    });
}

void world::crash_worker(std::size_t index) {
    auto& w = workers_[index];
    *w.alive = false;
    network_.crash(network_.find_node(w.name));
    dead_workers_.push_back({w.name, std::move(w.role), w.alive});
    network_.schedule(std::chrono::milliseconds{network_.random().between(1, 3000)},
                      [this, index] { start_worker(index); });
}

void world::restart_plane() {
    network_.crash(network_.find_node("plane"));
    dead_planes_.push_back(std::move(plane_));
    start_plane();
}

void world::one_fault() {
    auto& r = network_.random();
    auto const w = static_cast<std::size_t>(r.between(0, climate_.workers - 1));
    bool const there = workers_[w].role != nullptr;
    auto const other =
        r.happens(300) ? "c" + std::to_string(r.between(0, climate_.clients - 1)) : workers_[w].name;
    switch (r.between(0, 5)) {
        case 0:
            if (climate_.cuts) network_.cut("plane", other);
            break;
        case 1:
            if (climate_.crashes && there && std::ranges::find(paused_, w) == paused_.end()) crash_worker(w);
            break;
        case 2:
            if (!climate_.partitions) break;
            r.happens(500) ? network_.partition("plane", other)
                           : network_.partition_one_way(r.happens(500) ? "plane" : other,
                                                        r.happens(500) ? "plane" : other);
            network_.schedule(std::chrono::milliseconds{r.between(10, 6000)},
                              [this] { network_.heal_all(); });
            break;
        case 3:
            if (!climate_.pauses || !there || std::ranges::find(paused_, w) != paused_.end()) break;
            paused_.push_back(w);
            network_.pause(network_.find_node(workers_[w].name));
            network_.schedule(std::chrono::milliseconds{r.between(10, 6000)}, [this, w] {
                std::erase(paused_, w);
                network_.resume(network_.find_node(workers_[w].name));
            });
            break;
        case 4:
            if (climate_.clock_jumps)
                network_.jump_wall_clock(
                    std::chrono::seconds{static_cast<std::int64_t>(r.between(0, 7200)) - 3600});
            break;
        default:
            if (climate_.restarts && climate_.submit_per_mille == 0) restart_plane();
            break;
    }
}

bool world::at_rest() const {
    return std::ranges::all_of(tasks_, [](asked_task const& t) { return !t.ends.empty(); });
}

std::string world::run() {
    for (std::uint32_t i = 0; i < climate_.faults; ++i) {
        network_.schedule(std::chrono::microseconds{network_.random().between(
                              0, static_cast<std::uint64_t>(climate_.storm.count()) * 1000)},
                          [this] { one_fault(); });
    }
    network_.run_for(climate_.storm + 6500ms);
    network_.heal_all();
    bool const rested = network_.run_until([this] { return !complaint_.empty() || at_rest(); }, 120s);
    if (complaint_.empty() && !rested) {
        auto const open = std::ranges::find_if(tasks_, [](asked_task const& t) { return t.ends.empty(); });
        complain("task " + std::to_string(open->number) + " (" + open->id.text() +
                 ") never ended, two minutes after all faults were mended");
    }
    // Late answers of runs that were given up arrive, and what is held for them is given back.
    network_.run_for(10s);
    if (complaint_.empty()) judge();
    return complaint_;
}

void world::judge() {
    for (auto const& t : tasks_) judge_task(t);
    auto const& s = plane_->machine().state();
    if (s.tasks.used() != 0)
        complain("the control plane still holds " + std::to_string(s.tasks.used()) + " tasks");
    if (s.dispatch.waiting() != 0) complain("the lanes still count tasks");
    if (s.task_octets != 0) complain("octets of arguments leaked");
    for (std::uint32_t w = 0; w < s.workers.capacity(); ++w) {
        auto const& record = s.workers[w];
        if (record.name.empty() || record.state != core::worker_state::active) continue;
        if (record.outstanding != 0)
            complain("worker " + record.name + " is believed to hold " + std::to_string(record.outstanding) +
                     " runs");
        if (record.charged_us != 0) complain("worker " + record.name + " is still charged for work");
    }
    for (auto const& w : workers_) {
        if (w.role && w.role->machine().outstanding() != 0)
            complain("worker " + w.name + " still holds runs");
        if (w.role && !w.role->registered()) complain("worker " + w.name + " did not come back");
    }
    for (auto const& [number, runs] : executions_) {
        for (std::size_t i = 1; i < runs.size(); ++i) {
            bool const same =
                std::ranges::any_of(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(i),
                                    [&](execution_record const& r) { return r.attempt == runs[i].attempt; });
            if (same && plane_lives_ == 1)
                complain("attempt " + std::to_string(runs[i].attempt) + " of task " + std::to_string(number) +
                         " was run twice");
        }
    }
}

void world::judge_task(asked_task const& t) {
    auto const name = "task " + std::to_string(t.number);
    if (t.ends.size() > 1) complain(name + " was answered " + std::to_string(t.ends.size()) + " times");
    auto const& end = t.ends.front();
    if (end.error) return complain(name + " got an error: " + end.payload);
    auto const runs = executions_.find(t.number);
    bool const ran = runs != executions_.end();
    if (end.state == task_state::cancelled) {
        if (!t.cancel_wanted) complain(name + " was cancelled and nobody asked for it");
        return;
    }
    if (!ran) return complain(name + " ended as " + std::string{name_of(end.state)} + " and never ran");
    auto const right = fails(t.number)
                           ? end.state == task_state::failure && end.payload == "as it must"
                           : end.state == task_state::success &&
                                 end.payload == std::to_string(t.number * 1000 + end.meta.attempt);
    if (!right)
        complain(name + " ended as " + std::string{name_of(end.state)} + " with " + end.payload +
                 ", believed of attempt " + std::to_string(end.meta.attempt));
}

}  // namespace fastqueue::test
