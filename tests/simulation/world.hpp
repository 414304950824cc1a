#pragma once

#include <fastqueue/control_plane.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/pending_answer.hpp>
#include <fastqueue/store/memory.hpp>
#include <fastqueue/store/selectable.hpp>
#include <fastqueue/subworker.hpp>
#include <fastqueue/testing/durable_disk.hpp>
#include <fastqueue/testing/simulated_executor.hpp>
#include <fastqueue/testing/simulated_network.hpp>
#include <fastqueue/testing/simulated_store.hpp>
#include <fastqueue/transport/simulated.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace fastqueue::test {

/// The production roles' policies, with network, time and threads replaced.
struct simulated_policies : default_policies {
    using transport_policy = transport::simulated;
    using executor_policy = testing::simulated_executor;
    using store_policy = store::selectable<store::memory, testing::simulated_store>;
};

/// What a seed decides of its world: "swarm testing", so that faults do not mask one another.
struct climate {
    std::uint32_t workers = 1;
    std::uint32_t concurrency = 1;
    std::uint32_t clients = 1;
    std::uint32_t tasks = 50;
    std::uint32_t fail_per_mille = 0;   // of tasks, whose handler throws each time
    std::uint32_t retry_per_mille = 0;  // of those that fail, are tried twice again
    std::uint32_t countdown_per_mille = 0;
    std::uint32_t cancel_per_mille = 0;
    std::uint32_t once_per_mille = 0;    // are to run at most once
    std::uint32_t submit_per_mille = 0;  // are submitted and waited for, not called
    std::chrono::microseconds run_least{1};
    std::chrono::microseconds run_most{1};
    std::uint32_t long_per_mille = 0;  // of runs take so long, whatever the others take
    std::chrono::milliseconds long_run{50};
    std::chrono::milliseconds asking{4000};  // all tasks are asked for in this time
    std::chrono::milliseconds storm{5000};   // faults happen in this time, none after it
    std::uint32_t faults = 0;
    bool cuts = false, crashes = false, partitions = false, pauses = false, clock_jumps = false,
         restarts = false, slow_peers = false;
    bool short_cuts = false;      // nothing but cuts of connections, each mended within a worker's grace
    bool durable = false;         // the control plane's store outlives it
    bool unique = false;          // some tasks have keys of which only one lives
    std::uint32_t schedules = 0;  // tasks that are submitted again and again, so many times each
    std::uint32_t firings = 0;
    bool full = false, breaks = false;
    std::chrono::microseconds sync_least{50};  // of a commit
    std::chrono::microseconds sync_most{500};
    std::uint64_t waiting_octets = 1U << 20U;  // beyond, arguments stay in the store

    /// Whether nothing at all goes wrong.
    [[nodiscard]] bool calm() const noexcept { return faults == 0; }
    /// Whether nothing goes wrong but that the control plane dies and starts again.
    [[nodiscard]] bool only_restarts() const noexcept {
        return restarts && !(cuts || crashes || partitions || pauses || clock_jumps || breaks || slow_peers);
    }
};

/// One task as its client knows it.
struct asked_task {
    std::uint64_t number = 0;
    task_id id;
    bool submitted = false;  // and its acceptance was seen: it must end even if nobody waits
    bool cancel_wanted = false;
    bool once = false;     // it is to run at most once
    bool anew = false;     // it was refused, and asked for again
    bool excused = false;  // it ran in a life of the control plane that could not keep it
    instant not_before{};  // its countdown is over
    priority level = priority::normal;
    std::vector<shell::kept_answer> ends;
};

/// A world of one control plane, several workers and clients on a simulated network, in which everything is decided by
/// the seed; and the judge of what happened in it.
class world {
public:
    explicit world(std::uint64_t seed);
    ~world();

    /// Runs the storm, heals everything, and demands that it comes to rest.
    /// \return what is wrong, or empty
    [[nodiscard]] std::string run();
    [[nodiscard]] std::uint64_t trace() const noexcept { return network_.trace(); }
    [[nodiscard]] climate const& weather() const noexcept { return climate_; }
    [[nodiscard]] std::uint64_t executions() const noexcept { return executions_total_; }
    /// Of all lives of the control plane.
    [[nodiscard]] core::plane_counters counters() const;

private:
    struct operation final : shell::answer_handler {
        explicit operation(std::function<void(shell::kept_answer)> then) : then_{std::move(then)} {}
        void answered(core::client_answer const& answer) noexcept override {
            shell::kept_answer kept;
            shell::keep(answer, kept);
            then_(std::move(kept));
        }
        std::function<void(shell::kept_answer)> then_;
    };
    struct worker_node {
        std::string name;
        std::unique_ptr<basic_subworker<simulated_policies>> role;
        std::shared_ptr<bool> alive = std::make_shared<bool>(true);
    };
    struct execution_record {
        std::string worker;
        std::uint32_t attempt;
        instant ended{};
    };
    /// A time in which what a worker answers does not count: it is lost with a connection, or passes its registration.
    struct crossing {
        std::string worker;
        instant from;
        instant to;
    };

    void draw_climate();
    void start_plane();
    [[nodiscard]] std::unique_ptr<simulated_policies::store_policy> make_store();
    void begin_commit();
    void crash_plane();
    void excuse_lost();
    void probe();
    void probe_idle();
    void check_order(worker_node const& w, policy::job const& job);
    void send(std::size_t client, std::uint64_t number, std::string tokens, bool submit);
    void judge_restart();
    void judge_kept();
    void judge_plane();
    void judge_executions();
    void judge_short_cuts();
    void start_worker(std::size_t index);
    void start_clients();
    void define_schedule(std::uint32_t index);
    void judge_schedules();
    [[nodiscard]] bool has_key(std::uint64_t number) const { return climate_.unique && number % 5 == 0; }
    void ask_one(std::uint64_t number);
    void ask_end(std::size_t client, std::uint64_t number);
    void one_fault();
    void cut_short(std::string const& other);
    void await_return(std::string const& worker);
    void crash_worker(std::size_t index);
    registry tasks_of(std::shared_ptr<bool> alive, std::string name);
    void post(std::size_t client, core::client_request request, std::function<void(shell::kept_answer)> then);
    void complain(std::string text) {
        if (complaint_.empty()) complaint_ = std::move(text);
    }
    [[nodiscard]] bool at_rest() const;
    void judge();
    void judge_task(asked_task const& t);
    [[nodiscard]] bool fails(std::uint64_t number) const {
        return (number * 7919U) % 1000U < climate_.fail_per_mille;
    }
    [[nodiscard]] bool is_retried(std::uint64_t number) const {
        return (number * 104'729U) % 1000U < climate_.retry_per_mille;
    }

    std::uint64_t seed_;
    testing::simulated_network network_;
    climate climate_;
    std::unique_ptr<basic_control_plane<simulated_policies>> plane_;
    std::vector<std::unique_ptr<basic_control_plane<simulated_policies>>> dead_planes_;
    std::shared_ptr<testing::durable_disk> disk_;
    testing::simulated_store* store_ = nullptr;  // the present one, if it is durable
    bool committing_ = false;
    instant born_{};  // the present control plane
    std::uint64_t plane_lives_ = 0;
    core::plane_counters earlier_;
    std::map<std::string, int>
        watched_others_;  // for how many probes a worker was idle beside another's backlog
    std::map<task_id, std::uint64_t> numbers_;
    std::vector<worker_node> workers_;
    std::vector<worker_node> dead_workers_;
    std::uint64_t worker_lives_ = 0;
    std::vector<std::unique_ptr<shell::client_driver<simulated_policies>>> clients_;
    std::deque<operation> operations_;
    std::vector<asked_task> tasks_;
    std::map<std::uint64_t, std::vector<execution_record>> executions_;
    std::uint64_t executions_total_ = 0;
    std::map<std::uint64_t, std::set<task_id>> ticks_;  // what schedules had run, by their number
    std::set<std::pair<std::string, std::string>> parted_;
    std::vector<std::size_t> paused_;
    instant cut_at_{};  // the latest short cut
    std::vector<crossing> crossings_;
    std::string complaint_;
};

}  // namespace fastqueue::test
