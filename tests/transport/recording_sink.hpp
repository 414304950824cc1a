#pragma once

#include <fastqueue/policy/transport.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace fastqueue::test {

/// Writes down everything a transport tells, and lets a test answer from within.
class recording_sink final : public policy::transport_sink {
public:
    struct arrival {
        peer_id peer;
        std::uint32_t tag;
        bool accepted, one_at_a_time, same_process;
        std::string address;
    };
    struct letter {
        peer_id peer;
        std::vector<std::string> frames;
    };
    struct ending {
        peer_id peer;
        std::error_code why;
    };

    std::vector<arrival> arrivals;
    std::vector<letter> letters;
    std::vector<ending> endings;
    int dues = 0;
    int wakes = 0;
    int turns = 0;
    bool inside = false;  // a call is under way
    bool nested = false;  // a call came while another was under way
    bool keep_letters = true;
    std::uint64_t letters_seen = 0;
    std::function<void(peer_id)> on_opened;
    std::function<void(peer_id, std::span<std::string_view const>)> on_message;
    std::function<void(peer_id)> on_closed;
    std::function<void()> on_due, on_woken, on_turn_end;

    void opened(peer_id peer, peer_info const& info) override {
        auto const guard = enter();
        arrivals.push_back({peer, info.tag, info.accepted, info.one_at_a_time, info.same_process,
                            std::string{info.address}});
        if (on_opened) on_opened(peer);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) override {
        auto const guard = enter();
        ++letters_seen;
        if (keep_letters) letters.push_back({peer, {frames.begin(), frames.end()}});
        if (on_message) on_message(peer, frames);
    }
    void closed(peer_id peer, std::error_code why) override {
        auto const guard = enter();
        endings.push_back({peer, why});
        if (on_closed) on_closed(peer);
    }
    void due() override {
        auto const guard = enter();
        ++dues;
        if (on_due) on_due();
    }
    void woken() override {
        auto const guard = enter();
        ++wakes;
        if (on_woken) on_woken();
    }
    void turn_end() override {
        auto const guard = enter();
        ++turns;
        if (on_turn_end) on_turn_end();
    }

    [[nodiscard]] bool has_opened(peer_id peer) const {
        return std::ranges::any_of(arrivals, [&](arrival const& a) { return a.peer == peer; });
    }
    [[nodiscard]] bool has_closed(peer_id peer) const {
        return std::ranges::any_of(endings, [&](ending const& e) { return e.peer == peer; });
    }
    [[nodiscard]] std::error_code why_closed(peer_id peer) const {
        auto const at = std::ranges::find_if(endings, [&](ending const& e) { return e.peer == peer; });
        return at == endings.end() ? std::error_code{} : at->why;
    }

private:
    struct leaving {
        recording_sink& self;
        ~leaving() { self.inside = false; }
    };
    [[nodiscard]] leaving enter() {
        nested = nested || inside;
        inside = true;
        return leaving{*this};
    }
};

/// Sends the frames given.
template <class Transport>
[[nodiscard]] std::error_code post(Transport& t, peer_id to, std::vector<std::string> const& frames) {
    std::vector<std::string_view> const views(frames.begin(), frames.end());
    return t.send(to, views);
}

}  // namespace fastqueue::test
