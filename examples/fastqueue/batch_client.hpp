#pragma once

#include "policies.hpp"

#include <fastqueue/core/client.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/client_requests.hpp>
#include <fastqueue/shell/pending_answer.hpp>
#include <fastqueue/tasks/invocation.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

namespace fastqueue::cli {

/// Many tasks in flight over one connection. Its owner posts and takes what has ended from one thread, and learns from a
/// file that polls as readable when there is something to take.
class batch_client {
public:
    /// A task on its way, and its answer in the end.
    class job final : public shell::answer_handler {
    public:
        explicit job(batch_client& owner) : owner_{owner} {}
        void answered(core::client_answer const& given) noexcept override {
            shell::keep(given, answer);
            owner_.ended(*this);
        }

        std::uint64_t line = 0;
        task_id id;
        std::size_t octets = 0;
        shell::kept_answer answer;

    private:
        batch_client& owner_;
    };

    /// \param waits     for results; else only until tasks have been accepted
    /// \param patience  for each task's answer; negative: without end
    batch_client(client_options const& options, bool waits, std::chrono::microseconds patience)
        : verb_{waits ? "call" : "submit"},
          patience_{patience},
          requests_{options},
          wakes_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)},
          driver_{requests_.machine_options(), nullptr} {
        if (wakes_ < 0)
            throw error{errc::bad_value, "the system gives no eventfd: " + std::string{std::strerror(errno)}};
        thread_ = std::thread{[this] { driver_.run(); }};
    }
    ~batch_client() {
        driver_.stop();
        if (thread_.joinable()) thread_.join();
        if (wakes_ >= 0) ::close(wakes_);
    }
    batch_client(batch_client const&) = delete;
    batch_client& operator=(batch_client const&) = delete;

    void post(std::uint64_t line, invocation<void> const& task) {
        auto& j = free_job();
        j.line = line;
        j.id = requests_.id_of(task);
        j.octets = task.arguments().size();
        octets_ += j.octets;
        ++in_flight_;
        auto request = requests_.task(verb_, task, j.id);
        request.timeout = patience_;
        driver_.post(std::move(request), j);
    }
    /// Appends what has ended since it was called last; each must be given back.
    void take(std::vector<job*>& out) {
        std::uint64_t ignored = 0;
        while (::read(wakes_, &ignored, sizeof ignored) < 0 && errno == EINTR) {}
        std::scoped_lock const lock{mutex_};
        out.insert(out.end(), ended_.begin(), ended_.end());
        ended_.clear();
    }
    void give_back(job& j) {
        --in_flight_;
        octets_ -= j.octets;
        j.answer = {};
        free_.push_back(&j);
    }

    [[nodiscard]] int wakes() const noexcept { return wakes_; }
    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }
    /// Of the arguments in flight.
    [[nodiscard]] std::size_t octets() const noexcept { return octets_; }

private:
    [[nodiscard]] job& free_job() {
        if (free_.empty()) return jobs_.emplace_back(*this);
        auto* const j = free_.back();
        free_.pop_back();
        return *j;
    }
    void ended(job& j) noexcept {
        std::scoped_lock const lock{mutex_};
        ended_.push_back(&j);
        if (ended_.size() > 1) return;  // the owner has been woken, and has not come yet
        std::uint64_t const one = 1;
        while (::write(wakes_, &one, sizeof one) < 0 && errno == EINTR) {}
    }

    std::string_view verb_;
    std::chrono::microseconds patience_;
    shell::client_requests requests_;
    std::deque<job> jobs_;
    std::vector<job*> free_;
    std::size_t in_flight_ = 0;
    std::size_t octets_ = 0;
    std::mutex mutex_;  // of ended_
    std::vector<job*> ended_;
    int wakes_;
    shell::client_driver<cli_policies> driver_;
    std::thread thread_;
};

}  // namespace fastqueue::cli
