#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/run_desk.hpp>
#include <fastqueue/core/task_filter.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/wire/number.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::core {

/// Cancels many tasks at once, by name, tag, priority or state: what has not begun is cancelled, what runs is asked to stop. A
/// request looks at so many tasks and cancels so many that no turn becomes long; its answer says where to go on.
template <class P>
class cancel_desk {
public:
    cancel_desk(plane_state<P>& state, task_life<P>& life, run_desk<P>& runs)
        : s_{state}, life_{life}, runs_{runs} {}

    /// \return false: it is none of its verbs
    bool verb(request& r, wire::header const& h) {
        if (h.verb() != "cancel") return false;
        task_filter wanted;
        if (auto const problem = wanted.read(h, "from"); !problem.empty())
            return s_.refuse(r, h, problem), true;
        auto const from = wire::read_number(h.get("from"), none).value_or(0);
        if (wanted.is_open() && h.get("all") != "1")
            s_.refuse(r, h,
                      "here the verb takes name=, tag.KEY=, priority= or state=, or all=1; one id is "
                      "cancelled at the tasks' ports");
        else if (wanted.state && is_final(*wanted.state))
            s_.refuse(r, h, "what has ended cannot be cancelled");
        else
            cancel(r, h, wanted, static_cast<std::uint32_t>(from));
        return true;
    }

private:
    static constexpr std::uint32_t most_looked_at = 1'000'000;
    static constexpr std::uint32_t most_cancelled = 10'000;

    void cancel(request& r, wire::header const& h, task_filter const& wanted, std::uint32_t slot) {
        std::uint32_t cancelled = 0;
        std::uint32_t asked = 0;
        std::uint32_t looked_at = 0;
        for (; slot < s_.tasks.capacity() && looked_at < most_looked_at && cancelled + asked < most_cancelled;
             ++slot, ++looked_at) {
            if (!is_wanted(wanted, slot)) continue;
            cancel_one(slot) ? ++cancelled : ++asked;
        }
        std::string document;
        json::writer w{document};
        w.begin_object().key("cancelled").value(cancelled).key("asked_to_stop").value(asked);
        if (slot < s_.tasks.capacity()) w.key("from").value(slot);
        w.end_object();
        s_.show(r, h, h.verb(), {}, document);
        if (cancelled > 0) s_.rests_on(r, s_.last_end);
    }
    [[nodiscard]] bool is_wanted(task_filter const& wanted, std::uint32_t slot) const {
        auto const& t = s_.tasks[slot];
        return !t.id.empty() && !t.cancel_requested && (!wanted.state || *wanted.state == t.state) &&
               wanted.fits(s_.dispatch.names()[t.name].name, t.level, s_.attributes_of(t));
    }
    /// \return false: a worker has it, and was asked
    bool cancel_one(std::uint32_t slot) {
        auto const state = s_.tasks[slot].state;
        if (state == task_state::running || state == task_state::assigned) return runs_.cancel(slot), false;
        life_.end(slot, task_state::cancelled, errc::cancelled, "cancelled");
        return true;
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    run_desk<P>& runs_;
};

}  // namespace fastqueue::core
