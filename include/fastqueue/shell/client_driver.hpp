#pragma once

#include <fastqueue/core/client.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/shell/client_inbox.hpp>
#include <fastqueue/shell/perform.hpp>
#include <fastqueue/shell/queued.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace fastqueue::shell {

/// Who is told how an operation ended. Called once, and where more than one answer comes with each of them, on the driver's
/// thread; it must not block.
class answer_handler {
public:
    virtual void answered(core::client_answer const& answer) noexcept = 0;

protected:
    ~answer_handler() = default;
};

/// A client's machine with its transport: operations go in from any thread, answers come out on the driver's. The blocking
/// client lends it a thread, an asynchronous one is a guest in its user's loop, and a simulated network turns it in virtual
/// time.
template <class Policies>
class client_driver : private detail::checked<Policies>, private policy::transport_sink {
public:
    using transport_type = typename Policies::transport_policy;

    client_driver(core::client_options options, std::unique_ptr<transport_type> transport)
        : transport_{detail::given_or_made(std::move(transport))},
          core_{std::move(options)},
          inbox_{std::make_shared<client_inbox>([this] { transport_->wake(); })} {
        transport_->attach(*this);
        if constexpr (requires { transport_->read_always(); }) transport_->read_always();
    }
    ~client_driver() override { inbox_->detach(); }

    /// Begins an operation; `handler` hears of its end and lives until then. Safe from any thread.
    void post(core::client_request request, answer_handler& handler) {
        request.cookie = reinterpret_cast<std::uintptr_t>(&handler);
        if (inside()) return own_.push_back(std::move(request));
        if (inbox_->post(request)) return;
        auto const end = inbox_->reason();
        handler.answered({0, end.why, nullptr, end.text});
    }
    /// The same on the thread that turns the loop, which need not be woken for it.
    void begin(core::client_request request, answer_handler& handler) {
        request.cookie = reinterpret_cast<std::uintptr_t>(&handler);
        own_.push_back(std::move(request));
        turn_end();
    }
    /// Where an operation can be cancelled by its number, also when the driver is gone.
    [[nodiscard]] std::shared_ptr<client_inbox> const& inbox() const noexcept { return inbox_; }

    void run() requires policy::runnable_transport<transport_type> { transport_->run(); }
    /// One turn, which waits for something to do. \return false: stopped
    bool turn() requires policy::turnable_transport<transport_type> { return transport_->turn(); }
    /// Ends all operations with `errc::stopped`; then `run` returns. Safe from any thread.
    void stop() noexcept { inbox_->close(); }
    /// The same with another reason, for an owner that knows why there will be no answer any more.
    void stop(std::error_code why, std::string text) { inbox_->close(why, std::move(text)); }
    /// The same at once, for an owner whose thread is the loop's.
    void stop_here() {
        inbox_->close();
        last_turn_ = true;
        if (!inside()) turn_end();
    }
    /// Whether the loop is somebody else's.
    [[nodiscard]] bool is_guest() const noexcept {
        if constexpr (requires { transport_->is_guest(); })
            return transport_->is_guest();
        else
            return false;
    }
    [[nodiscard]] transport_type& transport() noexcept { return *transport_; }
    [[nodiscard]] core::client const& machine() const noexcept { return core_; }

private:
    static void deliver(core::client_answer const& answer) noexcept {
        reinterpret_cast<answer_handler*>(static_cast<std::uintptr_t>(answer.cookie))->answered(answer);
    }

    [[nodiscard]] bool inside() const noexcept {
        return inside_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }
    /// An event of the loop: what is posted in it will be seen at its turn's end.
    void enter() {
        core_.at(transport_->now());
        inside_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }
    void opened(peer_id peer, peer_info const&) override {
        enter();
        core_.opened(peer);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) override {
        enter();
        core_.message(peer, frames, deliver);
        if (own_.size() >= wire::many_pairs / 2) hand_on();
    }
    void closed(peer_id peer, std::error_code why) override {
        enter();
        core_.closed(peer, why, deliver);
    }
    void due() override {}
    void woken() override {}
    void turn_end() override {
        core_.at(transport_->now());
        inside_.store({}, std::memory_order_relaxed);
        // Answers that came before the end shall be heard: one more turn tells them.
        bool const closed = take_inbox();
        bool const closing = closed && std::exchange(last_turn_, true);
        if (closed && !closing) transport_->wake();
        if (closing) end_all();
        core_.turn(queued(), deliver);
        perform();
        if (core_.goes_on()) transport_->wake();
        auto const next = core_.next_deadline();
        transport_->arm(next == instant::max() ? std::nullopt : std::optional{next});
        if (!closing) return;
        if constexpr (policy::runnable_transport<transport_type>) transport_->stop();
    }
    [[nodiscard]] auto queued() const noexcept {
        return [this](peer_id peer) { return shell::queued(*transport_, peer); };
    }
    void perform() {
        shell::perform(core_.outbox(), ~policy::store_sequence{0}, *transport_, frames_,
                       [this](std::uint32_t tag, peer_id peer) { core_.dialled(tag, peer); });
    }
    /// What answers have led to goes out before the next ones are read: the others can be busy with it meanwhile.
    void hand_on() {
        start(own_);
        core_.send_started(queued());
        perform();
        if constexpr (policy::flushes<transport_type>) transport_->flush();
    }
    void start(std::vector<core::client_request>& requests) {
        starting_.swap(requests);  // who hears that one has failed may post another one
        for (auto& request : starting_) {
            auto const cookie = request.cookie;
            if (auto const failed = core_.start(std::move(request))) deliver({cookie, failed, nullptr, {}});
        }
        starting_.clear();
    }
    void end_all() {
        auto const end = inbox_->reason();
        core_.fail_all(end.why, end.text, deliver);
    }
    bool take_inbox() {
        bool const closing = inbox_->take(requests_, cancels_);
        start(own_);
        start(requests_);
        for (auto const number : cancels_) core_.cancel(number, deliver);
        return closing;
    }

    std::unique_ptr<transport_type> transport_;
    core::client core_;
    std::shared_ptr<client_inbox> inbox_;
    std::vector<core::client_request> own_;       // posted by handlers of answers, in this turn
    std::vector<core::client_request> requests_;  // of other threads
    std::vector<core::client_request> starting_;
    std::vector<std::uint64_t> cancels_;
    std::vector<std::string_view> frames_;
    std::atomic<std::thread::id> inside_;  // the thread that is in an event
    bool last_turn_ = false;
};

}  // namespace fastqueue::shell
