#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/run_desk.hpp>
#include <fastqueue/core/task_documents.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/core/worker_desk.hpp>
#include <fastqueue/json/writer.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// What an operator asks and orders: single tasks and single workers. Each verb is answered with itself and a document.
template <class P>
class admin_desk {
public:
    admin_desk(plane_state<P>& state, task_life<P> const& life, worker_desk<P>& workers, run_desk<P>& runs)
        : s_{state}, workers_{workers}, runs_{runs}, documents_{state, life, workers} {}

    /// \return false: it is none of its verbs
    bool verb(request& r, wire::header const& h, std::string_view payload) {
        if (h.verb() == "tasks")
            list(r, h);
        else if (h.verb() == "inspect")
            one(r, h, [this](task_id const& id) { return documents_.inspect(id); });
        else if (h.verb() == "why")
            one(r, h, [this](task_id const& id) { return documents_.why(id); });
        else if (h.verb() == "drain")
            drain(r, h);
        else if (h.verb() == "backup")
            backup(r, h, payload);
        else
            return false;
        return true;
    }
    /// A copy of the store is there, or could not be made.
    void backed_up(policy::backup_done const& done) {
        auto const asked = std::ranges::find(backups_, done.path, &pending_backup::path);
        if (asked == backups_.end()) return;
        auto const b = std::move(*asked);
        backups_.erase(asked);
        if (s_.peers.find(b.peer) != b.whom.peer) return;  // who asked has gone
        auto r = b.whom;
        if (!done.failure.empty()) return s_.error(r, "-", errc::store_failed, b.ref, done.failure);
        std::string document;
        json::writer{document}.begin_object().key("path").value(done.path).end_object();
        s_.show(r, b.ref, "backup", {}, document);
    }

private:
    void list(request& r, wire::header const& h) {
        task_filter f;
        if (auto const problem = f.read(h, "limit"); !problem.empty()) return s_.refuse(r, h, problem);
        if (f.state && is_final(*f.state) && (f.level || !f.tags.empty()))
            return s_.refuse(
                r, h,
                "results are listed by state= and name= only: tags and priorities end with their tasks");
        auto const limit = s_.list_limit(r, h);
        if (!limit) return;
        f.limit = *limit;
        s_.show(r, h, h.verb(), {}, documents_.list(f));
    }
    template <class Document>
    void one(request& r, wire::header const& h, Document&& of) {
        auto const id = s_.asked_id(r, h);
        if (!id) return;
        auto const document = of(*id);
        if (!document)
            return s_.error(r, id->text(), errc::unknown_task, ref_of(h), "no such task is known here");
        s_.show(r, h, h.verb(), id->text(), *document);
    }
    void drain(request& r, wire::header const& h) {
        auto const undo = h.get("undo");
        if (h.positional().size() != 1 || !(undo.empty() || undo == "1"))
            return s_.refuse(r, h, "the verb takes the name of one worker, and undo=1");
        auto const w = workers_.set_aside(h.positional()[0], undo.empty());
        if (w == none) {
            return s_.error(r, "-", errc::unknown_worker, ref_of(h),
                            "no worker of that name is registered here; see workers");
        }
        auto const& record = s_.workers[w];
        if (undo.empty()) runs_.recall_ahead(w);
        std::string document;
        json::writer out{document};
        out.begin_object().key("worker").value(record.name.view()).key("state").value(record.state_name());
        out.key("outstanding").value(record.outstanding).end_object();
        s_.show(r, h, h.verb(), record.name.view(), document);
    }

    /// A path names a file on this machine, so only who is on it may ask.
    void backup(request& r, wire::header const& h, std::string_view path) {
        if (!is_loopback(s_.peers[r.peer].address) && !s_.peers[r.peer].same_process)
            return s_.error(r, "-", errc::not_authorized, ref_of(h),
                            "a backup is only made for who asks from this machine");
        if (path.empty() || path.front() != '/' || path.find('\0') != std::string_view::npos)
            return s_.refuse(r, h, "the payload is the absolute path of the file to make");
        if constexpr (policy::durable_store<typename P::store_policy>) {
            if (s_.keeps()) {
                backups_.push_back({std::string{path}, std::string{ref_of(h)}, s_.peers[r.peer].id, r});
                return s_.store.backup(std::string{path});
            }
        }
        s_.refuse(r, h, "this control plane keeps its tasks in memory only: there is nothing to copy");
    }
    [[nodiscard]] static bool is_loopback(std::string_view address) {
        return endpoint{std::string{address}, 0}.is_loopback();
    }

    struct pending_backup {
        std::string path;
        std::string ref;
        peer_id peer;
        request whom;
    };

    plane_state<P>& s_;
    worker_desk<P>& workers_;
    run_desk<P>& runs_;
    task_documents<P> documents_;
    std::vector<pending_backup> backups_;
};

}  // namespace fastqueue::core
