#pragma once

#include <fastqueue/policy/executor.hpp>
#include <fastqueue/testing/simulated_network.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace fastqueue::testing {

/// Runs jobs in the virtual time of a simulated node: a job is `running` for a while, its function is called
/// at the end of it, and it ends unfinished when the node crashes. Models all laws of `policy::executor` but
/// the usual constructor; a bundle for simulated roles hands it over as an instance.
class simulated_executor {
public:
    using duration_function = std::function<std::chrono::nanoseconds(policy::job const&)>;

    /// \param node  whose crash ends everything here
    /// \param wake  called as the concept says
    simulated_executor(simulated_network& network, node_id node, policy::executor_options options,
                       std::function<void()> wake)
        : network_{network}, node_{node}, options_{options}, wake_{std::move(wake)} {}
    simulated_executor(simulated_executor const&) = delete;
    simulated_executor& operator=(simulated_executor const&) = delete;
    ~simulated_executor() = default;

    /// How long jobs take from now on: at random between the two, both in virtual time.
    void set_duration(std::chrono::nanoseconds least, std::chrono::nanoseconds most) {
        duration_ = [this, least, most](policy::job const&) {
            return std::chrono::nanoseconds{static_cast<std::int64_t>(network_.random().between(
                static_cast<std::uint64_t>(least.count()), static_cast<std::uint64_t>(most.count())))};
        };
    }
    /// The same, decided for each job when it begins.
    void set_duration(duration_function duration) { duration_ = std::move(duration); }

    /// Whether a job's function is called when it begins, and what it leaves is there at its end: then what it tells on its way is
    /// told. Else it is called at the end.
    void run_first(bool first) noexcept { first_then_time_ = first; }

    void submit(policy::job& j) noexcept {
        j.next = nullptr;
        j.state = policy::job_state::queued;
        waiting_[j.level].push_back(&j);
    }
    void kick() noexcept {
        while (!stopped_ && running_ < options_.concurrency) {
            auto* const j = next_waiting();
            if (j == nullptr) return;
            begin(*j);
        }
    }
    bool retract(policy::job& j) noexcept {
        if (j.state != policy::job_state::queued) return false;
        std::erase(waiting_[j.level], &j);
        j.state = policy::job_state::retracted;
        return true;
    }
    policy::job* finished() noexcept {
        last_ = nullptr;
        return std::exchange(first_, nullptr);
    }
    /// What runs is run to its end at once: nobody could wait for virtual time here. On a node that has crashed nothing is.
    void stop() noexcept {
        stopped_ = true;
        for (auto* const j : std::exchange(begun_, {})) {
            if (network_.alive(node_)) complete(*j);
        }
        running_ = 0;
        alive_.reset();
    }

private:
    [[nodiscard]] policy::job* next_waiting() noexcept {
        for (auto& level : waiting_) {
            if (level.empty()) continue;
            auto* const j = level.front();
            level.pop_front();
            return j;
        }
        return nullptr;
    }

    void begin(policy::job& j) {
        j.state = policy::job_state::running;
        ++running_;
        begun_.push_back(&j);
        // The event may outlive this object: it then finds nobody.
        std::weak_ptr<char> const alive = alive_;
        auto const duration = duration_(j);
        if (first_then_time_) j.run(j);
        network_.schedule(node_, duration, [this, alive, duration, &j] {
            if (alive.expired()) return;
            std::erase(begun_, &j);
            --running_;
            complete(j, duration);
            kick();
        });
    }

    void complete(policy::job& j, std::chrono::nanoseconds duration = {}) noexcept {
        if (!first_then_time_) j.run(j);
        j.took_us = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
        j.state = policy::job_state::finished;
        j.next = nullptr;
        bool const was_empty = first_ == nullptr;
        (was_empty ? first_ : last_->next) = &j;
        last_ = &j;
        if (was_empty && wake_) wake_();
    }

    simulated_network& network_;
    node_id node_;
    policy::executor_options options_;
    std::function<void()> wake_;
    duration_function duration_ = [](policy::job const&) { return std::chrono::microseconds{10}; };
    std::array<std::deque<policy::job*>, policy::job_levels> waiting_;
    std::deque<policy::job*> begun_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
    policy::job* first_ = nullptr;
    policy::job* last_ = nullptr;
    std::uint32_t running_ = 0;
    bool stopped_ = false;
    bool first_then_time_ = false;
};

static_assert(policy::takes_jobs<simulated_executor> && policy::gives_back<simulated_executor>);

}  // namespace fastqueue::testing
