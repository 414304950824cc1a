#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "modules.hpp"
#include "options.hpp"
#include "output.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/json/writer.hpp>

#include <string>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// `fastqueue list`
class list_command {
public:
    explicit list_command(CLI::App& app)
        : options_{*app.add_subcommand("list", "List tasks: of modules, or of a running control plane")} {
        add_module_option(options_, modules_,
                          "Modules whose tasks are listed; without it the control plane is asked");
        connection_.add_to(options_);
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run(registry tasks) {
        options_.read();
        if (!modules_.empty())
            show(with_modules(std::move(tasks), modules_));
        else
            ask();
        return done;
    }

private:
    void show(registry const& tasks) const {
        if (connection_.json()) return say(as_json(tasks));
        table out{{{"TASK"}, {"WHAT IT DOES"}}};
        for (auto const& each : tasks) out.row({each.signature(), one_line(each.description())});
        say(out.text());
    }
    [[nodiscard]] static std::string as_json(registry const& tasks) {
        std::string out;
        json::writer w{out};
        w.begin_array();
        for (auto const& each : tasks) {
            w.begin_object().key("name").value(each.name()).key("signature").value(each.signature());
            w.key("description").value(each.description()).key("module").value(each.module()).end_object();
        }
        w.end_array();
        return out;
    }
    void ask() const {
        auto const document = connection_.ask({}, [](client& c) { return c.document("tasks"); });
        if (connection_.json()) return say(document);
        json_rows const rows{document};
        if (rows.size() == 0) return say("no tasks: no worker has registered any yet");
        table out{{{"TASK"}, {"WORKERS", true}, {"SUCCEEDED", true}, {"FAILED", true}, {"TYPICALLY", true}}};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            auto const runs = rows.number(i, "succeeded") + rows.number(i, "failed");
            out.row({rows.get(i, "name"), rows.get(i, "workers"), rows.get(i, "succeeded"),
                     rows.get(i, "failed"), runs > 0 ? span_text(rows.number(i, "typical_us")) : "-"});
        }
        say(out.text());
    }

    option_set options_;
    connection connection_;
    std::vector<std::string> modules_;
};

}  // namespace fastqueue::cli
