#pragma once

#include "exit_code.hpp"
#include "options.hpp"
#include "output.hpp"
#include "policies.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::cli {

/// How a command calls two options that all have, where these words mean something else to it.
struct connection_names {
    std::string timeout = "--timeout";
    std::string retries = "--retries";
};

/// What every command has that asks a control plane: where it is, how long to wait, how to print.
class connection {
public:
    connection() = default;
    connection(connection const&) = delete;  // the options' readers hold its address

    void add_to(option_set& options, connection_names names = {},
                std::string const& timeout_help = "How long to wait for the answer (default: 30)") {
        using text = std::string_view;
        names_ = std::move(names);
        options.one(
            "--discovery-address", "ADDRESS",
            "Where the control plane is asked for (default: tcp://127.0.0.1:5550)",
            [this](text n, text v) { given_.discovery = read_peer(n, v); }, "FASTQUEUE_DISCOVERY_ADDRESS");
        options.one(
            names_.timeout, "SECONDS", timeout_help,
            [this](text n, text v) {
                patience_ = given_.timeout = read_seconds(n, v, std::chrono::milliseconds{1});
            },
            "FASTQUEUE_TIMEOUT");
        options.one(
            names_.retries, "N", "Further tries to connect before nobody is there (default: 3)",
            [this](text n, text v) { given_.retries = read_number<std::uint32_t>(n, v, 0, 1'000'000); },
            "FASTQUEUE_RETRIES");
        options.one("--output", "text|json", "How to print (default: text)", [this](text n, text v) {
            json_ = read_word(n, v, std::array<text, 2>{"text", "json"}) == 1;
        });
    }

    [[nodiscard]] client_options const& options() const noexcept { return given_; }
    [[nodiscard]] bool json() const noexcept { return json_; }
    /// How long to wait, where that was said.
    [[nodiscard]] std::optional<std::chrono::milliseconds> const& patience() const noexcept {
        return patience_;
    }

    /// Asks the control plane: `f(client)`.
    /// \param about  what it is about, for the error of a refusal; may be empty
    /// \throws error whose text says what can be done with this program's options
    template <class F>
    decltype(auto) ask(std::string const& about, F&& f) const {
        try {
            client plane{given_};
            return f(plane);
        } catch (error const& e) {
            throw error{e.code(), explained(e, about)};
        }
    }

    /// Asks about one after the other, `f(client, thing)`, and goes on with the others where one is refused.
    /// \param name  `name(thing)`: what it is called in the complaint
    /// \return the exit code that fits all
    template <class Things, class Name, class F>
    [[nodiscard]] int ask_each(Things const& things, Name&& name, F&& f) const {
        int code = done;
        ask({}, [&](client& c) {
            for (auto const& thing : things) {
                try {
                    f(c, thing);
                } catch (error const& e) {
                    if (exit_code_of(e.code()) != refused) throw;
                    complain(name(thing) + ": " + e.text());
                    code = refused;
                }
            }
        });
        return code;
    }

    /// An error in words that say what can be done with this program's options.
    [[nodiscard]] std::string explained(error const& e, std::string const& about) const {
        switch (exit_code_of(e.code())) {
            case nobody:
                return e.text() +
                       " Start it with fastqueue control-plane, or say where it is with --discovery-address";
            case timed_out:
                return "no answer from " + given_.discovery.text() + " within " +
                       seconds_text(given_.timeout) + " s; wait longer with " + names_.timeout;
            case refused:
                if (e.code() == errc::duplicate && uuid::parse(e.text()))
                    return (about.empty() ? "" : about + ": ") +
                           "a task with that --unique key lives already: " + e.text();
                return about.empty() ? e.text() : about + ": " + e.text();
            default:
                return e.text();
        }
    }

private:
    client_options given_;
    connection_names names_;
    std::optional<std::chrono::milliseconds> patience_;
    bool json_ = false;
};

}  // namespace fastqueue::cli
