#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "options.hpp"
#include "output.hpp"
#include "values.hpp"

#include <fastqueue/model/error.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/transport/tcp.hpp>
#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/pair_cursor.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace fastqueue::cli {

/// Follows a control plane's events: asks its discovery port where its management port is, and that for events. A control plane that
/// was there and has gone is looked for until it is back; what happens meanwhile is not told.
class event_reader final : private policy::transport_sink {
public:
    /// \param discovery  where to ask
    /// \param patience   for each answer
    /// \param count      ends after so many events; 0: never
    event_reader(endpoint discovery, std::chrono::milliseconds patience, std::uint64_t count, bool json)
        : discovery_{std::move(discovery)},
          patience_{patience},
          left_{count},
          endless_{count == 0},
          json_{json} {
        transport_.attach(*this);
    }

    /// Prints events as they come. \throws error (refused, timed_out, connection_lost)
    void run() {
        asked_ = transport_.dial(discovery_, asks_where);
        await();
        transport_.run();
        if (failed_) throw error{*failed_};
    }

private:
    static constexpr std::uint32_t asks_where = 0;
    static constexpr std::uint32_t asks_for_events = 1;

    void await() { transport_.arm(transport_.now().steady + patience_); }
    void opened(peer_id peer, peer_info const& info) override {
        std::array<std::string_view, 2> const where{"FQ1 discover", ""};
        std::array<std::string_view, 2> const events{"FQ1 watch events", ""};
        static_cast<void>(transport_.send(peer, info.tag == asks_where ? where : events));
    }
    void message(peer_id, std::span<std::string_view const> frames) override {
        wire::pair_cursor cursor{frames};
        wire::header h;
        for (wire::pair pair; cursor.next(pair) && !ended_;) {
            if (h.parse(pair.header, 4096)) continue;
            if (h.verb() == "nodes") dial_management(pair.payload);
            if (h.verb() == "watch") watches();
            if (h.verb() == "error" && h.positional().size() > 1)
                end(error{errc_from_name(h.positional()[1], errc::bad_request), std::string{pair.payload}});
            if (h.verb() == "event") show(pair.payload);
        }
    }
    void closed(peer_id peer, std::error_code why) override {
        if (ended_) return;
        if (peer == asked_) asked_ = peer_id::none;
        if (peer == watched_) watched_ = peer_id::none;
        if (was_there_)
            look_again();
        else
            end(error{why == errc::connection_lost ? make_error_code(errc::unreachable) : why,
                      "the connection to the control plane was lost"});
    }
    void due() override {
        if (!was_there_) return end(error{errc::timed_out, "no answer in time"});
        for (auto* peer : {&asked_, &watched_}) {  // who has not answered shall not do it later
            if (*peer != peer_id::none) transport_.close(std::exchange(*peer, peer_id::none));
        }
        asked_ = transport_.dial(discovery_, asks_where);
        transport_.arm(transport_.now().steady + patience_);
    }
    void watches() {
        transport_.arm(std::nullopt);
        if (std::exchange(lost_, false)) mention("the control plane is back");
        was_there_ = true;
    }
    void look_again() {
        constexpr std::chrono::milliseconds pause{500};
        if (!std::exchange(lost_, true))
            mention("the connection to the control plane was lost; looking for it");
        transport_.arm(transport_.now().steady + pause);
    }
    void woken() override {}
    void turn_end() override {}

    void dial_management(std::string_view nodes) {
        json_rows const rows{nodes};
        endpoint at;
        if (rows.size() == 0 || !parse_endpoint(rows.get(0, "management"), at).empty())
            return end(error{errc::bad_value, "what answers there is no control plane"});
        watched_ = transport_.dial(at, asks_for_events);
        await();
    }
    void show(std::string_view document) {
        if (json_) {
            say(std::string{document});
        } else {
            json_rows const rows{document, json_rows::form::one};
            auto line = utc(rows.number(0, "at_us")) + ' ' + rows.get(0, "event");
            for (auto const* const key : {"name", "id", "worker", "code", "reason"}) {
                if (rows.has(0, key)) line += ' ' + one_line(rows.get(0, key));
            }
            if (rows.number(0, "attempt") > 1) line += " (attempt " + rows.get(0, "attempt") + ')';
            say(line);
        }
        if (!endless_ && --left_ == 0) end(std::nullopt);
    }
    void end(std::optional<error> why) {
        if (std::exchange(ended_, true)) return;
        failed_ = std::move(why);
        transport_.stop();
    }

    endpoint discovery_;
    std::chrono::milliseconds patience_;
    std::uint64_t left_;
    bool endless_;
    bool json_;
    bool ended_ = false;
    bool was_there_ = false;
    peer_id asked_ = peer_id::none;
    peer_id watched_ = peer_id::none;
    bool lost_ = false;
    std::optional<error> failed_;
    transport::tcp transport_;
};

/// `fastqueue events`
class events_command {
public:
    explicit events_command(CLI::App& app)
        : options_{*app.add_subcommand("events", "Show what happens, as it happens: tasks and workers")} {
        options_.flag("--follow", "Until it is interrupted (the default)", [](bool) {});
        options_.one(
            "--count", "N", "End after so many events",
            [this](std::string_view n, std::string_view v) { count_ = read_number<std::uint64_t>(n, v, 1); });
        connection_.add_to(options_);
        options_.app().footer(
            "task.submitted, scheduled, queued, started, retrying, succeeded, failed, cancelled, expired;\n"
            "worker.joined, inactive, lost, left. With --output json a line is an object.\n"
            "Who reads too slowly is cut off, and holds nobody up.\n"
            "Example: fastqueue events --output json | jq 'select(.event == \"task.failed\")'");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        auto const& how = connection_.options();
        try {
            event_reader{how.discovery, how.timeout, count_, connection_.json()}.run();
        } catch (error const& e) {
            throw error{e.code(), connection_.explained(e, {})};
        }
        return done;
    }

private:
    option_set options_;
    connection connection_;
    std::uint64_t count_ = 0;
};

}  // namespace fastqueue::cli
