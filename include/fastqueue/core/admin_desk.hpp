#pragma once

#include <fastqueue/core/plane_state.hpp>
#include <fastqueue/core/run_desk.hpp>
#include <fastqueue/core/task_documents.hpp>
#include <fastqueue/core/task_life.hpp>
#include <fastqueue/core/worker_desk.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/wire/number.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fastqueue::core {

/// What an operator asks and orders: single tasks and single workers. Each verb is answered with itself and a document.
template <class P>
class admin_desk {
public:
    admin_desk(plane_state<P>& state, task_life<P> const& life, worker_desk<P>& workers, run_desk<P>& runs)
        : s_{state}, workers_{workers}, runs_{runs}, documents_{state, life, workers} {}

    /// \return false: it is none of its verbs
    bool verb(request& r, wire::header const& h) {
        if (h.verb() == "tasks")
            list(r, h);
        else if (h.verb() == "inspect")
            one(r, h, [this](task_id const& id) { return documents_.inspect(id); });
        else if (h.verb() == "why")
            one(r, h, [this](task_id const& id) { return documents_.why(id); });
        else if (h.verb() == "drain")
            drain(r, h);
        else
            return false;
        return true;
    }

private:
    void list(request& r, wire::header const& h) {
        constexpr std::uint64_t most = 10'000;
        task_filter f;
        if (!h.positional().empty()) return refuse(r, h, "the verb takes state=, name= and limit= only");
        if (auto const text = h.get("state"); !text.empty()) {
            f.state = parse_task_state(text);
            if (!f.state) return refuse(r, h, "state= is none that a task can be in");
        }
        if (auto const text = h.get("limit"); !text.empty()) {
            auto const limit = wire::read_number(text, most);
            if (!limit || *limit == 0) return refuse(r, h, "limit= is 1 to 10000");
            f.limit = static_cast<std::uint32_t>(*limit);
        }
        f.name = h.get("name");
        s_.show(r, h, h.verb(), {}, documents_.list(f));
    }
    template <class Document>
    void one(request& r, wire::header const& h, Document&& of) {
        auto const id = h.positional().size() == 1 ? uuid::parse(h.positional()[0]) : std::nullopt;
        if (!id) return refuse(r, h, "the verb takes one id, which is a UUID");
        auto const document = of(*id);
        if (!document)
            return s_.error(r, id->text(), errc::unknown_task, ref_of(h), "no such task is known here");
        s_.show(r, h, h.verb(), id->text(), *document);
    }
    void drain(request& r, wire::header const& h) {
        auto const undo = h.get("undo");
        if (h.positional().size() != 1 || !(undo.empty() || undo == "1"))
            return refuse(r, h, "the verb takes the name of one worker, and undo=1");
        auto const w = workers_.set_aside(h.positional()[0], undo.empty());
        if (w == none) {
            return s_.error(r, "-", errc::unknown_worker, ref_of(h),
                            "no worker of that name is registered here; see workers");
        }
        auto const& record = s_.workers[w];
        if (undo.empty()) runs_.recall_ahead(w);
        std::string document;
        json::writer out{document};
        out.begin_object().key("worker").value(record.name).key("state").value(record.state_name());
        out.key("outstanding").value(record.outstanding).end_object();
        s_.show(r, h, h.verb(), record.name, document);
    }

    void refuse(request& r, wire::header const& h, std::string_view why) {
        s_.error(r, "-", errc::bad_request, ref_of(h), why);
    }

    plane_state<P>& s_;
    worker_desk<P>& workers_;
    run_desk<P>& runs_;
    task_documents<P> documents_;
};

}  // namespace fastqueue::core
