#pragma once

#include <fastqueue/core/pause_name.hpp>
#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/run_desk.hpp>
#include <fastqueue/core/worker_desk.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/priority.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fastqueue::core {

/// What an operator holds back: tasks of a priority, or of a name, are taken and wait, and none of them begins until he lets them
/// go on. With a durable store a pause outlives a restart.
template <class P>
class pause_desk {
public:
    pause_desk(plane_state<P>& state, worker_desk<P> const& workers, run_desk<P>& runs)
        : s_{state}, workers_{workers}, runs_{runs} {}

    /// \return false: it is none of its verbs
    bool verb(request& r, wire::header const& h) {
        bool const pauses = h.verb() == "pause";
        if (!pauses && h.verb() != "resume") return false;
        auto const name = h.get("name");
        auto const level = h.get("priority");
        auto const p = parse_priority(level);
        if (!h.positional().empty() || (name.empty() && level.empty()))
            s_.refuse(r, h, "the verb takes name=, or priority=, or both");
        else if (!level.empty() && !p)
            s_.refuse(r, h, "priority= is critical, high, normal or low");
        else if (!name.empty() && s_.dispatch.names().find(name) == none)
            s_.error(r, "-", errc::unknown_task_name, ref_of(h),
                     "no task of that name was ever seen here; see names");
        else
            set(r, h, name, p, pauses);
        return true;
    }

private:
    void set(request& r, wire::header const& h, std::string_view name, std::optional<priority> level,
             bool paused) {
        if (level) {
            s_.dispatch.pause(*level, paused);
            keep(r, pause_name::of(*level), paused);
        }
        if (!name.empty()) {
            s_.dispatch.pause(s_.dispatch.names().find(name), paused);
            keep(r, pause_name::of(name), paused);
        }
        if (paused) {  // what is at workers and has not begun comes back; the rest of it is given out again
            for (auto const& [id, w] : workers_.by_name()) runs_.recall_ahead(w);
        }
        s_.show(r, h, h.verb(), {}, document());
    }
    void keep(request& r, std::string const& what, bool paused) {
        if (s_.keeps()) s_.rests_on(r, s_.store.member(what, paused));
    }
    [[nodiscard]] std::string document() const {
        std::string out;
        json::writer w{out};
        w.begin_object().key("priorities").begin_array();
        for (std::size_t level = 0; level < priority_count; ++level) {
            if (s_.dispatch.is_paused(static_cast<priority>(level))) w.value(priority_names[level]);
        }
        w.end_array().key("names").begin_array();
        for (auto const& entry : s_.dispatch.names()) {
            if (entry.paused) w.value(entry.name);
        }
        w.end_array().end_object();
        return out;
    }

    plane_state<P>& s_;
    worker_desk<P> const& workers_;
    run_desk<P>& runs_;
};

}  // namespace fastqueue::core
