#pragma once

#include <fastqueue/executor/child_ends.hpp>
#include <fastqueue/executor/job_channel.hpp>
#include <fastqueue/model/own_thread.hpp>
#include <fastqueue/policy/remote_job.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <unistd.h>

namespace fastqueue::executor::detail {

/// What happens in a child: jobs are run, one after the other, by its first thread, while another hears which of them should
/// stop.
class child_main {
public:
    /// \param thread_ends  called after the last job, or empty
    child_main(std::uint32_t number, child_ends ends, policy::job_service_maker const& make,
               std::function<void(std::uint32_t)> thread_ends)
        : number_{number}, ends_{std::move(ends)}, thread_ends_{std::move(thread_ends)} {
        ::dup2(ends_.errors.get(), STDERR_FILENO);
        ends_.errors.close();
        fastqueue::detail::name_this_thread("fq-child-" + std::to_string(number));
        service_ = make(number);
        std::thread{[this] { watch(); }}.detach();
    }
    child_main(child_main const&) = delete;
    child_main& operator=(child_main const&) = delete;

    /// Until the executor ends, and the process with it: what the program does at its own end is not for here.
    [[noreturn]] void run() noexcept {
        std::uint64_t serial = 0;
        std::string request;
        std::string answer;
        auto const receive = [this](void* to, std::size_t size) {
            return receive_octets(ends_.jobs.get(), to, size);
        };
        auto const any = [&serial](std::uint64_t number) {
            serial = number;
            return true;
        };
        std::function<void(std::string_view)> const tell = [this, &serial](std::string_view text) {
            static_cast<void>(send_frame(ends_.jobs.get(), serial | progress_bit, text));
        };
        while (receive_frame(receive, any, request)) {
            answer.clear();
            service_->accept(request);
            runs(serial);
            service_->run(answer, tell);
            runs(0);
            std::fflush(stdout);  // what the handler has said is seen now, and not lost with the process
            if (!send_frame(ends_.jobs.get(), serial, answer)) break;
        }
        std::scoped_lock const lock{mutex_};
        service_.reset();
        if (thread_ends_) thread_ends_(number_);
        std::fflush(nullptr);
        ::_exit(0);
    }

private:
    void runs(std::uint64_t serial) noexcept {
        std::scoped_lock const lock{mutex_};
        running_ = serial;
        if (serial != 0 && asked_ == serial) service_->interrupt();
    }
    void watch() noexcept {
        std::uint64_t serial = 0;
        while (receive_octets(ends_.stops.get(), &serial, sizeof serial)) {
            std::scoped_lock const lock{mutex_};
            asked_ = serial;
            if (serial == running_) service_->interrupt();
        }
        std::scoped_lock const lock{mutex_};
        if (running_ != 0) ::_exit(0);  // the executor's process was killed: nobody waits for the answer
    }

    std::uint32_t number_;
    child_ends ends_;
    std::function<void(std::uint32_t)> thread_ends_;
    std::unique_ptr<policy::job_service> service_;
    std::mutex mutex_;
    std::uint64_t running_ = 0;  // from 1
    std::uint64_t asked_ = 0;    // to stop: the latest
};

}  // namespace fastqueue::executor::detail
