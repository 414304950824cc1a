#pragma once

#include <fastqueue/policy/store.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fastqueue::testing {

/// A store that commits when the test says so: for tests of what must not leave before it is safe. It can
/// also know tasks of another control plane, and break. One thread at a time.
///
/// What was not yet flushed can't be committed, as with a disk, so a role that forgets to flush is found out.
class delayed_store {
public:
    explicit delayed_store(uuid epoch = uuid::make_v4()) : epoch_{epoch} {}

    void attach(std::function<void()> wake) { wake_ = std::move(wake); }

    policy::store_sequence put(policy::task_record const& task) {
        ++written_;
        auto const [at, fresh] = tasks_.try_emplace(task.id);
        if (!fresh) {
            taken_.emplace_back(written_, at->second);
        } else {
            at->second = policy::already_stored{task.id, task_state::queued, task.fingerprint};
        }
        return written_;
    }
    policy::store_sequence claim(task_id id, std::uint32_t) { return set(id, task_state::assigned); }
    policy::store_sequence requeue(task_id id, std::uint32_t) { return set(id, task_state::queued); }
    policy::store_sequence finish(policy::result_record const& result) {
        return set(result.id, result.state);
    }
    policy::store_sequence forget(task_id) noexcept { return ++written_; }

    void flush() noexcept { flushed_ = written_; }
    void poll(policy::store_news& news) {
        news.committed = committed_;
        news.existing.clear();
        auto const safe =
            std::ranges::find_if(taken_, [this](auto const& t) { return t.first > committed_; });
        for (auto at = taken_.begin(); at != safe; ++at) news.existing.push_back(at->second);
        taken_.erase(taken_.begin(), safe);
        news.failure = failure_;
    }
    [[nodiscard]] uuid epoch() const noexcept { return epoch_; }

    /// Commits up to that write, or as far as was flushed; calls `wake` if that is further than before.
    void commit_up_to(policy::store_sequence n) {
        auto const reached = std::min(n, flushed_);
        if (failure_ || reached <= committed_) return;
        committed_ = reached;
        if (wake_) wake_();
    }
    /// Commits all that was flushed.
    void commit_all() { commit_up_to(flushed_); }
    /// From now on nothing is committed any more, and `poll` tells why.
    void fail(std::string why) {
        failure_ = std::move(why);
        if (wake_) wake_();
    }
    /// Another control plane has stored this: a `put` with that id finds it taken.
    void hold(policy::already_stored const& task) { tasks_[task.id] = task; }

    [[nodiscard]] policy::store_sequence written() const noexcept { return written_; }
    [[nodiscard]] policy::store_sequence flushed() const noexcept { return flushed_; }
    [[nodiscard]] policy::store_sequence committed() const noexcept { return committed_; }

private:
    policy::store_sequence set(task_id const& id, task_state state) {
        auto const at = tasks_.find(id);
        if (at != tasks_.end() && !is_final(at->second.state)) at->second.state = state;
        return ++written_;
    }

    uuid epoch_;
    std::function<void()> wake_;
    policy::store_sequence written_ = 0;
    policy::store_sequence flushed_ = 0;
    policy::store_sequence committed_ = 0;
    std::map<task_id, policy::already_stored> tasks_;
    std::vector<std::pair<policy::store_sequence, policy::already_stored>>
        taken_;  // puts that lost, not yet told
    std::optional<std::string> failure_;
};

static_assert(policy::store<delayed_store>);

}  // namespace fastqueue::testing
