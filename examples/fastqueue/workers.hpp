#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "options.hpp"
#include "output.hpp"

#include <fastqueue/client.hpp>

#include <cstddef>
#include <string>

namespace fastqueue::cli {

/// `fastqueue workers`
class workers_command {
public:
    explicit workers_command(CLI::App& app)
        : options_{*app.add_subcommand("workers", "Show the workers and their load")} {
        connection_.add_to(options_);
        options_.app().footer(
            "LOAD is tasks at the worker / tasks it runs at once; WINDOW is how many it may have at all. "
            "DONE "
            "is tasks that ended there; FAILED, those of them that failed.\n"
            "Example: fastqueue workers --output json | jq -r 'select(.state == \"active\").id'");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        auto const document = connection_.ask({}, [](client& c) { return c.document("workers"); });
        json_rows const rows{document};
        if (connection_.json())
            say_lines(rows.lines());
        else
            show(rows);
        return done;
    }

private:
    static void show(json_rows const& rows) {
        if (rows.size() == 0) return say("no workers; start one with fastqueue subworker");
        table out{{{"ID"},
                   {"STATE"},
                   {"LOAD", true},
                   {"DONE", true},
                   {"FAILED", true},
                   {"WINDOW", true},
                   {"LAST SEEN", true},
                   {"UPTIME", true},
                   {"ADDRESS"}}};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            out.row({rows.get(i, "id"), rows.get(i, "state"),
                     rows.get(i, "outstanding") + "/" + rows.get(i, "concurrency"),
                     std::to_string(rows.number(i, "succeeded") + rows.number(i, "failed")),
                     rows.get(i, "failed"), rows.get(i, "window"),
                     span_text(rows.number(i, "last_seen_ms") * 1000) + " ago",
                     span_text(rows.number(i, "uptime_ms") * 1000), address(rows, i)});
        }
        say(out.text());
    }
    [[nodiscard]] static std::string address(json_rows const& rows, std::size_t i) {
        if (rows.has(i, "address")) return rows.get(i, "address");
        return rows.get(i, "local") == "true" ? "(in the control plane)" : "-";
    }

    option_set options_;
    connection connection_;
};

}  // namespace fastqueue::cli
