#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "options.hpp"
#include "top_session.hpp"
#include "top_view.hpp"
#include "values.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::cli {

/// `fastqueue top`
class top_command {
public:
    explicit top_command(CLI::App& app)
        : options_{*app.add_subcommand("top", "Watch queues, workers and running tasks, live")} {
        using text = std::string_view;
        options_.one("--interval", "SECONDS", "How often it looks, from 0.1 (default: 1)",
                     [this](text n, text v) {
                         wishes_.interval = read_seconds(n, v, std::chrono::milliseconds{100});
                     });
        options_.one(
            "--sort", words(),
            "By what the workers are sorted (worker to seen; default: worker), or the tasks (running "
            "to priority; default: running)",
            [this](text n, text v) { wishes_.order = read_word(n, v, top_order_words); });
        options_.one("--count", "N", "End after it has looked so often (default: never)",
                     [this](text n, text v) { wishes_.count = read_number<std::uint64_t>(n, v, 1); });
        connection_.add_to(options_);
        options_.app().footer(
            "Keys: q or Ctrl+C quit, s sort by the next column, r reverse, p pause, Tab the other list,\n"
            "Up and Down scroll, h help.\n"
            "in and out are tasks a second since it looked last, as is the RATE of a worker; that of a\n"
            "priority is over ten seconds. LOAD is tasks that run / tasks the worker runs at once; TASKS, "
            "all\n"
            "that it has been given. A run is known once it has taken a millisecond. Due later is what is\n"
            "scheduled, or waits to be tried again; in all, since the control plane's start.\n"
            "Where standard output is no terminal, figures are printed one after the other; with --output\n"
            "json each is an object on a line.\n"
            "Examples: fastqueue top --sort load\n"
            "          fastqueue top --count 1 | grep sw1");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        return top_session{connection_, wishes_}.run();
    }

private:
    [[nodiscard]] static std::string words() {
        std::string out;
        for (auto const word : top_order_words) out.append(out.empty() ? "" : "|").append(word);
        return out;
    }

    option_set options_;
    connection connection_;
    top_wishes wishes_;
};

}  // namespace fastqueue::cli
