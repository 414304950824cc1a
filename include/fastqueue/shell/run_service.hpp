#pragma once

#include <fastqueue/core/run_record.hpp>
#include <fastqueue/policy/remote_job.hpp>
#include <fastqueue/shell/execution.hpp>
#include <fastqueue/tasks/registry.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::shell {

/// A worker's side in a child process of its executor: runs what an `execution` there has packed, by an execution here.
class run_service final : public policy::job_service {
public:
    /// \param tasks      the worker's, of which this process has a copy
    /// \param resources  one for each thread of the executor; this process uses that of its own
    run_service(registry const& tasks, std::vector<thread_resources>& resources,
                std::uint32_t thread) noexcept
        : tasks_{&tasks}, resources_{&resources}, thread_{thread} {}

    void accept(std::string_view request) override {
        auto const max_payload = execution::unpack(request, record_);
        execution_.prepare(0, record_, tasks_->find(record_.name), tasks_->hooks(), *resources_, max_payload);
        execution_.thread = thread_;
    }
    void run(std::string& answer, std::function<void(std::string_view)> const& tell) override {
        execution_.tell_progress_to(tell);
        execution_.run(execution_);
        execution_.pack_answer(answer);
        execution_.tidy();
    }
    void interrupt() noexcept override { execution_.ask_to_stop(); }

private:
    registry const* tasks_;
    std::vector<thread_resources>* resources_;
    std::uint32_t thread_;
    core::run_record record_;
    execution execution_;
};

}  // namespace fastqueue::shell
