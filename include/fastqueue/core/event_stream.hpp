#pragma once

#include <fastqueue/core/task.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_state.hpp>
#include <fastqueue/policy/observer.hpp>
#include <fastqueue/policy/store.hpp>
#include <fastqueue/wire/pair_cursor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fastqueue::core {

/// The peers that asked for events, and what they are told. Costs nothing where nobody asked. One thread at a time.
class event_stream {
public:
    static constexpr std::size_t most = 64;  ///< peers

    /// \return false: there are too many
    [[nodiscard]] bool add(peer_id peer) {
        if (std::ranges::find(watchers_, peer) != watchers_.end()) return true;
        if (watchers_.size() == most) return false;
        watchers_.push_back(peer);
        return true;
    }
    void remove(peer_id peer) noexcept { std::erase(watchers_, peer); }
    [[nodiscard]] bool is_heard() const noexcept { return !watchers_.empty(); }

    /// What the name of an event is, that has befallen a task.
    [[nodiscard]] static std::string_view name_of_task(task_state state) noexcept {
        switch (state) {
            case task_state::scheduled:
                return "task.scheduled";
            case task_state::running:
                return "task.started";
            case task_state::retrying:
                return "task.retrying";
            case task_state::success:
                return "task.succeeded";
            case task_state::failure:
                return "task.failed";
            case task_state::cancelled:
                return "task.cancelled";
            case task_state::expired:
                return "task.expired";
            default:
                return "task.queued";
        }
    }
    /// \param after  the write on which it rests: it is told when that is committed
    /// \param code   of an attempt or a task that failed
    template <class State>
    void tell_task(State& s, std::string_view event, task const& t, std::uint64_t at_us,
                   std::string_view worker, errc code, policy::store_sequence after) const {
        std::string document;
        json::writer w{document};
        begin(w, event, at_us)
            .key("id")
            .value(t.id.text())
            .key("name")
            .value(s.dispatch.names()[t.name].name);
        w.key("priority")
            .value(name_of(t.level))
            .key("state")
            .value(name_of(t.state))
            .key("attempt")
            .value(t.attempt);
        if (!worker.empty()) w.key("worker").value(worker);
        if (code != errc{}) w.key("code").value(name_of(code));
        w.end_object();
        send(s, event, document, after);
    }
    template <class State>
    void tell_worker(State& s, policy::worker_event const& e) const {
        auto const event = "worker." + std::string{name_of(e.change)};
        std::string document;
        json::writer w{document};
        begin(w, event, s.now_us()).key("worker").value(e.worker).key("reason").value(e.reason).end_object();
        send(s, event, document, 0);
    }

private:
    static json::writer& begin(json::writer& w, std::string_view event, std::uint64_t at_us) {
        return w.begin_object().key("event").value(event).key("at_us").value(at_us);
    }
    template <class State>
    void send(State& s, std::string_view event, std::string_view document,
              policy::store_sequence after) const {
        for (auto const peer : watchers_) {
            auto const slot = s.peers.find(peer);
            auto const layout = s.peers[slot].packed ? wire::form::packed : wire::form::frames;
            auto& pairs = s.gated(slot, layout, after, document.size());
            auto header = pairs.begin("event");
            header.token(event);
            pairs.finish(document);
        }
    }

    std::vector<peer_id> watchers_;
};

}  // namespace fastqueue::core
