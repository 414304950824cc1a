#pragma once

#include <fastqueue/model/catch_up.hpp>
#include <fastqueue/model/cron_expression.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/number.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fastqueue::core {

/// A task that is submitted again and again: what was asked for, and how far it has come. Its text is how a store keeps it: a header
/// line, a line feed, the arguments.
struct schedule {
    static constexpr std::string_view stored_key = "schedule=";
    static constexpr std::string_view state_prefix = "s.";
    static constexpr std::size_t max_arguments = 8U << 10U;
    static constexpr std::size_t max_keys = 22;  // of a definition: the state's come to them

    std::string name;
    std::string task;
    std::string definition;  ///< the tokens that were asked for, names first
    std::string arguments;
    std::uint64_t every_us = 0;  ///< 0: `cron`
    std::optional<cron_expression> cron;
    std::string cron_text;
    std::string zone = "UTC";
    std::uint64_t start_us = 0;  ///< not before; an interval is counted from it. 0: none
    std::uint64_t until_us = 0;  ///< not after; 0: for ever
    std::uint64_t count = 0;     ///< so many firings; 0: for ever
    bool overlaps = false;       ///< it fires also while the task of the last firing lives
    fastqueue::catch_up missed = fastqueue::catch_up::one;

    std::uint64_t anchor_us = 0;  ///< from which an interval without `start_us` is counted
    std::uint64_t next_us = 0;    ///< 0: none any more
    task_id next_id;  ///< of the next firing's task: fixed beforehand, so that no crash makes two of one
    std::uint64_t last_us = 0;  ///< 0: it has not fired
    task_id last_id;
    std::uint64_t fired = 0;
    std::uint64_t skipped =
        0;           ///< since the task of one before lived, or one with its key, or nobody wanted it so late
    task_id run_id;  ///< of the latest that was ordered beside its times
    bool paused = false;
    std::uint64_t revision = 0;  ///< of two texts of one schedule the larger is the later one

    /// Reads what somebody asks for. \return what is wrong, or empty
    [[nodiscard]] std::string read(wire::header const& h, std::string_view payload) {
        if (h.positional().size() != 2) return "the verb takes the schedule's name and the task's";
        for (auto const token : h.positional()) {
            if (!is_valid_name(token))
                return "'" + std::string{token.substr(0, 64)} + "' is not 1 to 255 of A-Z a-z 0-9 . _ : -";
        }
        if (h.fields().size() > max_keys) return "more than 22 keys";
        if (payload.size() > max_arguments)
            return "the arguments have more than 8192 octets: let the task look for what is larger";
        name = h.positional()[0];
        task = h.positional()[1];
        arguments = payload;
        definition = name + ' ' + task;
        for (auto const& f : h.fields()) {
            if (f.key.starts_with(state_prefix)) return "no key begins with s. but those of its state";
            if (f.key != "ref" && f.key != "replace") f.append_to(definition);
        }
        if (auto const bad = check_options(h); !bad.empty()) return bad;
        return read_times(h);
    }
    /// As the store keeps it.
    [[nodiscard]] std::string text() const {
        auto out = std::string{stored_key} + definition;
        auto const number = [&](std::string_view key, std::uint64_t value) {
            if (value != 0) out.append(key).append(std::to_string(value));
        };
        number(" s.anchor=", anchor_us);
        number(" s.next=", next_us);
        number(" s.last=", last_us);
        number(" s.fired=", fired);
        number(" s.skipped=", skipped);
        number(" s.paused=", paused ? 1 : 0);
        number(" s.revision=", revision);
        out.append(" s.next_id=").append(next_id.text());
        if (last_us != 0) out.append(" s.last_id=").append(last_id.text());
        if (!run_id.empty()) out.append(" s.run_id=").append(run_id.text());
        return out.append(1, '\n').append(arguments);
    }
    /// Reads `text`. \return false: it cannot be read
    [[nodiscard]] bool restore(std::string_view kept) {
        auto const end = kept.find('\n');
        if (!kept.starts_with(stored_key) || end == kept.npos) return false;
        auto const line =
            "FQ1 schedule " + std::string{kept.substr(stored_key.size(), end - stored_key.size())};
        wire::header h;
        if (h.parse(line, line.size()) || h.positional().size() != 2) return false;
        name = h.positional()[0];
        task = h.positional()[1];
        arguments = kept.substr(end + 1);
        definition = name + ' ' + task;
        for (auto const& f : h.fields()) {
            if (!f.key.starts_with(state_prefix)) f.append_to(definition);
        }
        return read_times(h).empty() && read_state(h);
    }

private:
    [[nodiscard]] static std::string check_options(wire::header const& h) {
        wire::request_options o;
        if (auto const bad = wire::read_options(h, o))
            return (bad->token.empty() ? "" : std::string{bad->token} + ": ") + std::string{bad->why};
        if (o.task.countdown_ms || o.task.eta_us || o.task.expires_us)
            return "countdown_ms, eta_us and expires_us have no meaning for what fires again and again";
        return {};
    }
    [[nodiscard]] std::string read_times(wire::header const& h) {
        auto const every = h.get("every_ms");
        cron_text = h.get("cron");
        if (every.empty() == cron_text.empty()) return "one of every_ms= and cron= says when";
        if (auto const z = h.get("zone"); !z.empty()) zone = z;
        if (!every.empty()) {
            every_us = wire::read_number(every, longest_ms).value_or(0) * 1000;
            if (every_us == 0) return "every_ms= is 1 to 31536000000, a year";
        } else if (auto bad = read_cron(); !bad.empty()) {
            return bad;
        }
        for (auto const& [key, to] :
             {std::pair{"start_us", &start_us}, {"until_us", &until_us}, {"count", &count}}) {
            auto const value = h.get(key);
            auto const n = wire::read_number(value);
            if (!value.empty() && (!n || *n == 0)) return std::string{key} + "= is a number from 1";
            *to = n.value_or(0);
        }
        return read_rules(h);
    }
    /// Blanks are underscores in a token.
    [[nodiscard]] std::string read_cron() {
        std::ranges::replace(cron_text, '_', ' ');
        std::string why;
        cron = cron_expression::parse(cron_text, why);
        return cron ? std::string{} : "cron=: " + why;
    }
    [[nodiscard]] std::string read_rules(wire::header const& h) {
        auto const overlap = h.get("overlap");
        auto const wanted = h.get("catch_up");
        overlaps = overlap == "allow";
        if (!overlap.empty() && overlap != "skip" && !overlaps) return "overlap= is skip or allow";
        if (wanted == "none") missed = fastqueue::catch_up::none;
        if (wanted == "all") missed = fastqueue::catch_up::all;
        if (!wanted.empty() && wanted != "one" && missed == fastqueue::catch_up::one)
            return "catch_up= is none, one or all";
        return {};
    }
    [[nodiscard]] bool read_state(wire::header const& h) {
        auto const number = [&h](std::string_view key) { return wire::read_number(h.get(key)).value_or(0); };
        anchor_us = number("s.anchor");
        next_us = number("s.next");
        last_us = number("s.last");
        fired = number("s.fired");
        skipped = number("s.skipped");
        paused = h.get("s.paused") == "1";
        revision = number("s.revision");
        last_id = uuid::parse(h.get("s.last_id")).value_or(uuid{});
        run_id = uuid::parse(h.get("s.run_id")).value_or(uuid{});
        auto const id = uuid::parse(h.get("s.next_id"));
        next_id = id.value_or(uuid{});
        return id.has_value();
    }

    static constexpr std::uint64_t longest_ms = 31'536'000'000;  // a year
};

}  // namespace fastqueue::core
