#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace fastqueue::policy {

struct job;

/// How a job is run in another process than its owner's: what is sent there, and what becomes of the job after it. Called by
/// an executor in place of `job::run`, on the thread whose number stands in the job; a job without one can only be run here.
struct job_transfer {
    /// Writes the request for `job_service::accept`. \throws std::bad_alloc
    void (*pack)(job const&, std::string& request);
    /// It has run, and this is what `job_service::run` wrote.
    void (*settle)(job&, std::string_view answer) noexcept;
    /// It runs, and this is what it told of its progress.
    void (*progress)(job&, std::string_view text) noexcept;
    /// It has not come to its end, or nobody knows: why, in words.
    void (*lost)(job&, std::string_view why) noexcept;
    /// There was no process for it: it has not begun.
    void (*refused)(job&) noexcept;
};

/// An owner's side in such a process: made there, from what the owner's program knew when the executor began. It serves one
/// job at a time, on the process's first thread.
class job_service {
public:
    job_service() = default;
    virtual ~job_service() = default;
    job_service(job_service const&) = delete;
    job_service& operator=(job_service const&) = delete;

    /// Gets ready for a job.
    virtual void accept(std::string_view request) = 0;
    /// Runs it, and writes the answer.
    /// \param tell  takes what the job tells of its progress meanwhile, on this thread
    virtual void run(std::string& answer, std::function<void(std::string_view)> const& tell) = 0;
    /// The job that was accepted last should stop. From another thread.
    virtual void interrupt() noexcept = 0;
};

/// Makes the service of the process that stands for a thread of the executor.
using job_service_maker = std::function<std::unique_ptr<job_service>(std::uint32_t thread)>;

}  // namespace fastqueue::policy
