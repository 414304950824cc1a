#pragma once

#include <fastqueue/policy/transport.hpp>
#include <fastqueue/transport/zmq_bell.hpp>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <zmq.hpp>

namespace fastqueue::transport::detail {

/// What libzmq holds of ours for one peer. Its I/O thread writes it down when it has let a message go, which is when the
/// message is with the system or in the 8 KiB in front of it.
struct zmq_account {
    explicit zmq_account(std::shared_ptr<zmq_bell> b) : bell{std::move(b)} {}

    std::shared_ptr<zmq_bell> bell;
    std::atomic<std::uint64_t> queued{0};
    std::atomic<bool> awaited{false};  // somebody waits until it is 0

    void enter(std::uint64_t cost) noexcept { queued.fetch_add(cost, std::memory_order_relaxed); }
    void leave(std::uint64_t cost) noexcept {
        auto const before = queued.fetch_sub(cost, std::memory_order_acq_rel);
        if (before > policy::much_queued || (before == cost && awaited.load(std::memory_order_acquire)))
            bell->ring();
    }
};

/// The last frame of a message, with the whole message's cost: frames leave in order, so when libzmq lets this one go, all
/// are gone.
class zmq_parcel {
public:
    /// \throws std::bad_alloc
    [[nodiscard]] static ::zmq::message_t pack(std::shared_ptr<zmq_account> const& account,
                                               std::string_view text, std::uint64_t cost) {
        auto* const memory = static_cast<char*>(::operator new(sizeof(zmq_parcel) + text.size()));
        auto* const parcel = new (memory) zmq_parcel{account, cost};
        auto* const copy = memory + sizeof(zmq_parcel);
        if (!text.empty()) std::memcpy(copy, text.data(), text.size());
        account->enter(cost);
        try {
            return ::zmq::message_t{copy, text.size(), &zmq_parcel::let_go, parcel};
        } catch (::zmq::error_t const&) {
            let_go(copy, parcel);
            throw std::bad_alloc{};
        }
    }

private:
    zmq_parcel(std::shared_ptr<zmq_account> account, std::uint64_t cost)
        : account_{std::move(account)}, cost_{cost} {}

    static void let_go(void*, void* hint) noexcept {
        auto* const parcel = static_cast<zmq_parcel*>(hint);
        auto const account = std::move(parcel->account_);
        auto const cost = parcel->cost_;
        parcel->~zmq_parcel();
        ::operator delete(hint);
        account->leave(cost);
    }

    std::shared_ptr<zmq_account> account_;
    std::uint64_t cost_;
};

}  // namespace fastqueue::transport::detail
