#include "simulation/world.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace fastqueue::test {

using namespace std::chrono_literals;

namespace {

// Gives number * 1000 + attempt: so the judge sees whose result was believed.
inline constexpr task<std::uint64_t(std::uint64_t)> stamp{"stamp", "number"};
// What schedules submit.
inline constexpr task<std::uint64_t(std::uint64_t)> tick{"tick", "schedule"};

/// A climate in which no worker may be taken for lost, while many runs outlast a break of its connections.
void only_short_cuts(climate& c) {
    c.crashes = c.partitions = c.pauses = c.clock_jumps = c.restarts = c.slow_peers = c.full = c.breaks =
        false;
    c.cuts = true;
    c.faults = 16;
    c.storm = 5000ms;
    c.long_per_mille = 300;
    c.long_run = 500ms;
}

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
    c.tasks = static_cast<std::uint32_t>(r.between(20, 200));
    c.fail_per_mille = r.happens(300) ? 150 : 0;
    c.retry_per_mille = r.happens(500) ? 500 : 0;
    c.once_per_mille = r.happens(300) ? 100 : 0;
    c.countdown_per_mille = r.happens(300) ? 200 : 0;
    c.cancel_per_mille = r.happens(300) ? 100 : 0;
    c.submit_per_mille = r.happens(500) ? 400 : 0;
    std::chrono::microseconds const scales[] = {1us, 100us, 3000us, 40'000us};
    c.run_least = scales[r.between(0, 3)];
    c.run_most = std::max(c.run_least, scales[r.between(0, 3)]);
    c.long_per_mille = r.happens(500) ? 100 : 0;
    if (r.happens(300)) c.long_run = 500ms;
    c.asking = r.happens(500) ? 4000ms : 100ms;
    c.storm = c.asking + 1000ms;
    c.faults = r.happens(150) ? 0 : static_cast<std::uint32_t>(r.between(1, 16));
    c.durable = r.happens(600);
    bool const only_restarts = c.durable && r.happens(150);
    c.cuts = r.happens(600) && !only_restarts;
    c.crashes = r.happens(600) && !only_restarts;
    c.partitions = r.happens(400) && !only_restarts;
    c.pauses = r.happens(300) && !only_restarts;
    c.clock_jumps = r.happens(200) && !only_restarts;
    c.slow_peers = r.happens(200) && !only_restarts;
    c.restarts = only_restarts || r.happens(c.durable ? 600 : 200);
    c.full = c.durable && r.happens(150);
    c.breaks = c.durable && r.happens(150) && !only_restarts;
    c.short_cuts = r.happens(80);
    if (c.short_cuts) only_short_cuts(c);
    // A countdown that was begun before a restart follows the calendar, which may have been set back by an hour.
    if (c.clock_jumps && (c.restarts || c.breaks)) c.countdown_per_mille = c.retry_per_mille = 0;
    if (r.happens(200)) c.waiting_octets = 20;
    std::chrono::microseconds const syncs[] = {100us, 1000us, 20'000us, 1'000'000us};
    c.sync_most = syncs[r.between(0, 3)];
    c.sync_least = c.sync_most / 10;
    testing::link_options link;
    link.least_delay = 50us;
    link.most_delay = r.happens(200) && !c.short_cuts ? 100ms : 500us;
    network_.set_all_links(link);
    disk_ = std::make_shared<testing::durable_disk>(uuid::make_v7({}, seed_, 77));
    core::random_source more{seed_ ^ 0x5eedU};  // beside the others, whose worlds stay as they were
    c.unique = more.fraction() < 0.3;
    // A schedule follows the calendar, and ends with a control plane that keeps nothing.
    bool const lasts = !c.clock_jumps && (c.durable || !c.restarts);
    if (lasts && more.fraction() < 0.4) c.schedules = 1 + static_cast<std::uint32_t>(more.next() % 3);
    c.firings = 1 + static_cast<std::uint32_t>(more.next() % 12);
}

registry world::tasks_of(std::shared_ptr<bool> alive, std::string name) {
    registry tasks;
    tasks.define(
        stamp, [this, alive, name = std::move(name)](context& ctx, std::uint64_t number) -> std::uint64_t {
            if (!*alive) return 0;  // its process is gone: this is only the object's clean-up
            ++executions_total_;
            executions_[number].push_back({name, ctx.attempt(), network_.now().steady});
            if (network_.now().steady < tasks_[number].not_before)
                complain("task " + std::to_string(number) + " ran before its countdown was over");
            // Its worker may tell the end to one who has just died.
            if (!plane_ || network_.now().steady < born_ + 500ms) tasks_[number].excused = true;
            network_.schedule(0ns, [this] { probe(); });
            if (number >= tasks_.size() || tasks_[number].id != ctx.id())
                complain("task " + std::to_string(number) + " was run under an id that nobody gave it");
            if (fails(number) && is_retried(number) && number % 2 == 0)
                throw retry_after{std::chrono::milliseconds{number % 300}, "as it must"};
            if (fails(number) && is_retried(number)) throw std::runtime_error{"as it must"};
            if (fails(number)) throw permanent_failure{"as it must"};
            return number * 1000 + ctx.attempt();
        });
    tasks.define(tick, [this, alive](context& ctx, std::uint64_t schedule) {
        if (!*alive) return schedule;
        ticks_[schedule].insert(ctx.id());
        return schedule;
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
    o.waiting_bytes = climate_.waiting_octets;
    o.worker_allow = {"w0", "w1", "w2", "w3"};
    o.unknown_tasks = core::unknown_tasks::wait;
    o.seed = seed_ + plane_lives_ + 1;
    policy_instances<simulated_policies> parts;
    parts.transport = std::make_unique<transport::simulated>(network_, "plane");
    ++plane_lives_;
    parts.store = make_store();
    plane_ = std::make_unique<basic_control_plane<simulated_policies>>(o, registry{}, std::move(parts));
    plane_->start();
    born_ = network_.now().steady;
}

std::unique_ptr<simulated_policies::store_policy> world::make_store() {
    using choice = simulated_policies::store_policy;
    if (!climate_.durable)
        return std::make_unique<choice>(
            std::make_unique<store::memory>(uuid::make_v7({}, seed_, plane_lives_)));
    auto made = std::make_unique<testing::simulated_store>(disk_);
    store_ = made.get();
    committing_ = false;
    store_->on_flush([this, mine = store_] {
        if (store_ == mine) begin_commit();
    });
    return std::make_unique<choice>(std::move(made));
}

/// What gathers while a commit is under way is the next one.
void world::begin_commit() {
    if (committing_ || !store_->is_busy()) return;
    committing_ = true;
    auto const up_to = store_->flushed();
    auto& r = network_.random();
    auto time = std::chrono::microseconds{r.between(static_cast<std::uint64_t>(climate_.sync_least.count()),
                                                    static_cast<std::uint64_t>(climate_.sync_most.count()))};
    if (store_->awaited() <= store_->committed()) time += 20ms;  // nobody waits: it may have company
    network_.schedule(time, [this, mine = store_, up_to] {
        if (store_ != mine) return;
        committing_ = false;
        store_->commit_up_to(up_to);
        begin_commit();
    });
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
    parts.executor = [this, node, index](policy::executor_options options, std::function<void()> wake) {
        auto made = std::make_unique<testing::simulated_executor>(network_, node, options, std::move(wake));
        made->set_duration([this, index](policy::job const& job) -> std::chrono::nanoseconds {
            check_order(workers_[index], job);
            auto& r = network_.random();
            if (r.happens(climate_.long_per_mille)) return climate_.long_run;
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
    for (std::uint32_t i = 0; i < climate_.schedules; ++i) define_schedule(i);
    tasks_.resize(climate_.tasks);
    auto& r = network_.random();
    for (std::uint64_t n = 0; n < climate_.tasks; ++n) {
        tasks_[n].number = n;
        auto const high = r.next();  // of two draws in one call the compiler chooses which comes first
        tasks_[n].id = uuid::make_v7({}, high, r.next());
        numbers_[tasks_[n].id] = n;
        network_.schedule(std::chrono::microseconds{r.between(
                              0, static_cast<std::uint64_t>(climate_.asking.count()) * 1000)},
                          [this, n] { ask_one(n); });
    }
}

/// Again and again, until it is there: the same said twice is one schedule.
void world::define_schedule(std::uint32_t index) {
    core::client_request request;
    request.verb = "schedule";
    request.port = core::client_port::management;
    request.tokens = " s" + std::to_string(index) + " tick every_ms=" + std::to_string(70 + 190 * index) +
                     " count=" + std::to_string(climate_.firings) + (index == 1 ? " overlap=allow" : "") +
                     (index == 2 ? " catch_up=all" : "");
    request.payload = "[" + std::to_string(index) + "]";
    post(0, std::move(request), [this, index](shell::kept_answer answer) {
        if (answer.error) network_.schedule(100ms, [this, index] { define_schedule(index); });
    });
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
    bool const submit = r.happens(climate_.submit_per_mille);
    t.level = static_cast<priority>(r.between(0, 3));
    auto tokens = " " + t.id.text() + " stamp meta=1 priority=" + std::string{name_of(t.level)};
    if (r.happens(climate_.countdown_per_mille)) {
        auto const countdown = std::chrono::milliseconds{r.between(1, 2000)};
        t.not_before = network_.now().steady + countdown;
        tokens += " countdown_ms=" + std::to_string(countdown.count());
    }
    if (is_retried(number)) tokens += " retries=2 retry_delay_ms=" + std::to_string(r.between(1, 500));
    if (has_key(number)) tokens += " unique=k" + std::to_string(number % 3);
    if (r.happens(climate_.once_per_mille)) {
        t.once = true;
        tokens += " delivery=at_most_once";
    }
    if (r.happens(climate_.cancel_per_mille)) {
        t.cancel_wanted = true;
        network_.schedule(std::chrono::microseconds{r.between(0, 1'000'000)}, [this, client, number] {
            core::client_request cancel;
            cancel.verb = "cancel";
            cancel.tokens = " " + tasks_[number].id.text();
            post(client, std::move(cancel), [](shell::kept_answer) {});
        });
    }
    send(client, number, std::move(tokens), submit);
}

void world::send(std::size_t client, std::uint64_t number, std::string tokens, bool submit) {
    core::client_request request;
    request.verb = submit ? "submit" : "call";
    request.tokens = tokens;
    request.payload = "[" + std::to_string(number) + "]";
    post(client, std::move(request), [this, client, number, tokens, submit](shell::kept_answer answer) {
        if (answer.error == errc::duplicate &&
            has_key(number)) {  // again, a little later, as for the first time
            tasks_[number].anew = true;
            return network_.schedule(50ms, [=, this] { send(client, number, tokens, submit); });
        }
        if (answer.error ==
            errc::queue_full) {  // the disk is full: again, a little later, and as if for the first time
            tasks_[number].anew = true;
            return network_.schedule(100ms, [=, this] { send(client, number, tokens, submit); });
        }
        if (!submit) return tasks_[number].ends.push_back(std::move(answer));
        if (answer.error) {
            if (tasks_[number].once && answer.error == errc::outcome_unknown)
                return tasks_[number].ends.push_back(std::move(answer));
            return complain("submit of task " + std::to_string(number) + " was refused: " + answer.payload);
        }
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

/// Ends the control plane as `kill -9` or a power cut would, with what the disk has by then.
void world::crash_plane() {
    if (!plane_) return;
    auto& r = network_.random();
    auto const& c = plane_->machine().state().counters;
    earlier_.redelivered += c.redelivered;
    earlier_.returned += c.returned;
    earlier_.stale_answers += c.stale_answers;
    earlier_.cancelled += c.cancelled;
    earlier_.restored += c.restored;
    earlier_.adopted += c.adopted;
    if (store_ != nullptr && r.happens(500)) store_->write_untold(r.between(0, 20));
    store_ = nullptr;
    network_.crash(network_.find_node("plane"));
    dead_planes_.push_back(std::move(plane_));
    excuse_lost();
    network_.schedule(std::chrono::milliseconds{r.between(1, 3000)}, [this] { start_plane(); });
}

/// Two kinds of tasks may run again: those whose submission was not on the disk, for it was confirmed to nobody; and those
/// that had run and whose end was not, for the worker has told it to one who is dead.
void world::excuse_lost() {
    for (auto& t : tasks_) {
        bool const kept = climate_.durable && disk_->knows(t.id);
        bool const ran = executions_.contains(t.number) && !disk_->has_ended(t.id);
        t.excused = t.excused || !kept || ran;
    }
}

core::plane_counters world::counters() const {
    auto sum = plane_->machine().state().counters;
    sum.redelivered += earlier_.redelivered;
    sum.returned += earlier_.returned;
    sum.stale_answers += earlier_.stale_answers;
    sum.cancelled += earlier_.cancelled;
    sum.restored += earlier_.restored;
    sum.adopted += earlier_.adopted;
    return sum;
}

/// What must hold whenever one looks.
void world::probe() {
    if (!plane_ || !complaint_.empty()) return;
    auto const& s = plane_->machine().state();
    for (std::uint32_t w = 0; w < s.workers.capacity(); ++w) {
        auto const& record = s.workers[w];
        if (record.outstanding > record.window + 64)
            complain("worker " + std::string{record.name.view()} + " was sent more than its window");
    }
}

/// Strict priority, and first come, first served within one: nothing begins while another that goes before it has waited
/// for longer than any message takes.
void world::check_order(worker_node const& w, policy::job const& job) {
    constexpr std::uint64_t slack_us = 1'000'000;
    if (climate_.long_per_mille > 0 && climate_.long_run > 100ms) return;  // what was sent ahead waits behind
    if (climate_.durable && climate_.sync_most > 100ms)
        return;  // claims and arguments may take longer than the slack
    if (!climate_.calm() || climate_.countdown_per_mille + climate_.retry_per_mille > 0 || !plane_ || !w.role)
        return;
    auto const slot = static_cast<shell::execution const&>(job).slot();
    auto const& id = w.role->machine().run(slot).lease.id;
    if (!numbers_.contains(id)) return;  // of a schedule
    auto const& mine = tasks_[numbers_.at(id)];
    auto const& s = plane_->machine().state();
    auto const entry = s.ledger.find(id);
    if (entry == core::none || is_final(s.ledger.state(entry))) return;
    auto const submitted = s.tasks[s.ledger[entry].reference].submitted_us;
    auto const now = to_epoch_us(network_.now().wall);
    for (auto const& name : s.dispatch.names()) {
        for (std::size_t level = 0; level <= index_of(mine.level); ++level) {
            for (auto at = name.lanes[level].front(); at != core::none; at = s.tasks[at].next) {
                auto const& other = s.tasks[at];
                if (!numbers_.contains(other.id)) continue;
                bool const before = level < index_of(mine.level) || other.submitted_us < submitted;
                if (before && other.submitted_us + slack_us < now)
                    complain("task " + std::to_string(mine.number) + " began while task " +
                             std::to_string(numbers_.at(other.id)) + " waited, which goes before it");
            }
        }
    }
}

/// No worker is idle while another has what it could run. Looked at while all is calm.
void world::probe_idle() {
    if (!plane_ || !climate_.calm()) return;
    auto const& s = plane_->machine().state();
    bool backlog = false;
    for (std::uint32_t w = 0; w < s.workers.capacity(); ++w) {
        auto const& r = s.workers[w];
        if (r.state != core::worker_state::active || r.name.empty()) continue;
        for (auto const& list : r.ahead)
            backlog = backlog || (!list.empty() && r.begun.size() >= r.concurrency);
    }
    for (std::uint32_t w = 0; w < s.workers.capacity(); ++w) {
        auto const& r = s.workers[w];
        if (r.state != core::worker_state::active || r.name.empty()) continue;
        auto& times = watched_others_[std::string{r.name.view()}];
        times = backlog && r.outstanding == 0 ? times + 1 : 0;
        if (times > 20)
            complain("worker " + std::string{r.name.view()} + " stays idle beside the backlog of another");
    }
    network_.schedule(10ms, [this] { probe_idle(); });
}

void world::one_fault() {
    auto& r = network_.random();
    auto const w = static_cast<std::size_t>(r.between(0, climate_.workers - 1));
    bool const there = workers_[w].role != nullptr;
    auto const other =
        r.happens(300) ? "c" + std::to_string(r.between(0, climate_.clients - 1)) : workers_[w].name;
    if (climate_.short_cuts) return cut_short(other);
    switch (r.between(0, 8)) {
        case 0:
            if (climate_.cuts) network_.cut("plane", other);
            break;
        case 1:
            if (climate_.crashes && there && std::ranges::find(paused_, w) == paused_.end()) crash_worker(w);
            break;
        case 2:
            if (!climate_.partitions) break;
            if (r.happens(500)) {
                network_.partition("plane", other);
            } else if (r.happens(500)) {
                network_.partition_one_way("plane", other);
            } else {
                network_.partition_one_way(other, "plane");
            }
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
        case 5:
            if (!climate_.slow_peers) break;
            network_.pause(network_.find_node("plane"));
            network_.schedule(std::chrono::milliseconds{r.between(10, 4000)},
                              [this] { network_.resume(network_.find_node("plane")); });
            break;
        case 6:
            if (!climate_.full || store_ == nullptr) break;
            store_->set_full("the disk is full");
            network_.schedule(std::chrono::milliseconds{r.between(10, 3000)}, [this, mine = store_] {
                if (store_ == mine) mine->set_full(std::nullopt);
            });
            break;
        case 7:
            if (!climate_.breaks || store_ == nullptr) break;
            store_->fail("the disk is broken");  // it must end by itself; then somebody starts it again
            network_.schedule(100ms, [this, mine = store_] {
                if (store_ != mine) return;
                if (!climate_.slow_peers && !plane_->has_stopped())
                    complain("the control plane went on without its store");
                crash_plane();
            });
            break;
        default:
            // Without a store a restart loses what was accepted: then all must be asked for, so that it is asked for again.
            if (climate_.restarts && (climate_.durable || climate_.submit_per_mille == 0)) crash_plane();
            break;
    }
}

/// The one before must be mended by now: only then the grace is long enough.
void world::cut_short(std::string const& other) {
    constexpr auto on_the_way = 700us;  // a little more than the longest delay
    auto const now = network_.now().steady;
    if (now < cut_at_ + 1s) return;
    cut_at_ = now;
    crossings_.push_back({other, now - on_the_way, now + on_the_way});
    network_.cut("plane", other);
    network_.schedule(2ms, [this, other] { await_return(other); });
}

/// Notes when the worker has told what it holds.
void world::await_return(std::string const& worker) {
    auto const& s = plane_->machine().state();
    auto const now = network_.now().steady;
    for (std::uint32_t w = 0; w < s.workers.capacity(); ++w) {
        if (s.workers[w].name.view() == worker && s.workers[w].must_announce && now < cut_at_ + 900ms)
            return network_.schedule(1ms, [this, worker] { await_return(worker); });
    }
    crossings_.push_back({worker, now - 2ms, now});
}

bool world::at_rest() const {
    if (!std::ranges::all_of(tasks_, [](asked_task const& t) { return !t.ends.empty(); })) return false;
    if (climate_.schedules == 0) return true;
    if (!plane_) return false;
    auto const& s = plane_->machine().state();
    std::size_t over = 0;
    s.schedules.each([&](std::uint32_t slot) {
        over += s.schedules[slot].next_us == 0 ? 1U : 0U;
        return true;
    });
    return over == climate_.schedules && s.tasks.used() == 0;
}

std::string world::run() {
    for (std::uint32_t i = 0; i < climate_.faults; ++i) {
        network_.schedule(std::chrono::microseconds{network_.random().between(
                              0, static_cast<std::uint64_t>(climate_.storm.count()) * 1000)},
                          [this] { one_fault(); });
    }
    probe_idle();
    network_.run_for(climate_.storm + 6500ms);
    network_.heal_all();
    bool const rested = network_.run_until([this] { return !complaint_.empty() || at_rest(); }, 600s);
    if (complaint_.empty() && !rested) {
        auto const open = std::ranges::find_if(tasks_, [](asked_task const& t) { return t.ends.empty(); });
        if (open == tasks_.end())
            complain("the schedules have not come to their ends, ten minutes after all faults were mended");
        else
            complain("task " + std::to_string(open->number) + " (" + open->id.text() +
                     ") never ended, ten minutes after all faults were mended");
    }
    // Late answers of runs that were given up arrive, and what is held for them is given back.
    network_.run_for(15s);
    if (complaint_.empty()) judge();
    for (int life = 0; life < 2 && climate_.durable && complaint_.empty(); ++life) judge_restart();
    return complaint_;
}

void world::judge() {
    for (auto const& t : tasks_) judge_task(t);
    judge_plane();
    judge_schedules();
    judge_executions();
    judge_short_cuts();
    if (climate_.durable || plane_lives_ == 1) judge_kept();
    for (auto const& w : workers_) {
        if (w.role && w.role->machine().outstanding() != 0)
            complain("worker " + w.name + " still holds runs");
        if (w.role && !w.role->registered()) complain("worker " + w.name + " did not come back");
    }
}

/// I7: after a restart the state is that of the disk, and after a second one the same.
void world::judge_restart() {
    if (store_ != nullptr) store_->commit_all();
    crash_plane();
    network_.run_for(15s);
    judge_plane();
    judge_kept();
}

/// A firing is submitted once, whatever befalls, and none is lost but those that were passed over.
void world::judge_schedules() {
    auto const& s = plane_->machine().state();
    for (std::uint32_t i = 0; i < climate_.schedules; ++i) {
        auto const name = "s" + std::to_string(i);
        auto const slot = s.schedules.find(name);
        if (slot == core::none) return complain("the schedule " + name + " is gone");
        if (s.schedules[slot].fired != climate_.firings)
            complain("the schedule " + name + " fired " + std::to_string(s.schedules[slot].fired) +
                     " times, not " + std::to_string(climate_.firings));
        if (ticks_[i].size() != climate_.firings)
            complain("of the schedule " + name + " " + std::to_string(ticks_[i].size()) +
                     " different tasks ran, not " + std::to_string(climate_.firings));
    }
}

void world::judge_plane() {
    auto const& s = plane_->machine().state();
    if (s.tasks.used() != 0)
        complain("the control plane still holds " + std::to_string(s.tasks.used()) + " tasks");
    if (s.waiting_tasks() != 0) complain("the lanes still count tasks");
    if (s.task_octets != 0) complain("octets of arguments leaked");
    if (!s.fetching.empty()) complain("arguments are still waited for");
    if (!s.clogged.empty()) complain("a worker is held back for ever");
    if (s.unique.size() != 0) complain("keys are held that no task has");
    for (std::uint32_t w = 0; w < s.workers.capacity(); ++w) {
        auto const& record = s.workers[w];
        if (record.name.empty() || record.state != core::worker_state::active) continue;
        if (record.outstanding != 0)
            complain("worker " + std::string{record.name.view()} + " is believed to hold " +
                     std::to_string(record.outstanding) + " runs");
        if (record.charged_us != 0 || record.charged_octets != 0 || record.fetching != 0)
            complain("worker " + std::string{record.name.view()} + " is still charged for work");
    }
}

/// I2: what is kept of each task is what was told.
void world::judge_kept() {
    auto const& s = plane_->machine().state();
    for (auto const& t : tasks_) {
        auto const& told = t.ends.front();
        if (told.error) continue;
        auto const name = "task " + std::to_string(t.number);
        auto const entry = s.ledger.find(t.id);
        if (entry == core::none) return complain(name + " is not known any more");
        if (s.ledger.state(entry) != told.state)
            return complain(name + " was told as " + std::string{name_of(told.state)} + " and is kept as " +
                            std::string{name_of(s.ledger.state(entry))});
        auto const slot = s.ledger[entry].reference;
        auto const* const kept = slot == core::none ? nullptr : s.cache.peek(slot, instant::min());
        if (kept == nullptr && climate_.clock_jumps) continue;  // it may have grown too old in a restart
        if (kept == nullptr) return complain(name + "'s result is not kept");
        if (kept->value != told.payload)
            return complain(name + " was told as " + told.payload + " and is kept as " + kept->value);
        bool const dead = s.dead.find(t.id) != nullptr;
        if (dead != (told.state == task_state::failure))
            return complain(name + " is wrongly among the dead letters, or not");
    }
}

/// I3: an attempt is given out once; and nothing runs twice that need not.
void world::judge_executions() {
    for (auto const& [number, runs] : executions_) {
        auto const name = "task " + std::to_string(number);
        std::set<std::uint32_t> attempts;
        for (auto const& run : runs) {
            bool const fresh = attempts.insert(run.attempt).second;
            if (!fresh && !tasks_[number].anew && (climate_.durable || plane_lives_ == 1))
                complain("attempt " + std::to_string(run.attempt) + " of " + name + " was run twice");
        }
        bool const once = tasks_[number].once && (climate_.durable || plane_lives_ == 1);
        if (once && runs.size() > 1 && !is_retried(number))
            complain(name + " is to run at most once, and ran twice");
        bool const undisturbed = climate_.calm() || (climate_.only_restarts() && climate_.durable);
        if (undisturbed && runs.size() > 1 && !fails(number) && !tasks_[number].excused)
            complain(name + " ran " + std::to_string(runs.size()) + " times, and nobody had died with it");
    }
}

/// A cut that is shorter than the grace takes nothing from a worker: a task runs again only where the answer of a run was
/// on its way just then.
void world::judge_short_cuts() {
    if (!climate_.short_cuts) return;
    for (auto const& [number, runs] : executions_) {
        if (fails(number)) continue;
        for (std::size_t i = 0; i + 1 < runs.size(); ++i) {
            bool const lost = std::ranges::any_of(crossings_, [&run = runs[i]](crossing const& c) {
                return c.worker == run.worker && c.from < run.ended && run.ended < c.to;
            });
            if (!lost)
                complain("task " + std::to_string(number) + " ran again, though " + runs[i].worker +
                         " had never been gone for longer than its grace");
        }
    }
}

void world::judge_task(asked_task const& t) {
    auto const name = "task " + std::to_string(t.number);
    if (t.ends.size() > 1) complain(name + " was answered " + std::to_string(t.ends.size()) + " times");
    auto const& end = t.ends.front();
    if (t.once && (end.error == errc::outcome_unknown || end.code == errc::worker_lost)) return;
    bool const aged =
        climate_.clock_jumps && (end.error == errc::unknown_task || end.error == errc::result_gone);
    if (aged) return;  // a restart by a clock that was set on: its result had grown too old
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
    // What somebody wants cancelled is not tried again when it fails.
    if (fails(t.number) && is_retried(t.number) && !t.cancel_wanted && runs->second.size() < 3)
        complain(name + " was to be tried again twice, and ran " + std::to_string(runs->second.size()) +
                 " times");
    if (!right)
        complain(name + " ended as " + std::string{name_of(end.state)} + " with " + end.payload +
                 ", believed of attempt " + std::to_string(end.meta.attempt));
}

}  // namespace fastqueue::test
