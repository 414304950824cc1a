#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "options.hpp"
#include "output.hpp"

#include <fastqueue/client.hpp>

#include <string>

namespace fastqueue::cli {

/// `fastqueue workers`
class workers_command {
public:
    explicit workers_command(CLI::App& app)
        : options_{*app.add_subcommand("workers", "Show the workers and their load")} {
        connection_.add_to(options_);
        options_.app().footer("LOAD is tasks at the worker / tasks it runs at once.");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        auto const document = connection_.ask({}, [](client& c) { return c.document("workers"); });
        if (connection_.json())
            say(document);
        else
            show(json_rows{document});
        return done;
    }

private:
    static void show(json_rows const& rows) {
        if (rows.size() == 0) return say("no workers; start one with fastqueue subworker");
        table out{{{"ID"},
                   {"STATE"},
                   {"LOAD", true},
                   {"SUCCEEDED", true},
                   {"FAILED", true},
                   {"LAST SEEN", true},
                   {"ADDRESS"}}};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            auto const address = rows.get(i, "address");
            auto const local = rows.get(i, "local") == "true";
            out.row({rows.get(i, "id"), rows.get(i, "state"),
                     rows.get(i, "outstanding") + "/" + rows.get(i, "concurrency"), rows.get(i, "succeeded"),
                     rows.get(i, "failed"), span_text(rows.number(i, "last_seen_ms") * 1000) + " ago",
                     !address.empty() ? address
                     : local          ? "(in the control plane)"
                                      : "-"});
        }
        say(out.text());
    }

    option_set options_;
    connection connection_;
};

}  // namespace fastqueue::cli
