#pragma once

#include <fastqueue/transport/turn_clock.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace fastqueue::transport::detail {

/// The loop that a transport lives in: one of its own, which it turns itself, or somebody else's, where it is a guest. A
/// guest does what a turn's end does in a handler of its own, posted by the first thing that happens: so all that was ready
/// then is still written at once. When the guest has left, handlers of his that are still in the loop do nothing.
///
/// One thread at a time, `post` excepted.
class loop_gate {
public:
    /// \param host  nullptr: a loop of its own
    explicit loop_gate(asio::io_context* host)
        : own_{host == nullptr ? std::make_unique<asio::io_context>(1) : nullptr},
          io_{host == nullptr ? own_.get() : host},
          present_{host == nullptr ? nullptr : std::make_shared<bool>(true)} {
        if (own_) work_.emplace(own_->get_executor());
    }
    ~loop_gate() { leave(); }
    loop_gate(loop_gate const&) = delete;
    loop_gate& operator=(loop_gate const&) = delete;

    /// A guest has no more to do here.
    void leave() noexcept {
        if (present_) *present_ = false;
    }
    [[nodiscard]] asio::io_context& io() const noexcept { return *io_; }
    [[nodiscard]] bool is_guest() const noexcept { return present_ != nullptr; }
    /// What a guest does at a turn's end; it returns whether another turn is wanted. Once, before anything else.
    void on_turn(std::function<bool()> turn) { turn_ = std::move(turn); }

    /// `f` as a handler for the loop.
    template <class F>
    [[nodiscard]] auto wrap(F f) {
        return [this, present = present_, f = std::move(f)](auto&&... arguments) mutable {
            if (present && !*present) return;
            enter();
            f(std::forward<decltype(arguments)>(arguments)...);
        };
    }
    /// Something was done that a turn's end must see. Nothing for a transport that turns its loop itself.
    void enter() {
        if (!is_guest() || entered_ || !*present_) return;
        entered_ = true;
        clock_.begin_turn();
        asio::post(*io_, [this, present = present_] {
            if (!*present) return;
            bool const again = turn_();
            clock_.end_turn();
            entered_ = false;
            if (again) enter();
        });
    }
    /// Lets `f` run in the loop. Any thread, as long as the transport lives.
    template <class F>
    void post(F f) {
        asio::post(*io_, [this, present = present_, f = std::move(f)] {
            if (!*present) return;
            enter();
            f();
        });
    }
    [[nodiscard]] turn_clock& clock() noexcept { return clock_; }

private:
    std::unique_ptr<asio::io_context> own_;
    asio::io_context* io_;
    std::shared_ptr<bool> present_;  // none where the loop is our own, and so never outlives us
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::function<bool()> turn_;
    turn_clock clock_;
    bool entered_ = false;
};

}  // namespace fastqueue::transport::detail
