#pragma once

#include <fastqueue/model/outcome.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/shell/client_operations.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::shell {

/// One of the tasks that were waited for.
template <class R>
struct completion {
    std::size_t index = 0;  ///< its place among those asked for
    task_id id;
    std::error_code error;  ///< nothing could be learnt: `unknown_task`, `timed_out`, `stopped` ...
    std::optional<outcome<R>>
        result;  ///< what became of it; empty with an error, or if it has not ended in time
};

/// Tasks in the order in which they end, as a range of `completion<R>&`. One thread at a time. It may be destroyed at any
/// time; what is still waited for is then let go.
template <class R, class Policies>
class completions {
    struct state {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<completion<R>> arrived;
    };

public:
    completions(client_operations<Policies>& client, std::span<task_id const> ids,
                std::chrono::milliseconds timeout)
        : left_{ids.size()} {
        for (std::size_t i = 0; i < ids.size(); ++i) {
            client.template async_wait<R>(
                ids[i], timeout, [to = state_, i, id = ids[i]](std::error_code why, outcome<R> result) {
                    bool const ended = !why && is_final(result.state());
                    completion<R> made{i, id, why, std::nullopt};
                    if (ended) made.result.emplace(std::move(result));
                    std::scoped_lock const lock{to->mutex};
                    to->arrived.push_back(std::move(made));
                    to->changed.notify_one();
                });
        }
    }

    /// Waits for the next one. \return empty: all have been shown
    [[nodiscard]] std::optional<completion<R>> next() {
        if (left_ == 0) return std::nullopt;
        --left_;
        std::unique_lock lock{state_->mutex};
        state_->changed.wait(lock,
                             [this] { return !state_->arrived.empty(); });  // the operation's time bounds it
        std::optional<completion<R>> first{std::move(state_->arrived.front())};
        state_->arrived.pop_front();
        return first;
    }

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = completion<R>;
        using difference_type = std::ptrdiff_t;
        using pointer = value_type*;
        using reference = value_type&;

        iterator() = default;
        explicit iterator(completions& of) : of_{&of} { ++*this; }
        [[nodiscard]] reference operator*() const noexcept { return *of_->shown_; }
        [[nodiscard]] pointer operator->() const noexcept { return &*of_->shown_; }
        iterator& operator++() {
            of_->shown_ = of_->next();
            if (!of_->shown_) of_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        [[nodiscard]] friend bool operator==(iterator const& a, iterator const& b) noexcept {
            return a.of_ == b.of_;
        }

    private:
        completions* of_ = nullptr;
    };
    [[nodiscard]] iterator begin() { return iterator{*this}; }
    [[nodiscard]] iterator end() noexcept { return {}; }

private:
    std::shared_ptr<state> state_ = std::make_shared<state>();
    std::size_t left_;
    std::optional<completion<R>> shown_;
};

}  // namespace fastqueue::shell
