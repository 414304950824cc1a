#pragma once

#include <fastqueue/policy/store.hpp>
#include <fastqueue/testing/durable_disk.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::testing {

/// A durable store without a disk: what it commits goes to a `durable_disk`, when the test says so. To crash, drop it:
/// all that was not committed is lost; make another on the same disk. It can also know tasks of another control plane,
/// be full, and break. One thread at a time.
///
/// What was not yet flushed can't be committed, as with a disk, so a role that forgets to flush is found out.
class simulated_store {
public:
    explicit simulated_store(std::shared_ptr<durable_disk> disk) : disk_{std::move(disk)} {}
    simulated_store(simulated_store const&) = delete;
    simulated_store& operator=(simulated_store const&) = delete;

    void attach(std::function<void()> wake) { wake_ = std::move(wake); }

    policy::store_sequence put(policy::task_record const& task) {
        auto copy = std::make_shared<task_copy>(task);
        return write([this, copy = std::move(copy)](durable_disk& disk) {
            if (auto const there = disk.put(copy->record)) news_.existing.push_back(*there);
        });
    }
    policy::store_sequence claim(policy::task_number number, std::uint32_t attempt) {
        return write([=](durable_disk& disk) { disk.claim(number, attempt); });
    }
    policy::store_sequence requeue(policy::attempt_record const& attempt) {
        return write([record = attempt, history = std::string{attempt.history}](durable_disk& disk) mutable {
            record.history = history;
            disk.requeue(record);
        });
    }
    policy::store_sequence finish(policy::result_record const& result) {
        return write([record = result, value = std::string{result.value}, worker = std::string{result.worker},
                      history = std::string{result.history}](durable_disk& disk) mutable {
            record.value = value;
            record.worker = worker;
            record.history = history;
            disk.finish(record);
        });
    }
    policy::store_sequence forget(policy::task_number number) {
        return write([=](durable_disk& disk) { disk.forget(number); });
    }
    policy::store_sequence erase(policy::task_number number) {
        return write([=](durable_disk& disk) { disk.erase(number); });
    }
    policy::store_sequence member(std::string_view name, bool there) {
        return write([name = std::string{name}, there](durable_disk& disk) { disk.member(name, there); });
    }

    void flush(policy::store_sequence awaited) {
        flushed_ = written_;
        handed_over_ = pending_.size();
        awaited_ = std::max(awaited_, awaited);
        if (on_flush_) on_flush_();
    }
    void poll(policy::store_news& news) {
        news.existing.clear();
        news.fetched.clear();
        news.backups.clear();
        std::swap(news.existing, news_.existing);
        std::swap(news.fetched, news_.fetched);
        std::swap(news.backups, news_.backups);
        news.committed = committed_;
        news.full = news_.full;
        news.failure = news_.failure;
    }
    [[nodiscard]] uuid epoch() const noexcept { return disk_->epoch(); }

    [[nodiscard]] bool keeps() const noexcept { return true; }
    void restore(policy::restore_sink& sink, std::uint64_t octets) const { disk_->restore(sink, octets); }
    void fetch(policy::task_number number) {
        pending_.push_back({written_, false, [this, number](durable_disk& disk) {
                                news_.fetched.push_back({number, disk.arguments(number)});
                            }});
    }
    void backup(std::string const& path) {
        pending_.push_back({written_, false, [this, path](durable_disk& disk) {
                                auto const fresh = backups_.emplace(path, disk).second;
                                news_.backups.push_back({path, fresh ? "" : "there is such a file already"});
                            }});
    }

    // ---- for tests

    /// Called at each flush: for an owner who lets the disk work in virtual time.
    void on_flush(std::function<void()> then) { on_flush_ = std::move(then); }
    /// The next `count` of what was flushed reach the disk, and nobody is told: the machine dies in the middle of a commit.
    void write_untold(std::size_t count) {
        for (; !news_.failure && count > 0 && handed_over_ > 0; --count, --handed_over_) {
            pending_.front().work(*disk_);
            pending_.pop_front();
        }
    }
    /// Commits up to that write, or as far as was flushed, and does what was asked for among those writes; calls `wake`
    /// if that is anything.
    void commit_up_to(policy::store_sequence n) {
        bool any = false;
        while (!news_.failure && handed_over_ > 0 && pending_.front().number <= n) {
            auto const next = std::move(pending_.front());
            pending_.pop_front();
            --handed_over_;
            next.work(*disk_);
            if (next.is_write) committed_ = next.number;
            any = true;
        }
        if (any && wake_) wake_();
    }
    /// Commits all that was flushed.
    void commit_all() { commit_up_to(flushed_); }
    /// From now on nothing is committed any more, and `poll` tells why.
    void fail(std::string why) {
        news_.failure = std::move(why);
        if (wake_) wake_();
    }
    /// No new task may come in, and why; without a reason: they may again.
    void set_full(std::optional<std::string> why) {
        news_.full = std::move(why);
        if (wake_) wake_();
    }
    /// Another control plane has stored this: a `put` with that id finds it taken.
    void hold(policy::already_stored const& task) { disk_->hold(task); }

    /// Whether something was handed over that is not done yet.
    [[nodiscard]] bool is_busy() const noexcept { return handed_over_ > 0; }
    [[nodiscard]] policy::store_sequence written() const noexcept { return written_; }
    [[nodiscard]] policy::store_sequence flushed() const noexcept { return flushed_; }
    [[nodiscard]] policy::store_sequence awaited() const noexcept {
        return awaited_;
    }  ///< the furthest that was
    [[nodiscard]] policy::store_sequence committed() const noexcept { return committed_; }
    [[nodiscard]] std::shared_ptr<durable_disk> const& disk() const noexcept { return disk_; }
    [[nodiscard]] std::map<std::string, durable_disk> const& backups() const noexcept { return backups_; }

private:
    /// A write, or a request after that write.
    struct step {
        policy::store_sequence number;
        bool is_write;
        std::function<void(durable_disk&)> work;
    };
    /// A record with its octets.
    struct task_copy {
        explicit task_copy(policy::task_record const& task)
            : record{task},
              name{task.name},
              content{task.content},
              arguments{task.arguments},
              attributes{task.attributes} {
            record.name = name;
            record.content = content;
            record.arguments = arguments;
            record.attributes = attributes;
        }
        task_copy(task_copy const&) = delete;
        task_copy& operator=(task_copy const&) = delete;
        policy::task_record record;
        std::string name;
        std::string content;
        std::string arguments;
        std::string attributes;
    };

    policy::store_sequence write(std::function<void(durable_disk&)> work) {
        pending_.push_back({++written_, true, std::move(work)});
        return written_;
    }

    std::shared_ptr<durable_disk> disk_;
    std::function<void()> wake_;
    std::function<void()> on_flush_;
    std::deque<step> pending_;     // not committed
    std::size_t handed_over_ = 0;  // of them, by a flush
    policy::store_sequence written_ = 0;
    policy::store_sequence flushed_ = 0;
    policy::store_sequence awaited_ = 0;
    policy::store_sequence committed_ = 0;
    policy::store_news news_;  // not yet told
    std::map<std::string, durable_disk> backups_;
};

static_assert(policy::durable_store<simulated_store>);

}  // namespace fastqueue::testing
