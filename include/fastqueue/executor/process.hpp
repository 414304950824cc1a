#pragma once

#include <fastqueue/executor/child_main.hpp>
#include <fastqueue/executor/child_process.hpp>
#include <fastqueue/executor/error_relay.hpp>
#include <fastqueue/executor/thread_pool.hpp>
#include <fastqueue/executor/zygote.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/policy/executor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::executor {

/// Runs jobs in processes of their own, as many as may run at once, forked before the first job: a handler that crashes, ends
/// the process, eats all memory or hangs costs its own process only, in whose place a new one is forked. How it ended and
/// the last lines that it wrote to stderr become the failure's text. For Linux.
///
/// The children are copies of the program as it was when the executor was made, with its first thread only: whoever makes one
/// (a subworker does in `start`) should not have begun threads that hold locks which handlers need. Sockets and loops of
/// the program are not theirs. They take no part in the end of the program: SIGINT, SIGTERM and SIGHUP to the whole group
/// leave them alone, they end when the executor does, or when the program's process has gone. A handler's job costs two
/// switches between processes, tens of microseconds.
///
/// `submit`, `kick`, `retract`, `finished`, `stop`, `interrupt` and `kill` belong to one thread at a time, the owner; only
/// `stop` blocks.
class process {
public:
    /// Forks the children and begins a thread for each.
    /// \param options  `service` says what runs jobs in a child; `thread_ends` is called there
    /// \param wake  called by the threads; must not block, and must not call back
    /// \throws error (bad_option) for a number out of range or without a service; std::system_error if the system gives no
    ///         process, thread or descriptor; std::bad_alloc
    process(policy::executor_options options, std::function<void()> wake)
        : zygote_{child_of(options)},
          errors_{options.concurrency},
          children_{begin_children(options.concurrency)},
          running_(options.concurrency, nullptr),
          pool_{for_threads(std::move(options)), std::move(wake), hand_over{this}} {}
    ~process() { stop(); }
    process(process const&) = delete;
    process& operator=(process const&) = delete;

    void submit(policy::job& j) noexcept {
        forget(j);  // what was wished of it in an earlier life
        pool_.submit(j);
    }
    void kick() noexcept { pool_.kick(); }
    bool retract(policy::job& j) noexcept { return pool_.retract(j); }
    policy::job* finished() noexcept { return pool_.finished(); }
    /// Returns when the jobs that run have returned and the children have ended.
    void stop() noexcept {
        pool_.stop();
        children_.clear();
    }

    void interrupt(policy::job& j) noexcept { reach(j, urgency::stop); }
    void kill(policy::job& j) noexcept { reach(j, urgency::kill); }

private:
    using child_list = std::vector<std::unique_ptr<detail::child_process>>;
    enum class urgency : std::uint8_t { stop, kill };
    struct wish {
        policy::job* job;
        urgency how;
    };
    struct hand_over {
        process* self;
        void operator()(policy::job& j) const noexcept { self->run(j); }
    };

    static detail::zygote::child_function child_of(policy::executor_options const& options) {
        if (!options.service)
            throw error{errc::bad_option,
                        "a process executor needs a service: what runs jobs in its children"};
        detail::check_executor_options(options);
        return [make = options.service, ends = options.thread_ends](std::uint32_t number,
                                                                    detail::child_ends with) {
            detail::child_main{number, std::move(with), make, ends}.run();
        };
    }
    static policy::executor_options for_threads(policy::executor_options options) {
        options.thread_ends = {};
        options.service = {};
        return options;
    }
    child_list begin_children(std::uint32_t count) {
        child_list made;
        for (std::uint32_t i = 0; i < count; ++i) {
            made.push_back(std::make_unique<detail::child_process>(zygote_, errors_, i));
            made.back()->begin();
        }
        return made;
    }

    // ---- on a thread of the pool

    void run(policy::job& j) noexcept {
        if (j.transfer == nullptr) return j.run(j);
        auto const begin = std::chrono::steady_clock::now();
        auto& child = *children_[j.thread];
        if (!child.begun() && !begin_again(child)) return j.transfer->refused(j);
        std::string text;
        if (ask(child, j, text)) return j.transfer->settle(j, text);
        using std::chrono::microseconds;
        auto const took = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin);
        j.took_us = static_cast<std::uint64_t>(took.count());
        j.transfer->lost(j, text);
    }
    /// \param[out] text  the answer, or why there is none
    bool ask(detail::child_process& child, policy::job& j, std::string& text) noexcept {
        bool answered = false;
        try {
            std::string request;
            j.transfer->pack(j, request);
            child.prepare();
            starts(child, j);
            answered =
                child.call(request, text, [&j](std::string_view news) { j.transfer->progress(j, news); });
            ends(j);
            if (!answered) text = child.bury();
        } catch (std::exception const&) {
            ends(j);
            answered = false;
            text.clear();  // no memory left even to say so
            if (child.begun()) child.end_at_once();
        }
        if (!answered) static_cast<void>(begin_again(child));
        return answered;
    }
    /// After a child's end at once, and if that fails for the next job: which goes back unbegun if it fails again.
    static bool begin_again(detail::child_process& child) noexcept {
        try {
            child.begin();
            return true;
        } catch (std::exception const&) {
            return false;
        }
    }

    // ---- which of them runs where

    void starts(detail::child_process& child, policy::job& j) {
        std::scoped_lock const lock{mutex_};
        running_[j.thread] = &j;
        for (auto const& w : early_) {
            if (w.job == &j) apply(child, w.how);
        }
    }
    void ends(policy::job& j) {
        std::scoped_lock const lock{mutex_};
        running_[j.thread] = nullptr;
    }
    void reach(policy::job& j, urgency how) noexcept {
        std::scoped_lock const lock{mutex_};
        auto const at = std::ranges::find(running_, &j);
        if (at != running_.end())
            return apply(*children_[static_cast<std::size_t>(at - running_.begin())], how);
        early_.push_back({&j, how});  // it has not begun, or has ended and will be collected
    }
    static void apply(detail::child_process& child, urgency how) noexcept {
        how == urgency::kill ? child.kill() : child.interrupt();
    }
    void forget(policy::job& j) noexcept {
        std::scoped_lock const lock{mutex_};
        std::erase_if(early_, [&](wish const& w) { return w.job == &j; });
    }

    detail::zygote zygote_;
    detail::error_relay errors_;
    child_list children_;
    std::mutex mutex_;
    std::vector<policy::job*> running_;  // by thread
    std::vector<wish> early_;            // for jobs that nobody runs
    detail::thread_pool<hand_over> pool_;
};

static_assert(policy::executor<process>);
static_assert(policy::reaches_jobs<process>);

}  // namespace fastqueue::executor
