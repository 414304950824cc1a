#pragma once

#include <fastqueue/core/run_record.hpp>
#include <fastqueue/policy/executor.hpp>
#include <fastqueue/shell/packet.hpp>
#include <fastqueue/tasks/context.hpp>
#include <fastqueue/tasks/registry.hpp>
#include <fastqueue/wire/number.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::shell {

/// One run of a handler: what an executor is given, and what it leaves behind. Used again for run after run; a stop token
/// is only made for a handler that asks for one.
class execution final : public policy::job, private run_host {
public:
    /// Prepares a run. What it is given by reference stays as it is until it has ended.
    /// \param task  what the record names; nullptr: it is not known here
    /// \param resources  one for each thread of the executor
    void prepare(std::uint32_t slot, core::run_record const& record, task_definition const* task,
                 worker_hooks const& hooks, std::vector<thread_resources>& resources,
                 std::uint64_t max_payload) {
        slot_ = slot;
        record_ = &record;
        task_ = task;
        hooks_ = &hooks;
        resources_ = &resources;
        max_payload_ = max_payload;
        stop_.store(false, std::memory_order_relaxed);
        source_.reset();
        has_progress_.store(false, std::memory_order_relaxed);
        level = static_cast<std::uint8_t>(record.level);
        state = policy::job_state::idle;
        next = nullptr;
        run = [](policy::job& self) noexcept { static_cast<execution&>(self).execute(); };
        transfer = &by_packets;
    }
    /// Lets the handler's stop token fire. Safe from any thread.
    void ask_to_stop() {
        stop_.store(true, std::memory_order_release);
        std::scoped_lock const lock{mutex_};
        if (source_) source_->request_stop();
    }

    /// Where its progress is told. Before it is prepared for the first time.
    /// \param wake  called from the handler's thread when there is some and there was none
    void on_progress(std::function<void()> wake) { wake_ = std::move(wake); }
    /// In place of being kept for `take_progress`: called with it, on the handler's thread.
    void tell_progress_to(std::function<void(std::string_view)> const& tell) { tell_ = &tell; }
    [[nodiscard]] bool has_progress() const noexcept { return has_progress_.load(std::memory_order_acquire); }
    /// The latest progress. \return false: there is none that was not taken
    [[nodiscard]] bool take_progress(std::string& out) {
        if (!has_progress()) return false;
        std::scoped_lock const lock{mutex_};
        has_progress_.store(false, std::memory_order_relaxed);
        out.assign(progress_);
        return true;
    }

    [[nodiscard]] std::uint32_t slot() const noexcept { return slot_; }
    /// How it ended; valid when the executor has given it back.
    [[nodiscard]] core::run_result const& result() noexcept {
        result_.took_us = took_us;
        return result_;
    }
    [[nodiscard]] std::string_view text() const noexcept { return out_; }

    // ---- for executors that run it in another process

    /// Reads what was packed for the service there. \return the limit of payloads
    static std::uint64_t unpack(std::string_view request, core::run_record& record) {
        std::uint64_t max_payload = 0;
        packet_reader{request}
            .number(max_payload)
            .number(record.lease.id)
            .number(record.lease.attempt)
            .number(record.level)
            .text(record.name)
            .text(record.content)
            .text(record.arguments);
        return max_payload;
    }
    void pack_answer(std::string& answer) const {
        packet_writer{answer}.number(result_).number(took_us).text(out_);
    }

    /// Gives memory back after a large result.
    void tidy() noexcept {
        if (out_.capacity() > 64U << 10U) out_ = {};
    }

private:
    void pack(std::string& request) const {
        packet_writer{request}
            .number(max_payload_)
            .number(record_->lease.id)
            .number(record_->lease.attempt)
            .number(record_->level)
            .text(record_->name)
            .text(record_->content)
            .text(record_->arguments);
    }
    void settle(std::string_view answer) noexcept {
        try {
            packet_reader{answer}.number(result_).number(took_us).text(out_);
        } catch (...) {
            return lost("there was no memory for the result");
        }
        if (result_.end > wire::run_end::returned)
            lost("the handler's process gave no answer that can be read");
    }
    void lost(std::string_view why) noexcept {
        result_ = {};
        result_.end = wire::run_end::failure;
        try {
            write_error_text(out_, why);
        } catch (...) {  // no memory left even to say so
            out_.clear();
        }
    }
    void refused() noexcept {
        result_ = {};
        result_.end = wire::run_end::returned;
        out_.clear();
    }
    static policy::job_transfer const by_packets;

    void execute() noexcept {
        using clock = std::chrono::steady_clock;
        auto const begin = clock::now();
        auto const made = invoke();
        auto const took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begin);
        result_ = {};
        took_us = static_cast<std::uint64_t>(took.count());
        if (made.ok()) return;
        result_.end = made.code == errc::cancelled ? wire::run_end::cancelled : wire::run_end::failure;
        result_.code = made.code;
        result_.final = made.is_final;
        if (made.retry_after_ms) result_.retry_after_ms = std::min(*made.retry_after_ms, wire::max_number);
    }
    [[nodiscard]] invocation_result invoke() noexcept {
        if (task_ == nullptr) {
            out_ = "this worker has no such task";
            return {errc::unknown_task_name, true};
        }
        context ctx{record_->lease.id, record_->lease.attempt, task_->name(), static_cast<run_host&>(*this),
                    &(*resources_)[thread]};
        auto const made = run_in(ctx);
        if (!made.ok() || out_.size() <= max_payload_) return made;
        auto const size = std::to_string(out_.size());
        out_ = "the result has " + size + " octets, over the limit of " + std::to_string(max_payload_);
        return {errc::too_large, true};
    }
    [[nodiscard]] invocation_result run_in(context& ctx) noexcept {
        if (hooks_->around.empty()) return task_->invoke(ctx, record_->content, record_->arguments, out_);
        try {
            return hooks_->run(
                ctx, out_, [&] { return task_->invoke(ctx, record_->content, record_->arguments, out_); });
        } catch (...) {
            return fastqueue::detail::report_exception(out_, fastqueue::detail::run_phase::running);
        }
    }
    [[nodiscard]] bool stop_requested() const noexcept override {
        return stop_.load(std::memory_order_acquire);
    }
    void progress(std::string_view text) noexcept override {
        try {
            if (tell_ != nullptr) return (*tell_)(text);
            std::scoped_lock const lock{mutex_};
            progress_.assign(text);
            if (has_progress_.exchange(true, std::memory_order_release) || !wake_) return;
            wake_();
        } catch (...) {  // no memory for it: the run goes on without
        }
    }
    [[nodiscard]] std::stop_token token() override {
        std::scoped_lock const lock{mutex_};
        if (!source_) source_.emplace();
        if (stop_.load(std::memory_order_acquire)) source_->request_stop();
        return source_->get_token();
    }

    std::uint32_t slot_ = 0;
    core::run_record const* record_ = nullptr;
    task_definition const* task_ = nullptr;
    worker_hooks const* hooks_ = nullptr;
    std::vector<thread_resources>* resources_ = nullptr;
    std::uint64_t max_payload_ = 0;
    std::string out_;
    core::run_result result_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;  // of what is below; taken by who uses it, not for each run
    std::optional<std::stop_source> source_;
    std::string progress_;
    std::atomic<bool> has_progress_{false};
    std::function<void()> wake_;
    std::function<void(std::string_view)> const* tell_ = nullptr;
};

inline constexpr policy::job_transfer execution::by_packets{
    [](policy::job const& self, std::string& request) { static_cast<execution const&>(self).pack(request); },
    [](policy::job& self, std::string_view answer) noexcept { static_cast<execution&>(self).settle(answer); },
    [](policy::job& self, std::string_view text) noexcept { static_cast<execution&>(self).progress(text); },
    [](policy::job& self, std::string_view why) noexcept { static_cast<execution&>(self).lost(why); },
    [](policy::job& self) noexcept { static_cast<execution&>(self).refused(); }};

}  // namespace fastqueue::shell
