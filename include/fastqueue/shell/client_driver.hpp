#pragma once

#include <fastqueue/core/client.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/shell/perform.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::shell {

/// Who is told how an operation ended. Called once, on the driver's thread; it must not block.
class answer_handler {
public:
    virtual void answered(core::client_answer const& answer) noexcept = 0;

protected:
    ~answer_handler() = default;
};

/// A client's machine with its transport: operations go in from any thread, answers come out on the driver's. The blocking
/// client lends it a thread; a simulated network turns it in virtual time.
template <class Policies>
class client_driver : private detail::checked<Policies>, private policy::transport_sink {
public:
    using transport_type = typename Policies::transport_policy;

    client_driver(core::client_options options, std::unique_ptr<transport_type> transport)
        : transport_{detail::given_or_made(std::move(transport))}, core_{std::move(options)} {
        transport_->attach(*this);
    }

    /// Begins an operation; `handler` hears of its end and lives until then. Safe from any thread.
    void post(core::client_request request, answer_handler& handler) {
        bool first = false;
        {
            std::scoped_lock const lock{mutex_};
            if (!closed_) {
                request.cookie = reinterpret_cast<std::uintptr_t>(&handler);
                first = inbox_.empty();
                inbox_.push_back(std::move(request));
            } else {
                request.cookie = 0;
            }
        }
        if (request.cookie == 0 && closed_) return tell_stopped(handler);
        if (first) transport_->wake();
    }
    void run() requires policy::runnable_transport<transport_type> { transport_->run(); }
    /// Ends all operations with `errc::stopped`; then `run` returns. Safe from any thread.
    void stop() noexcept {
        {
            std::scoped_lock const lock{mutex_};
            closed_ = true;
        }
        transport_->wake();
    }
    [[nodiscard]] transport_type& transport() noexcept { return *transport_; }
    [[nodiscard]] core::client const& machine() const noexcept { return core_; }

private:
    static answer_handler& handler_of(std::uint64_t cookie) noexcept {
        return *reinterpret_cast<answer_handler*>(static_cast<std::uintptr_t>(cookie));
    }
    static void deliver(core::client_answer const& answer) noexcept {
        handler_of(answer.cookie).answered(answer);
    }
    static void tell_stopped(answer_handler& handler) noexcept {
        handler.answered({0, make_error_code(errc::stopped), nullptr, "the client has been stopped"});
    }

    void opened(peer_id peer, peer_info const&) override {
        core_.at(transport_->now());
        core_.opened(peer);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) override {
        core_.at(transport_->now());
        core_.message(peer, frames, deliver);
    }
    void closed(peer_id peer, std::error_code why) override {
        core_.at(transport_->now());
        core_.closed(peer, why, deliver);
    }
    void due() override {}
    void woken() override {}
    void turn_end() override {
        core_.at(transport_->now());
        bool const closing = take_inbox();
        for (auto& request : taken_) {
            auto const cookie = request.cookie;
            if (auto const failed = core_.start(std::move(request))) deliver({cookie, failed, nullptr, {}});
        }
        taken_.clear();
        if (closing) core_.fail_all(make_error_code(errc::stopped), "the client has been stopped", deliver);
        core_.turn(deliver);
        shell::perform(core_.outbox(), ~policy::store_sequence{0}, *transport_, frames_,
                       [this](std::uint32_t tag, peer_id peer) { core_.dialled(tag, peer); });
        auto const next = core_.next_deadline();
        transport_->arm(next == instant::max() ? std::nullopt : std::optional{next});
        if (!closing) return;
        if constexpr (policy::runnable_transport<transport_type>) transport_->stop();
    }
    bool take_inbox() {
        std::scoped_lock const lock{mutex_};
        taken_.swap(inbox_);
        return closed_;
    }

    std::unique_ptr<transport_type> transport_;
    core::client core_;
    std::mutex mutex_;  // of the inbox: taken once an operation by its caller, once a turn by the loop
    std::vector<core::client_request> inbox_;
    std::vector<core::client_request> taken_;
    std::vector<std::string_view> frames_;
    std::atomic<bool> closed_{false};
};

}  // namespace fastqueue::shell
