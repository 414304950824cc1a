#pragma once

#include <fastqueue/model/time.hpp>
#include <fastqueue/transport/loop_gate.hpp>

#include <asio/steady_timer.hpp>
#include <optional>
#include <system_error>

namespace fastqueue::transport::detail {

/// Ends a loop's sleep when the earliest of many deadlines comes. Deadlines that move away cost nothing: the
/// timer stays where it is, rings too early once, and is then set anew.
class loop_timer {
public:
    explicit loop_timer(loop_gate& gate) : gate_{gate}, timer_{gate.io()} {}

    /// Sees to it that the loop is awake at `earliest` at the latest; it may be so before.
    void set(std::optional<instant> earliest) {
        if (!earliest || *earliest == instant::max()) return;
        if (set_to_ && *set_to_ <= *earliest) return;
        set_to_ = earliest;
        timer_.expires_at(*earliest);
        timer_.async_wait(gate_.wrap([this](std::error_code const& ec) {
            if (!ec) set_to_.reset();
        }));
    }
    void cancel() {
        timer_.cancel();
        set_to_.reset();
    }

private:
    loop_gate& gate_;
    asio::steady_timer timer_;
    std::optional<instant> set_to_;
};

}  // namespace fastqueue::transport::detail
